"""Starts the README's first command, pastes its curl session, and invokes a function with one of the events."""

import subprocess
import sys
import tempfile

from readme import block_after, expected_output
from stack import ROOT, Stack

SESSION_LIMIT_S = 60


def paste_session(port: int) -> None:
    session = block_after("## Talk to it").replace("127.0.0.1:9000", f"127.0.0.1:{port}")
    shell = subprocess.run(["bash"], input=session, capture_output=True, text=True, timeout=SESSION_LIMIT_S, check=True)
    print(shell.stdout, shell.stderr)
    if not expected_output(session).fullmatch(shell.stdout.strip()):
        sys.exit("The session printed something else than the README says.")


def invoke_with_event(stack: Stack) -> None:
    event = ROOT / "events" / "register" / "registered.json"
    answer = stack.invoke("register", "--data-file", str(event))
    print(answer)
    if '"statusCode":201' not in answer:
        sys.exit("The event of a registration registered nobody.")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as data, Stack(data) as stack:
        paste_session(stack.port)
        invoke_with_event(stack)
    print("The README's session printed what the README says.")
