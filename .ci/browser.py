"""Chromium, driven by Playwright in an environment of its own under .local/browser. Without a Chromium, Debian's is installed.

A script begins with `browser.enter()`, which installs both and starts the script again inside that environment.

    python3 .ci/browser.py --install     # installs both and does no more: a script that runs beside others finds them
"""

import os
import pathlib
import shutil
import subprocess
import sys
import venv
from collections.abc import Callable

from stack import ROOT

# An installation loads some 100 MB.
INSTALLATION_LIMIT_S = 600
ENVIRONMENT = ROOT / ".local" / "browser"
PYTHON = ENVIRONMENT / "bin" / "python"
# The names that Chromium goes by, and the browser that is made of it.
NAMES = ("chromium", "chromium-browser", "google-chrome")
# Without these Chromium calls its makers at its start, and as root it does not start in a sandbox.
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def enter() -> None:
    """Goes on in Playwright's environment, and returns only there."""
    if pathlib.Path(sys.prefix) == ENVIRONMENT:
        return
    install()
    os.execv(PYTHON, [str(PYTHON), *sys.argv])


def install() -> None:
    if path_of_chromium() is None:
        install_chromium()
    # pip comes last: an environment whose making was interrupted has none.
    if not (ENVIRONMENT / "bin" / "pip").exists():
        venv.create(ENVIRONMENT, with_pip=True)
    pip = [ENVIRONMENT / "bin" / "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "--requirement", ROOT / ".ci" / "requirements-browser.txt"], check=True)


def path_of_chromium() -> str | None:
    return next(filter(None, map(shutil.which, NAMES)), None)


def install_chromium() -> None:
    """Installs Chromium without a question: apt or sudo that would ask one fails."""
    as_root = [] if os.geteuid() == 0 else ["sudo", "-n"]
    missing = [program for program in ("apt-get", *as_root[:1]) if shutil.which(program) is None]
    if missing:
        sys.exit(f"There is no Chromium ({', '.join(NAMES)}), and no {' and no '.join(missing)} to install it.")
    print("Installing Chromium …", flush=True)
    # `timeout` runs as root, as apt does: this process could not end apt.
    apt = [*as_root, "env", "DEBIAN_FRONTEND=noninteractive", "timeout", f"{INSTALLATION_LIMIT_S}", "apt-get", "-qq"]
    for arguments in (["update"], ["install", "--yes", "--no-install-recommends", "chromium"]):
        ended = subprocess.run([*apt, *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL).returncode
        if ended != 0:
            sys.exit(f"There is no Chromium, and `apt-get {' '.join(arguments)}` ended with {ended}.")
    if path_of_chromium() is None:
        sys.exit(f"apt's package chromium has no program of the names {', '.join(NAMES)}.")


def with_chromium(work: Callable[[object], None]) -> None:
    """Does the work with a browser, which is closed after it."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path_of_chromium(), args=FLAGS)
        work(chromium)
        chromium.close()


if __name__ == "__main__":
    if sys.argv[1:] != ["--install"]:
        sys.exit(__doc__)
    install()
