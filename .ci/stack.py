"""The README's first command, started on free ports and stopped as a service manager would."""

import json
import os
import pathlib
import shlex
import signal
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from email.message import Message

from pages import block_after

ROOT = pathlib.Path(__file__).parent.parent
TOOLS = ROOT / ".local" / "tools" / "cargo-lambda-1.9.2" / "bin"
# The functions, as the launcher and `cargo test --no-run` leave them.
BINARIES = ROOT / "target" / "debug"
LAUNCHER = BINARIES / "examples" / "local"
START_LIMIT_S = 1200
STOP_LIMIT_S = 15
REQUEST_LIMIT_S = 60
INVOCATION_LIMIT_S = 120
PASSWORD = "correct horse battery staple"


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def functions() -> set[str]:
    """Every function, by the name of its binary."""
    return {folder.name for folder in (ROOT / "events").iterdir()}


class Stack:
    """A running launcher."""

    def __init__(self, data: str, *arguments: str, **settings: str) -> None:
        self.port, self.dynamodb_port = free_port(), free_port()
        ports = ["--port", str(self.port), "--dynamodb-port", str(self.dynamodb_port)]
        command = shlex.split(block_after("Run it")) + ["--", *ports, "--data", data, *arguments]
        environment = {**os.environ, **settings}
        self.launcher = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, env=environment)

    def __enter__(self) -> "Stack":
        self.wait_until_ready()
        return self

    def __exit__(self, failure: object, *_: object) -> None:
        try:
            self.launcher.send_signal(signal.SIGTERM)
            status = self.launcher.wait(STOP_LIMIT_S)
            if failure is None:
                self.check_that_it_stopped(status)
        finally:
            self.launcher.kill()

    def wait_until_ready(self) -> None:
        limit = threading.Timer(START_LIMIT_S, self.launcher.kill)
        # It must not keep this program alive when the launcher ends early.
        limit.daemon = True
        limit.start()
        for line in self.launcher.stdout:
            print(line, end="", flush=True)
            if line.startswith("Ready: "):
                limit.cancel()
                # What follows must not fill the pipe up.
                threading.Thread(target=self.print_the_rest, daemon=True).start()
                return
        sys.exit("The launcher ended before it was ready.")

    def print_the_rest(self) -> None:
        for line in self.launcher.stdout:
            print(line, end="")

    def check_that_it_stopped(self, status: int) -> None:
        if status != 0:
            sys.exit(f"The launcher was told to end and ended with {status}.")
        for port in (self.port, self.dynamodb_port):
            with socket.socket() as client:
                if client.connect_ex(("127.0.0.1", port)) == 0:
                    sys.exit(f"Something still listens on port {port}.")

    def ask(
        self, path: str, body: object = None, token: str | None = None, method: str | None = None, **headers: str
    ) -> tuple[int, Message, dict]:
        """Status, headers (by name in any case) and body of an answer. A text is sent as a table, and all else as JSON. Of a
        header's name the hyphens are underscores here."""
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", method=method)
        if isinstance(body, str):
            request.data = body.encode()
            request.add_header("Content-Type", "text/csv")
        elif body is not None:
            request.data = json.dumps(body).encode()
            request.add_header("Content-Type", "application/json")
        if token is not None:
            request.add_header("Authorization", f"Bearer {token}")
        for name, value in headers.items():
            request.add_header(name.replace("_", "-"), value)
        try:
            with urllib.request.urlopen(request, timeout=REQUEST_LIMIT_S) as answer:
                return answer.status, answer.headers, json.loads(answer.read() or b"{}")
        except urllib.error.HTTPError as error:
            return error.code, error.headers, json.load(error)

    def enter(self, username: str) -> tuple[str, str]:
        """Registers somebody and logs them in; returns their access token and their refresh token."""
        credentials = {"username": username, "password": PASSWORD}
        assert self.ask("/register/", credentials)[0] == 201
        tokens = self.ask("/login/", credentials)[2]
        return tokens["access_token"], tokens["refresh_token"]

    def log_in(self, username: str) -> str:
        """Registers somebody, and returns their access token."""
        access, _ = self.enter(username)
        return access

    def make_key(self, token: str, **limits: object) -> str:
        """An API key of the person who has this access token, within these limits."""
        status, _, made = self.ask("/keys/", {"name": "a program", "password": PASSWORD, **limits}, token)
        assert status == 201, made
        return made["key"]

    def invoke(self, function: str, *data: str) -> str:
        """Sends an event to a function, past its routes, and returns what it printed."""
        answer = invoke(self.port, function, *data)
        print(answer.stderr, end="", file=sys.stderr)
        return answer.stdout


def run_launcher(*arguments: str, limit_s: float, given: str = "", **settings: str) -> subprocess.CompletedProcess[str]:
    """Lets the launcher do something beside a stack, which has built it. It runs without cargo, whose lock another step may hold for
    minutes."""
    # As .cargo/config.toml sets it.
    environment = {"NO_PROXY": "127.0.0.1,localhost", **os.environ, **settings}
    command = [LAUNCHER, *arguments]
    return subprocess.run(command, input=given, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=limit_s)


def invoke(port: int, function: str, *data: str) -> subprocess.CompletedProcess[str]:
    """Sends an event to a function behind cargo-lambda on this port."""
    address = ["--invoke-address", "127.0.0.1", "--invoke-port", str(port)]
    # Where the launcher installs cargo-lambda if there is none.
    environment = {**os.environ, "PATH": f"{TOOLS}{os.pathsep}{os.environ['PATH']}"}
    command = ["cargo", "lambda", "invoke", *address, function, *data]
    return subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=INVOCATION_LIMIT_S
    )
