"""Builds the console, and the functions with `sam build`, and checks the files that it made: of all functions, or of those named by
their logical id in template.yaml. Installs the SAM CLI, and cargo-lambda with its zig, under .local/ci.

    python3 .ci/sam_build.py [--architecture arm64] [--unoptimised] [Function …]

--unoptimised tells nothing about sizes: docs/decisions/compiled-together.md.
"""

import argparse
import os
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import threading
import time
import venv
import zipfile
from pathlib import Path

import console_build

ROOT = Path(__file__).parent.parent
TOOLS = ROOT / ".local" / "ci"
BUILD = ROOT / ".aws-sam" / "build"

ELF_MACHINES = {"x86_64": 62, "arm64": 183}
# The version in Amazon Linux 2023, the base of provided.al2023. A binary that links a newer one does not start.
GLIBC_MINOR = 34
# A zip is fetched and unpacked at every cold start.
ZIP_LIMIT_MB = 4.0
# The crate h2 has this sentence for a code of RFC 9113, section 7.
SENTENCE_OF_HTTP_2 = b"unspecific protocol error detected"
UNOPTIMISED = {
    "CARGO_PROFILE_RELEASE_CODEGEN_UNITS": "16",
    "CARGO_PROFILE_RELEASE_LTO": "off",
    "CARGO_PROFILE_RELEASE_OPT_LEVEL": "0",
}
STILL_THERE_EVERY_S = 60
# The function that has the console's files in it.
WITH_CONSOLE = "ConsoleFunction"


def install_tools() -> None:
    # pip comes last: an environment whose making was interrupted has none.
    if not (TOOLS / "bin" / "pip").exists():
        venv.create(TOOLS, with_pip=True)
    print("Installing the SAM CLI and cargo-lambda …", flush=True)
    pip = [TOOLS / "bin" / "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "--requirement", ROOT / ".ci" / "requirements.txt"], check=True)


def compile_together(architecture: str) -> None:
    """Compiles all functions with one command of cargo's, which links as many at once as there are cores. SAM compiles them one by
    one with the same command, and so finds each compiled."""
    binaries = re.findall(r"^ +Binary: (\S+)$", (ROOT / "template.yaml").read_text(), re.MULTILINE)
    command = ["cargo", "lambda", "build", "--release", *(["--arm64"] if architecture == "arm64" else [])]
    run(command + [argument for binary in binaries for argument in ("--bin", binary)])


def build(architecture: str, function: str | None) -> None:
    """Runs `sam build` once. It begins by deleting the result of the last run."""
    command = ["sam", "build", *([function] if function else []), "--build-in-source"]
    run([*command, "--parameter-overrides", f"Architecture={architecture}"])


def run(command: list[str]) -> None:
    """Runs a command with the tools on its PATH, and says each minute that it still runs."""
    print("+", *command, flush=True)
    path = f"{TOOLS / 'bin'}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "SAM_CLI_TELEMETRY": "0"}
    # .ci/run compiles with Clippy's driver. What is deployed is compiled by rustc.
    environment.pop("RUSTC_WORKSPACE_WRAPPER", None)
    finished = threading.Event()
    threading.Thread(target=say_that_it_goes_on, args=(finished, time.monotonic()), daemon=True).start()
    # By its full path: the PATH of this process does not have it.
    program = shutil.which(command[0], path=path)
    try:
        subprocess.run([program, *command[1:]], cwd=ROOT, env=environment, check=True)
    except subprocess.CalledProcessError as failure:
        sys.exit(f"{command[0]} ended with {failure.returncode}.")
    finally:
        finished.set()


def say_that_it_goes_on(finished: threading.Event, started: float) -> None:
    while not finished.wait(STILL_THERE_EVERY_S):
        seconds = time.monotonic() - started
        print(f"… still building, {seconds:.0f} s; each function is linked as a whole, on one core", flush=True)


def check(architecture: str, function: str) -> float:
    """The size of the function's zip in MB."""
    files = sorted(file.name for file in (BUILD / function).iterdir())
    if files != ["bootstrap"]:
        sys.exit(f"{function} consists of {files} and not of its bootstrap alone.")
    bootstrap = BUILD / function / "bootstrap"
    if not os.access(bootstrap, os.X_OK):
        sys.exit(f"{bootstrap} cannot be executed.")
    content = bootstrap.read_bytes()
    # The ELF header: magic, 64 bits, little-endian, and at byte 18 the machine.
    if content[:6] != b"\x7fELF\x02\x01" or struct.unpack_from("<H", content, 18)[0] != ELF_MACHINES[architecture]:
        sys.exit(f"{bootstrap} is no executable for {architecture}.")
    needed = max((int(minor) for minor in re.findall(rb"GLIBC_2\.(\d+)", content)), default=0)
    if needed > GLIBC_MINOR:
        sys.exit(f"{bootstrap} needs glibc 2.{needed}, and Lambda has 2.{GLIBC_MINOR}.")
    if SENTENCE_OF_HTTP_2 in content:
        sys.exit(f"{bootstrap} has HTTP/2: a package of the workspace turns it on (docs/decisions/cold-starts.md).")
    if function == WITH_CONSOLE:
        check_console(content)
    zipped_mb = zipped_size(bootstrap) / 1e6
    print(f"{function:26} {len(content) / 1e6:6.2f} MB, zipped {zipped_mb:5.2f} MB, glibc 2.{needed}", flush=True)
    return zipped_mb


def check_console(content: bytes) -> None:
    files = console_build.files()
    if missing := [file.name for file in files if file.read_bytes() not in content]:
        sys.exit(f"{WITH_CONSOLE} lacks these files of the console: {', '.join(missing)}.")
    print(f"{WITH_CONSOLE} has the console's {len(files)} files.", flush=True)


def zipped_size(file: Path) -> int:
    with tempfile.TemporaryFile() as target:
        with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.write(file, file.name)
        return target.tell()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--architecture", choices=sorted(ELF_MACHINES), default="x86_64")
    parser.add_argument("--unoptimised", action="store_true")
    parser.add_argument("functions", nargs="*", metavar="Function")
    arguments = parser.parse_args()
    if shutil.which("cargo") is None:
        sys.exit("Rust is needed to build; there is no cargo on the PATH.")
    install_tools()
    if arguments.unoptimised:
        os.environ.update(UNOPTIMISED)
    # The function is compiled with the files that are there.
    if not arguments.functions or WITH_CONSOLE in arguments.functions:
        console_build.build()
    sizes = {}
    if not arguments.functions:
        compile_together(arguments.architecture)
    for function in arguments.functions or [None]:
        build(arguments.architecture, function)
        built = [function] if function else sorted(folder.name for folder in BUILD.iterdir() if folder.is_dir())
        sizes |= {name: check(arguments.architecture, name) for name in built}
    if arguments.unoptimised:
        print(f"{len(sizes)} functions built for {arguments.architecture}, not optimised.")
        return
    too_large = [name for name, size in sizes.items() if size > ZIP_LIMIT_MB]
    if too_large:
        sys.exit(f"Zipped, these have more than {ZIP_LIMIT_MB} MB: {', '.join(too_large)}.")
    print(f"{len(sizes)} functions built for {arguments.architecture}, none above {ZIP_LIMIT_MB} MB zipped.")


if __name__ == "__main__":
    main()
