"""Runs the tests, or those that cargo's arguments choose, on AWS's DynamoDB Local instead of the embedded engine.

Needs Java, and npm to fetch it.
"""

import contextlib
import os
import socket
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterator

from stack import ROOT, free_port

# AWS publishes DynamoDB Local inside this package. Only its archive is needed, and none of its dependencies.
PACKAGE = "amplify-dynamodb-simulator"
VERSION = "2.9.30"
FOLDER = ROOT / ".local" / f"{PACKAGE}-{VERSION}"
EMULATOR = FOLDER / "package" / "emulator"
START_LIMIT_S = 60
# All but the simulation, which has an engine of its own.
TARGETS = ["--lib", "--test", "api", "--test", "rotation"]


def fetch() -> None:
    if (EMULATOR / "DynamoDBLocal.jar").exists():
        return
    FOLDER.mkdir(parents=True, exist_ok=True)
    command = ["npm", "pack", "--silent", "--pack-destination", str(FOLDER), f"{PACKAGE}@{VERSION}"]
    subprocess.run(command, cwd=FOLDER, check=True)
    archive = FOLDER / f"{PACKAGE}-{VERSION}.tgz"
    with tarfile.open(archive) as packed:
        packed.extractall(FOLDER, filter="data")
    archive.unlink()


@contextlib.contextmanager
def dynamodb_local() -> Iterator[str]:
    """The address of a DynamoDB Local that keeps its data in memory and shares its tables among all credentials."""
    port = free_port()
    # DynamoDB Local listens on every interface and has no option for loopback alone. It holds test data only.
    options = ["-port", str(port), "-inMemory", "-sharedDb", "-disableTelemetry"]
    command = ["java", "-Djava.library.path=./DynamoDBLocal_lib", "-jar", "DynamoDBLocal.jar", *options]
    with subprocess.Popen(command, cwd=EMULATOR) as server:
        try:
            wait_until_ready(server, port)
            yield f"http://127.0.0.1:{port}"
        finally:
            server.terminate()


def wait_until_ready(server: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + START_LIMIT_S
    while server.poll() is None and time.monotonic() < deadline:
        with socket.socket() as client:
            if client.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    sys.exit("DynamoDB Local does not start.")


def run_tests(arguments: list[str]) -> int:
    """Runs `cargo test` with these arguments on a DynamoDB Local that starts and ends with it."""
    fetch()
    command = ["cargo", "test", "--locked", *arguments]
    with dynamodb_local() as address:
        environment = {**os.environ, "CHAT_API_TEST_DYNAMODB": address}
        return subprocess.run(command, cwd=ROOT, env=environment).returncode


if __name__ == "__main__":
    sys.exit(run_tests(sys.argv[1:] or TARGETS))
