"""Chromium, driven by Playwright in an environment of its own under .local/browser. Without one, Debian's is installed.

A script begins with `browser.enter()`, which installs both and starts the script again inside that environment.
"""

import os
import pathlib
import shutil
import subprocess
import sys
import venv
from collections.abc import Callable

from stack import ROOT

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
    """Goes on in Playwright's environment, and returns only there. Without apt and without Chromium the script is skipped."""
    if pathlib.Path(sys.prefix) == ENVIRONMENT:
        return
    install_chromium()
    if not PYTHON.exists():
        venv.create(ENVIRONMENT, with_pip=True)
    pip = [ENVIRONMENT / "bin" / "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "--requirement", ROOT / ".ci" / "requirements-browser.txt"], check=True)
    os.execv(PYTHON, [str(PYTHON), *sys.argv])


def path_of_chromium() -> str | None:
    return next(filter(None, map(shutil.which, NAMES)), None)


def install_chromium() -> None:
    if path_of_chromium() is not None:
        return
    if shutil.which("apt-get") is None:
        print("Skipped: there is no Chromium, and no apt to install it.")
        sys.exit()
    print("Installing Chromium …", flush=True)
    as_root = [] if os.geteuid() == 0 else ["sudo"]
    subprocess.run([*as_root, "apt-get", "update", "-qq"], check=True)
    packages = ["apt-get", "install", "-qq", "--yes", "--no-install-recommends", "chromium"]
    subprocess.run([*as_root, *packages], check=True, stdout=subprocess.DEVNULL)


def with_chromium(work: Callable[[object], None]) -> None:
    """Does the work with a browser, which is closed after it."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path_of_chromium(), args=FLAGS)
        work(chromium)
        chromium.close()
