"""The least versions that README.md states: Rust by Cargo.toml, Python by what the scripts use, cargo-lambda by a session."""

import os
import pathlib
import re
import subprocess
import sys
import tempfile
import venv

from stack import ROOT, Stack

ENVIRONMENT = ROOT / ".local" / "least"
VERMIN = "vermin==1.9.2"
CARGO_LAMBDA = "1.9.0"


def stated(pattern: str) -> str:
    """The version in README.md that follows a text."""
    found = re.search(pattern + r"\s+(\d+(?:\.\d+)*)\s+or\s+later", (ROOT / "README.md").read_text(encoding="utf-8"))
    if found is None:
        sys.exit(f"README.md does not say {pattern} … or later.")
    return found[1]


def install(*packages: str) -> None:
    venv.create(ENVIRONMENT, with_pip=True)
    pip = [ENVIRONMENT / "bin" / "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
    subprocess.run([*pip, *packages], check=True)


def check_rust() -> None:
    """The stated version is the one in Cargo.toml, and it compiles everything."""
    manifest = (ROOT / "Cargo.toml").read_text(encoding="utf-8")
    least = re.search(r'^rust-version = "(.+)"$', manifest, re.MULTILINE)[1]
    if stated(r"\[Rust\]\(https://rustup\.rs\)") != least:
        sys.exit(f"README.md states another version of Rust than Cargo.toml, {least}.")
    here = subprocess.run(["rustc", "--version"], stdout=subprocess.PIPE, text=True, check=True).stdout.split()[1]
    if here == least:
        print(f"Rust {least} is the one here: every other check uses it.", flush=True)
        return
    print(f"Rust {here} is here; Rust {least} checks the workspace.", flush=True)
    folder = ROOT / "target" / "least-rust"
    check = ["rustup", "run", "--install", least, "cargo", "check", "--workspace", "--all-targets", "--locked"]
    subprocess.run([*check, "--target-dir", folder], cwd=ROOT, check=True)


def check_python() -> None:
    """The scripts use nothing newer than the stated version."""
    least = stated("Python")
    scripts = sorted((ROOT / ".ci").glob("*.py"))
    vermin = [ENVIRONMENT / "bin" / "vermin", "--no-tips", "--eval-annotations", f"--target={least}-", "--violations"]
    subprocess.run([*vermin, *scripts], check=True)


def check_cargo_lambda() -> None:
    """The oldest one serves a session of the README's first command."""
    if not CARGO_LAMBDA.startswith(stated(r"\[cargo-lambda\]\(https://www\.cargo-lambda\.info\)") + "."):
        sys.exit(f"README.md states another version of cargo-lambda than {CARGO_LAMBDA}.")
    programs = ENVIRONMENT / "bin"
    version = subprocess.run([programs / "cargo-lambda", "lambda", "--version"], stdout=subprocess.PIPE, text=True).stdout
    assert CARGO_LAMBDA in version, version
    path = f"{programs}{os.pathsep}{os.environ['PATH']}"
    with tempfile.TemporaryDirectory() as data, Stack(data, "--in-memory", PATH=path) as stack:
        token = stack.log_in("ada")
        status, _, reply = stack.ask("/chatView/", {"message": "Hello"}, token)
        assert (status, reply["response"]) == (200, "Dummy Response"), reply
        body = {"model": "dummy", "messages": [{"role": "user", "content": "Hello"}]}
        key = stack.make_key(token)
        status, _, reply = stack.ask("/v1/chat/completions", body, key)
        assert status == 200, reply
        assert '"finished":true' in stack.invoke("audit", "--data-ascii", "{}").replace(" ", "")
        in_use = {os.readlink(process) for process in emulators(stack)}
        assert in_use == {str((programs / "cargo-lambda").resolve())}, in_use


def emulators(stack: Stack) -> list[pathlib.Path]:
    """The emulator of this stack, as Linux shows it."""
    found = []
    for process in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            arguments = (process / "cmdline").read_text().split("\0")
            if "--only-lambda-apis" in arguments and str(stack.port) in arguments:
                found.append(process / "exe")
        except OSError:
            pass
    return found


if __name__ == "__main__":
    install(VERMIN, f"cargo-lambda=={CARGO_LAMBDA}")
    check_rust()
    check_python()
    check_cargo_lambda()
    print("The least versions are as README.md states them.")
