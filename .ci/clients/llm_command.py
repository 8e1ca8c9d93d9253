"""The command llm, which reads its models from a file in its folder."""

import json
import os
import pathlib
import subprocess
import sys
import tempfile

MODEL = """
- model_id: chat-api
  model_name: scripted
  api_base: {base_url}
  api_key_name: chat-api
  supports_tools: true
  supports_schema: true
"""
TOOL = '''
def weather(city: str) -> str:
    """The weather of a city."""
    return "warm" if city == "Turin" else "not known"
'''

with tempfile.TemporaryDirectory() as folder:
    pathlib.Path(folder, "extra-openai-models.yaml").write_text(
        MODEL.format(base_url=os.environ["OPENAI_BASE_URL"]), encoding="utf-8"
    )
    llm = [str(pathlib.Path(sys.executable).with_name("llm"))]
    environment = {**os.environ, "LLM_USER_PATH": folder}
    key = ["--key", os.environ["OPENAI_API_KEY"]]

    def ask(*options: str) -> str:
        command = [*llm, "--model", "chat-api", *key, *options, "Hello"]
        return subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True).stdout.strip()

    print("whole:", ask("--no-stream"))
    print("streamed:", ask())
    print("tool:", ask("--no-stream", "--functions", TOOL))
    print("tool streamed:", ask("--functions", TOOL))
    print("object:", json.loads(ask("--schema", "city str"))["city"])
