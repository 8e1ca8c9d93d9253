"""Runs the API's tests with each function under AWS's own Lambda Runtime Interface Emulator, on AWS's DynamoDB Local.

Needs Linux, and what dynamodb_local.py needs. Arguments choose tests, as those of `cargo test` do.
"""

import pathlib
import platform
import subprocess
import sys

from dynamodb_local import run_tests
from stack import ROOT

# AWS publishes the emulator inside its SAM CLI.
ENVIRONMENT = ROOT / ".local" / "ci"
EMULATORS = {"x86_64": "aws-lambda-rie-x86_64", "aarch64": "aws-lambda-rie-arm64"}
TESTS = ["--test", "api"]


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


if __name__ == "__main__":
    emulator = install()
    print(f"Running the tests under {emulator.relative_to(ROOT)}.", flush=True)
    sys.exit(run_tests([*TESTS, *sys.argv[1:]], CHAT_API_TEST_RIE=str(emulator)))
