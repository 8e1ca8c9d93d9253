"""Starts the README's first command, pastes every session of README.md and docs/, and invokes a function with an event."""

import os
import subprocess
import sys
import tempfile

from pages import expected_output, sessions
from stack import ROOT, TOOLS, Stack

SESSION_LIMIT_S = 60


def paste(page: str, session: str, stack: Stack) -> None:
    commands = session.replace("127.0.0.1:9000", f"127.0.0.1:{stack.port}")
    commands = commands.replace("--invoke-port 9000", f"--invoke-port {stack.port}")
    commands = commands.replace("-- createsuperuser", f"-- createsuperuser --dynamodb-port {stack.dynamodb_port}")
    environment = {**os.environ, "PATH": f"{TOOLS}{os.pathsep}{os.environ['PATH']}"}
    shell = subprocess.run(
        ["bash"], input=commands, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=SESSION_LIMIT_S
    )
    print(shell.stdout, shell.stderr)
    printed = "\n".join(line for line in shell.stdout.splitlines() if line)
    if shell.returncode != 0 or not expected_output(session).fullmatch(printed):
        sys.exit(f"The session of {page} printed something else than it shows.")


def invoke_with_event(stack: Stack) -> None:
    event = ROOT / "events" / "register" / "registered.json"
    answer = stack.invoke("register", "--data-file", str(event))
    print(answer)
    if '"statusCode":201' not in answer:
        sys.exit("The event of a registration registered nobody.")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as data, Stack(data) as stack:
        for page, session in sessions():
            print(f"The session of {page}:", flush=True)
            paste(page, session, stack)
        invoke_with_event(stack)
    print("Every session printed what its page shows.")
