"""The command llm, which reads its models from a file in its folder."""

import os
import pathlib
import subprocess
import sys
import tempfile

MODEL = """
- model_id: chat-api
  model_name: dummy
  api_base: {base_url}
  api_key_name: chat-api
"""

with tempfile.TemporaryDirectory() as folder:
    pathlib.Path(folder, "extra-openai-models.yaml").write_text(
        MODEL.format(base_url=os.environ["OPENAI_BASE_URL"]), encoding="utf-8"
    )
    llm = [str(pathlib.Path(sys.executable).with_name("llm"))]
    environment = {**os.environ, "LLM_USER_PATH": folder}
    key = ["--key", os.environ["OPENAI_API_KEY"]]
    for kind, options in [("whole", ["--no-stream"]), ("streamed", [])]:
        command = [*llm, "--model", "chat-api", *key, *options, "Hello"]
        answer = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
        print(f"{kind}:", answer.stdout.strip())
