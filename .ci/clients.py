"""Clients of OpenAI's protocols and of Anthropic's, against the README's first command and a provider that follows a script. The
balance and, where the client counts them, the tokens have to agree with the provider's books.

    python3 .ci/clients.py [NAME …]

The names of clients choose some of them. The table at the end is for docs/clients.md.
"""

import os
import pathlib
import re
import subprocess
import sys
import time
import venv
from collections.abc import Callable
from dataclasses import dataclass

from scripted_provider import EDITED, GREETING, ScriptedProvider, scripted_stack
from stack import ROOT, Stack

SCRIPTS = pathlib.Path(__file__).parent / "clients"
FOLDER = ROOT / ".local" / "clients"
FOUND = "It is warm."
# The lines that scripts print: what they do, and how it ends. "tokens" is the sum of what the client counted.
WORDS = {"whole": GREETING, "streamed": GREETING}
TOOLS = {"tool": FOUND, "tool streamed": FOUND}
OBJECT = {"object": "Turin"}
# The first numbers of the vectors of two texts.
VECTORS = {"embeddings": "5 13"}
AGENT = {"agent": FOUND}
# An agent that writes programs, and the file of which it is asked to replace the one word.
EDITOR = {"agent": EDITED, "edited": "Goodbye"}
EVERYTHING = {**WORDS, **TOOLS, **OBJECT}
INSTALL_LIMIT_S = 900
CLIENT_LIMIT_S = 120
CHARGE_LIMIT_S = 10


@dataclass(frozen=True)
class Client:
    """A client, the packages that make it, the script that talks with it, and what that does."""

    name: str
    packages: tuple[str, ...]
    script: str
    does: dict[str, str]
    counts: bool = True

    @property
    def is_of_npm(self) -> bool:
        return self.script.endswith(".mjs")

    def install(self) -> pathlib.Path:
        """The folder of these packages, which are installed once."""
        folder = FOLDER / re.sub(r"[^a-z0-9.]+", "-", " ".join(self.packages)).strip("-")
        done = folder / "installed"
        if not done.exists():
            if self.is_of_npm:
                folder.mkdir(parents=True, exist_ok=True)
                command = ["npm", "install", "--prefix", str(folder), "--no-audit", "--no-fund", "--silent"]
            else:
                # Without a pip of its own, which would take as long as the packages.
                venv.create(folder, clear=True)
                pip = [sys.executable, "-m", "pip", "--python", str(folder / "bin" / "python")]
                command = [*pip, "install", "--quiet", "--disable-pip-version-check"]
            subprocess.run([*command, *self.packages], check=True, timeout=INSTALL_LIMIT_S)
            done.touch()
        return folder

    def command(self, folder: pathlib.Path) -> list[str]:
        if not self.is_of_npm:
            return [str(folder / "bin" / "python"), str(SCRIPTS / self.script)]
        # Node looks for packages beside the script.
        for script in SCRIPTS.glob("*.mjs"):
            (folder / script.name).write_text(script.read_text(encoding="utf-8"), encoding="utf-8")
        return ["node", str(folder / self.script)]

    def talk(self, stack: Stack, provider: ScriptedProvider) -> str:
        """The fault, or an empty text."""
        command = self.command(self.install())
        key = stack.make_key(stack.log_in(self.name))
        before = balance(stack, key)
        address = f"http://127.0.0.1:{stack.port}"
        settings = {
            "OPENAI_BASE_URL": f"{address}/v1",
            "OPENAI_API_KEY": key,
            # Anthropic's clients add the rest of the path.
            "ANTHROPIC_BASE_URL": address,
            "ANTHROPIC_API_KEY": key,
        }
        try:
            said = subprocess.run(
                command, env=os.environ | settings, stdout=subprocess.PIPE, text=True, check=True, timeout=CLIENT_LIMIT_S
            )
        except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
            return f"{error}, {provider.bill()}, {provider.faults}"
        cost, tokens = provider.bill()
        wanted = self.does | ({"tokens": str(tokens)} if self.counts else {})
        found = dict(line.split(": ", 1) for line in said.stdout.splitlines() if ": " in line)
        faults = [f"{what} is {found.get(what)}, not {wanted[what]}" for what in wanted if found.get(what) != wanted[what]]
        if not is_reached(lambda: before - balance(stack, key), cost):
            faults.append(f"it paid {before - balance(stack, key)}, not {cost}")
        return "; ".join(faults + provider.faults)


def balance(stack: Stack, key: str) -> int:
    return stack.ask("/token_balance/", token=key)[2]["tokens"]


def is_reached(find: Callable[[], object], wanted: object) -> bool:
    """Whether it is so soon: a client may end before its last stream does."""
    started = time.monotonic()
    while find() != wanted and time.monotonic() - started < CHARGE_LIMIT_S:
        time.sleep(0.1)
    return find() == wanted


