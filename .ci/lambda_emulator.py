"""A smoke test under AWS's own Lambda emulator (the Runtime Interface Emulator), on the embedded DynamoDB.

Each function's debug binary starts there, gets its first complete event of events/, and answers as its case says.

Needs Linux, and the binaries that `cargo test --no-run` leaves in target/debug.
"""

import json
import os
import pathlib
import platform
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

from stack import BINARIES, ROOT, Stack, free_port, functions

# AWS publishes the emulator inside its SAM CLI.
ENVIRONMENT = ROOT / ".local" / "ci"
EMULATORS = {"x86_64": "aws-lambda-rie-x86_64", "aarch64": "aws-lambda-rie-arm64"}
START_LIMIT_S = 10
ANSWER_LIMIT_S = 30
# Between the head of a streamed answer and its body.
DELIMITER = bytes(8)
# The models of the events, of which one makes vectors.
DUMMY = {"provider": "dummy", "provider_model": "dummy", "context_tokens": 4096, "max_output_tokens": 1024}
PRICES = {"input": 1_000_000, "output": 0}
CATALOGUE = {
    "providers": {"dummy": {"protocol": "dummy"}},
    "models": [
        {"id": "dummy", "prices": PRICES, **DUMMY},
        {"id": "dummy-embeddings", "prices": PRICES, "takes": ["embeddings"], **DUMMY},
    ],
}
# The first three give the others an account, tokens and a transaction; the last two end the tokens.
FIRST, LAST = ["register", "login", "transactions"], ["password", "logout"]


def install() -> pathlib.Path:
    """The emulator for this machine, fetched if need be."""
    name = EMULATORS.get(platform.machine())
    if sys.platform != "linux" or name is None:
        sys.exit("AWS's Lambda emulator is for Linux on x86_64 or arm64.")
    print("Installing the SAM CLI, if need be; the emulator is inside it.", flush=True)
    subprocess.run([sys.executable, "-m", "venv", ENVIRONMENT], check=True)
    options = ["--quiet", "--disable-pip-version-check", "--requirement", ROOT / ".ci" / "requirements.txt"]
    subprocess.run([ENVIRONMENT / "bin" / "pip", "install", *options], check=True)
    found = list(ENVIRONMENT.glob(f"lib/python3*/site-packages/samcli/local/rapid/{name}"))
    if not found:
        sys.exit("The SAM CLI has no Lambda emulator in it any more.")
    return found[0]


def in_order() -> list[str]:
    """Every function, in an order in which one person can use all of them."""
    return [*FIRST, *sorted(functions() - {*FIRST, *LAST}), *LAST]


def first_event(function: str, placeholders: dict[str, str]) -> tuple[str, dict]:
    """The event of a function's first case with a complete one, and the answer that the case expects."""
    folder = ROOT / "events" / function
    case = next(case for case in json.loads((folder / "cases.json").read_text()) if "file" in case)
    event = (folder / f"{case['file']}.json").read_text()
    for placeholder, value in placeholders.items():
        event = event.replace(placeholder, value)
    return event, case["answer"]


def invoke(emulator: pathlib.Path, function: str, event: str, environment: dict[str, str]) -> dict:
    """The answer of a function to one event; of a streamed answer, its head and its body."""
    binary, port = BINARIES / function, free_port()
    addresses = ["--runtime-interface-emulator-address", f"127.0.0.1:{port}"]
    addresses += ["--runtime-api-address", f"127.0.0.1:{free_port()}"]
    command = [emulator, "--log-level", "error", *addresses, binary]
    url = f"http://127.0.0.1:{port}/2015-03-31/functions/function/invocations"
    request = urllib.request.Request(url, event.encode())
    with subprocess.Popen(command, env=environment) as process:
        try:
            answer = send(process, request)
        finally:
            process.terminate()
    head, delimiter, body = answer.partition(DELIMITER)
    return {**json.loads(head), "body": body.decode()} if delimiter else json.loads(answer)


def send(process: subprocess.Popen[bytes], request: urllib.request.Request) -> bytes:
    """Sends a request as soon as the emulator listens, which it does not announce."""
    deadline = time.monotonic() + START_LIMIT_S
    while True:
        try:
            with urllib.request.urlopen(request, timeout=ANSWER_LIMIT_S) as answer:
                return answer.read()
        except urllib.error.HTTPError as error:
            sys.exit(f"The emulator answers {error.code}: {error.read().decode()}")
        except urllib.error.URLError:
            if process.poll() is not None or time.monotonic() > deadline:
                sys.exit("The emulator does not listen.")
            time.sleep(0.02)


def store_catalogue(emulator: pathlib.Path, environment: dict[str, str]) -> None:
    command = {"action": "catalogue", "replace": CATALOGUE, "version": 0}
    answer = invoke(emulator, "operator", json.dumps(command), environment)
    if answer.get("version") != 1:
        sys.exit(f"operator does not store the catalogue: {answer}")


def check_all(emulator: pathlib.Path, environment: dict[str, str]) -> None:
    store_catalogue(emulator, environment)
    # The event of a registration is bob's, and that of a login ada's.
    placeholders = {"bob": "ada"}
    for function in in_order():
        event, expected = first_event(function, placeholders)
        answer = invoke(emulator, function, event, environment)
        # A function that is invoked directly has a result in place of a response.
        found = answer.keys() if "result" in expected else answer.get("statusCode")
        if found != (expected["result"].keys() if "result" in expected else expected["status"]):
            sys.exit(f"{function} answers {answer} and not {expected}.")
        print(f"{function} answers.", flush=True)
        if function == "login":
            tokens = json.loads(answer["body"])
            placeholders = {f"{{{{{name}}}}}": tokens[name] for name in ("access_token", "refresh_token")}
        if function == "transactions":
            placeholders["{{transaction_id}}"] = json.loads(answer["body"])["transactions"][0]["id"]


if __name__ == "__main__":
    missing = [name for name in in_order() if not (BINARIES / name).exists()]
    if missing:
        sys.exit(f"target/debug lacks {', '.join(missing)}; `cargo test --no-run` builds all functions.")
    program = install()
    with tempfile.TemporaryDirectory() as data, Stack(data, "--only-dynamodb", "--in-memory") as table:
        settings = {
            "AWS_ACCESS_KEY_ID": "local",
            "AWS_ENDPOINT_URL_DYNAMODB": f"http://127.0.0.1:{table.dynamodb_port}",
            "AWS_REGION": "us-east-1",
            "AWS_SECRET_ACCESS_KEY": "local",
            "JWT_SIGNING_SECRET": "0123456789abcdef" * 4,
            "RECEIPT_SIGNING_SECRET": "fedcba9876543210" * 4,
            "TABLE_NAME": "chat-api",
        }
        check_all(program, {"PATH": os.environ["PATH"], **settings})
    print("Every function starts and answers under AWS's Lambda emulator.")
