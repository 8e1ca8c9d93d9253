"""Clients of OpenAI's protocol, each with its packages in a folder of its own, against the README's first command.

With `--base-url` and `--api-key`, against a server that runs already. The names of clients choose some of them.
"""

import argparse
import os
import pathlib
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from stack import Stack

ROOT = pathlib.Path(__file__).parent.parent
SCRIPTS = pathlib.Path(__file__).parent / "clients"
FOLDER = ROOT / ".local" / "clients"
REPLY = "Dummy Response"
EXPECTED = {"whole": REPLY, "streamed": REPLY}
INSTALL_LIMIT_S = 900
CLIENT_LIMIT_S = 120


@dataclass(frozen=True)
class Client:
    """A client, the packages that make it, and the script that talks with it."""

    name: str
    packages: tuple[str, ...]
    script: str

    @property
    def is_of_npm(self) -> bool:
        return self.script.endswith(".mjs")

    def install(self) -> pathlib.Path:
        """The folder with the packages, which are installed if they are not those of the last time."""
        folder = FOLDER / self.name
        done, wanted = folder / "installed", "\n".join(self.packages)
        if not done.exists() or done.read_text(encoding="utf-8") != wanted:
            if self.is_of_npm:
                folder.mkdir(parents=True, exist_ok=True)
                command = ["npm", "install", "--prefix", str(folder), "--no-audit", "--no-fund", "--silent"]
            else:
                # Without a pip of its own, which would take as long as the packages.
                venv.create(folder, clear=True)
                pip = [sys.executable, "-m", "pip", "--python", str(folder / "bin" / "python")]
                command = [*pip, "install", "--quiet", "--disable-pip-version-check"]
            subprocess.run([*command, *self.packages], check=True, timeout=INSTALL_LIMIT_S)
            done.write_text(wanted, encoding="utf-8")
        return folder

    def command(self, folder: pathlib.Path) -> list[str]:
        script = SCRIPTS / self.script
        if not self.is_of_npm:
            return [str(folder / "bin" / "python"), str(script)]
        # Node looks for packages beside the script.
        beside = folder / self.script
        beside.write_text(script.read_text(encoding="utf-8"), encoding="utf-8")
        return ["node", str(beside)]

    def talk(self, base_url: str, api_key: str) -> str:
        """The fault, or an empty text."""
        environment = {**os.environ, "OPENAI_BASE_URL": base_url, "OPENAI_API_KEY": api_key}
        command = self.command(self.install())
        try:
            said = subprocess.run(
                command, env=environment, stdout=subprocess.PIPE, text=True, check=True, timeout=CLIENT_LIMIT_S
            )
        except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
            return str(error)
        lines = dict(line.split(": ", 1) for line in said.stdout.splitlines() if ": " in line)
        found = {kind: lines.get(kind) for kind in EXPECTED}
        return "" if found == EXPECTED else f"said {found}"


CLIENTS = [
    Client("openai-0", ("openai==0.28.1",), "openai_old.py"),
    Client("openai-1", ("openai==1.109.1",), "openai_new.py"),
    Client("openai-2", ("openai==2.54.0",), "openai_new.py"),
    Client("openai-3", ("openai==3.57.0",), "openai_new.py"),
    Client("langchain", ("langchain-openai==1.7.4",), "langchain.py"),
    Client("llamaindex", ("llama-index-llms-openai-like==0.8.1",), "llamaindex.py"),
    Client("litellm", ("litellm==1.110.2",), "litellm_library.py"),
    Client("pydantic-ai", ("pydantic-ai-slim[openai]==2.68.0",), "pydantic_agent.py"),
    Client("llm", ("llm==0.36",), "llm_command.py"),
    Client("openai-node-6", ("openai@6.49.0",), "openai.mjs"),
    Client("openai-node-7", ("openai@7.57.0",), "openai.mjs"),
    Client("ai-sdk", ("ai@7.0.173", "@ai-sdk/openai-compatible@3.0.92"), "ai_sdk.mjs"),
]


@contextmanager
def server(arguments: argparse.Namespace) -> Iterator[tuple[str, str]]:
    """The address of a server, and an API key for it."""
    if arguments.base_url:
        yield arguments.base_url, arguments.api_key
        return
    with tempfile.TemporaryDirectory() as data, Stack(data) as stack:
        yield f"http://127.0.0.1:{stack.port}/v1", stack.make_key(stack.log_in("ada"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--base-url")
    parser.add_argument("--api-key")
    parser.add_argument("names", nargs="*", help="clients to try; all of them by default")
    arguments = parser.parse_args()
    chosen = [client for client in CLIENTS if not arguments.names or client.name in arguments.names]
    rows = []
    with server(arguments) as (base_url, api_key):
        for client in chosen:
            started = time.monotonic()
            fault = client.talk(base_url, api_key)
            seconds = time.monotonic() - started
            rows.append((client, fault, f"{seconds:.1f}"))
            print(f"{client.name}: {fault or 'as it should be'}", flush=True)
    print("\n| client | packages | whole and streamed | seconds |\n|---|---|---|--:|")
    for client, fault, seconds in rows:
        print(f"| {client.name} | {', '.join(client.packages)} | {fault or 'yes'} | {seconds} |")
    if not rows or any(fault for _, fault, _ in rows):
        sys.exit("Not every client talks.")


if __name__ == "__main__":
    main()