CLIENTS = [
    Client("openai-0", ("openai==0.28.1",), "openai_python_0.py", WORDS),
    Client("openai-1", ("openai==1.109.1",), "openai_python.py", EVERYTHING),
    Client("openai-2", ("openai==2.54.0",), "openai_python.py", EVERYTHING),
    Client("openai-3", ("openai==3.57.0",), "openai_python.py", EVERYTHING),
    Client("langchain", ("langchain==1.5.0", "langchain-openai==1.7.4"), "langchain_agent.py", EVERYTHING | AGENT),
    Client("llamaindex", ("llama-index-llms-openai-like==0.8.1",), "llamaindex_agent.py", EVERYTHING, counts=False),
    Client("litellm", ("litellm==1.110.2",), "litellm_loop.py", EVERYTHING),
    Client("pydantic-ai", ("pydantic-ai-slim[openai]==2.68.0",), "pydantic_agent.py", EVERYTHING),
    Client("openai-agents", ("openai-agents==0.24.0",), "openai_agents.py", EVERYTHING),
    Client("instructor", ("instructor==1.17.0",), "instructor_forms.py", OBJECT),
    Client("dspy", ("dspy==3.4.1",), "dspy_agent.py", {"whole": GREETING} | AGENT),
    Client("llm", ("llm==0.36",), "llm_command.py", EVERYTHING, counts=False),
    Client("openai-node-6", ("openai@6.49.0",), "openai_node.mjs", EVERYTHING),
    Client("openai-node-7", ("openai@7.57.0",), "openai_node.mjs", EVERYTHING),
    Client("ai-sdk", ("ai@7.0.173", "@ai-sdk/openai-compatible@3.0.92"), "ai_sdk.mjs", EVERYTHING),
    Client("ai-sdk-anthropic", ("ai@7.0.173", "@ai-sdk/anthropic@4.0.105"), "ai_sdk_anthropic.mjs", EVERYTHING),
    Client("anthropic-node", ("@anthropic-ai/sdk@1.14.0",), "anthropic_node.mjs", EVERYTHING),
    Client(
        "langchain-anthropic", ("langchain==1.5.0", "langchain-anthropic==1.7.10"), "langchain_messages.py", EVERYTHING | AGENT
    ),
    Client("claude-code", ("@anthropic-ai/claude-code@2.1.332",), "claude_code.mjs", EDITOR | {"edited with a token": "Goodbye"}),
    Client("openai-node-responses", ("openai@7.57.0",), "openai_node_responses.mjs", EVERYTHING),
    Client("ai-sdk-openai", ("ai@7.0.173", "@ai-sdk/openai@4.0.118"), "ai_sdk_openai.mjs", EVERYTHING),
    Client("openai-agents-default", ("openai-agents==0.24.0",), "openai_agents_default.py", EVERYTHING),
    Client("pydantic-ai-default", ("pydantic-ai-slim[openai]==2.68.0",), "pydantic_default.py", EVERYTHING),
    Client("codex", ("@openai/codex@0.171.0",), "codex.mjs", EDITOR | {"edited by a patch": "Goodbye"}),
    Client("openai-node-embeddings", ("openai@7.57.0",), "openai_node_embeddings.mjs", VECTORS),
    Client(
        "langchain-embeddings",
        ("langchain==1.5.0", "langchain-openai==1.7.4"),
        "langchain_embeddings.py",
        VECTORS,
        counts=False,
    ),
    Client("llamaindex-completions", ("llama-index-llms-openai-like==0.8.1",), "llamaindex_completions.py", WORDS),
    Client(
        "llamaindex-embeddings",
        ("llama-index-embeddings-openai-like==0.4.0",),
        "llamaindex_embeddings.py",
        VECTORS,
        counts=False,
    ),
    Client("opencode", ("opencode-ai@1.18.33",), "opencode_run.mjs", AGENT, counts=False),
]


def main() -> None:
    names = sys.argv[1:]
    chosen = [client for client in CLIENTS if not names or client.name in names]
    if len(chosen) < len(names):
        sys.exit(f"The clients are {', '.join(client.name for client in CLIENTS)}.")
    rows = []
    with scripted_stack() as (provider, stack):
        for client in chosen:
            started = time.monotonic()
            fault = client.talk(stack, provider)
            provider.faults.clear()
            rows.append((client, fault, time.monotonic() - started))
            print(f"{client.name}: {fault or 'as it should be'}", flush=True)
    print("\n| client | packages | passes | seconds |\n|---|---|---|--:|")
    for client, fault, seconds in rows:
        print(f"| {client.name} | {', '.join(client.packages)} | {fault or ', '.join(client.does)} | {seconds:.1f} |")
    if any(fault for _, fault, _ in rows):
        sys.exit("Not every client gets what it expects.")


if __name__ == "__main__":
    main()
