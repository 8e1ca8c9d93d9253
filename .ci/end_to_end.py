"""Starts the README's first command on free ports, pastes its curl session, and stops it as a service manager would."""

import pathlib
import shlex
import signal
import socket
import subprocess
import sys
import tempfile
import threading

from readme import block_after, expected_output

ROOT = pathlib.Path(__file__).parent.parent
START_LIMIT_S = 1200
SESSION_LIMIT_S = 60
STOP_LIMIT_S = 15


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def start(port: int, dynamodb_port: int, data: str) -> subprocess.Popen[str]:
    arguments = ["--", "--port", str(port), "--dynamodb-port", str(dynamodb_port), "--data", data]
    command = shlex.split(block_after("Run it")) + arguments
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)


def wait_until_ready(launcher: subprocess.Popen[str]) -> None:
    limit = threading.Timer(START_LIMIT_S, launcher.kill)
    limit.start()
    for line in launcher.stdout:
        print(line, end="", flush=True)
        if line.startswith("Ready: "):
            limit.cancel()
            # What follows must not fill the pipe up.
            threading.Thread(target=lambda: [print(line, end="") for line in launcher.stdout], daemon=True).start()
            return
    sys.exit("The launcher ended before it was ready.")


def paste_session(port: int) -> None:
    session = block_after("## Talk to it").replace("127.0.0.1:9000", f"127.0.0.1:{port}")
    shell = subprocess.run(
        ["bash"], input=session, capture_output=True, text=True, timeout=SESSION_LIMIT_S, check=True
    )
    print(shell.stdout, shell.stderr)
    if not expected_output(session).fullmatch(shell.stdout.strip()):
        sys.exit("The session printed something else than the README says.")


def stop(launcher: subprocess.Popen[str], ports: list[int]) -> None:
    launcher.send_signal(signal.SIGTERM)
    status = launcher.wait(STOP_LIMIT_S)
    if status != 0:
        sys.exit(f"The launcher was told to end and ended with {status}.")
    for port in ports:
        with socket.socket() as client:
            if client.connect_ex(("127.0.0.1", port)) == 0:
                sys.exit(f"Something still listens on port {port}.")


if __name__ == "__main__":
    ports = [free_port(), free_port()]
    with tempfile.TemporaryDirectory() as data:
        launcher = start(ports[0], ports[1], data)
        try:
            wait_until_ready(launcher)
            paste_session(ports[0])
            stop(launcher, ports)
        finally:
            launcher.kill()
    print("The README's session printed what the README says.")
