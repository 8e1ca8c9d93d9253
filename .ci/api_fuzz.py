"""Schemathesis against the README's first command: requests made of /openapi.json, and answers compared with it.

First the document's links are followed, from a registration to a login, a message and the list of messages. Then each
operation is tried by its examples, at the limits of its schemas, and at random. Nothing may be answered 5xx, with a status,
a header or a body that the document does not have, or with a success where it should have been refused.

    python3 .ci/api_fuzz.py [--long]

Installs Schemathesis under .local/fuzz.
"""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time
import venv
from collections import Counter

from stack import ROOT, Stack

ENVIRONMENT = ROOT / ".local" / "fuzz"
HERE = pathlib.Path(__file__).parent
IS_LONG = "--long" in sys.argv
# The same requests every time, unless there is time for others.
SEED = time.time_ns() % 1_000_000 if IS_LONG else 15
SCENARIOS, EXAMPLES = (150, 150) if IS_LONG else (12, 6)
# Each operation needs one, and an operation that ends its caller's session one for each time.
ACCOUNTS = 275 if IS_LONG else 125
# The same for operations of the admin API, which nobody but superusers learns of.
SUPERUSERS = 120 if IS_LONG else 60
# The way that somebody goes who tries the API, by operations that link to each other. The requests of every time go it. Those
# of a long run may not: they follow all links, in an order of chance.
WAY = ("POST /register/", "POST /login/", "POST /chatView/", "GET /messages/")
# Where a login leads besides. Each operation that others follow from is also tried on its own, twice in each scenario: all
# of them would leave few steps for the way.
BESIDE = ("POST /token/refresh/", "POST /token/verify/", "POST /logout/")


def install() -> None:
    if not (ENVIRONMENT / "bin" / "python").exists():
        venv.create(ENVIRONMENT, with_pip=True)
    print("Installing Schemathesis, if need be …", flush=True)
    pip = [ENVIRONMENT / "bin" / "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "--requirement", HERE / "requirements-fuzz.txt"], check=True)


def schemathesis(address: str, accounts: list[str], superusers: list[str], *arguments: str) -> None:
    """Runs Schemathesis, which prints what it does and finds."""
    command = [ENVIRONMENT / "bin" / "schemathesis", "--config-file", HERE / "api_fuzz.toml", "run"]
    command += [f"{address}/openapi.json", "--url", address, "--seed", str(SEED), "--generation-database", "none"]
    hooks = {"SCHEMATHESIS_HOOKS": "api_fuzz_hooks", "PYTHONPATH": str(HERE)}
    hooks |= {"CHAT_API_ACCOUNTS": json.dumps(accounts), "CHAT_API_SUPERUSERS": json.dumps(superusers)}
    # The one would replace the models that all others ask, by some that no provider serves here, and the other stop them.
    for name in ("PUT /admin/catalogue/", "PUT /admin/accepting/"):
        command += ["--exclude-name", name]
    command += ["--no-color", *arguments]
    if status := subprocess.run(command, cwd=ENVIRONMENT, env={**os.environ, **hooks}).returncode:
        sys.exit(f"Schemathesis ended with {status}: see above. The seed was {SEED}.")


class Step:
    """A request of a scenario, and the request whose answer linked to it."""

    def __init__(self, case: dict, answer: dict | None) -> None:
        self.operation = f"{case['value']['method']} {case['value']['path']}"
        self.linked_by: str | None = case["parent_id"] if case.get("is_transition_applied") else None
        self.status: int = (answer or {}).get("status_code", 0)


def scenarios(report: pathlib.Path) -> list[dict[str, Step]]:
    """The steps of each scenario by their ids, as Schemathesis's report has them."""
    found = []
    for line in report.read_text().splitlines():
        finished = json.loads(line).get("ScenarioFinished")
        if finished is not None:
            recorder = finished["recorder"]
            # A scenario that sent nothing has neither.
            answers = {id: each.get("response") for id, each in recorder.get("interactions", {}).items()}
            found.append({id: Step(case, answers.get(id)) for id, case in recorder.get("cases", {}).items()})
    return found


def way_to(step: Step, steps: dict[str, Step]) -> tuple[str, ...]:
    """The operations that led here one after the other, as long as they succeeded."""
    if not 200 <= step.status < 300:
        return ()
    before = way_to(steps[step.linked_by], steps) if step.linked_by in steps else ()
    return (*before, step.operation)


def check_that_links_were_followed(report: pathlib.Path) -> None:
    links, whole_ways = Counter(), 0
    for steps in scenarios(report):
        for step in steps.values():
            way = way_to(step, steps)
            links.update([way[-2:]] if len(way) > 1 else [])
            whole_ways += way[-len(WAY):] == WAY
    for (source, target), times in sorted(links.items()):
        print(f"{times:5} × {source} → {target}")
    print(f"{whole_ways} × {' → '.join(WAY)}", flush=True)
    if whole_ways == 0 and not IS_LONG:
        sys.exit("The document's links lead nobody all of that way.")


def main() -> None:
    install()
    print(f"Seed {SEED}; {SCENARIOS} scenarios; {EXAMPLES} random requests to each operation", flush=True)
    settings = {
        # Longer than this takes: the accounts log in once, before wrong passwords use up what a network may fail.
        "ACCESS_TOKEN_LIFETIME": "86400",
        "STARTING_TOKENS": "1000000",
    }
    with tempfile.TemporaryDirectory() as data, Stack(data, **settings) as stack:
        accounts = [stack.log_in(f"account-{number}") for number in range(ACCOUNTS)]
        superusers = [promoted(stack, f"superuser-{number}") for number in range(SUPERUSERS)]
        run(f"http://127.0.0.1:{stack.port}", accounts, superusers)
    print("Schemathesis found nothing that the document does not say.")


def promoted(stack: Stack, username: str) -> str:
    """The access token of a new superuser."""
    token = stack.log_in(username)
    stack.invoke("operator", "--data-ascii", json.dumps({"action": "promote", "username": username}))
    return token


def run(address: str, accounts: list[str], superusers: list[str]) -> None:
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        report = pathlib.Path(folder) / "report.ndjson"
        stateful = ["--phases", "stateful", "--mode", "positive", "--max-examples", str(SCENARIOS)]
        chosen = [] if IS_LONG else [part for name in (*WAY, *BESIDE) for part in ("--include-name", name)]
        schemathesis(address, accounts[::2], superusers[::2], *stateful, *chosen, "--report-ndjson-path", str(report))
        check_that_links_were_followed(report)
    print(f"Links: {time.monotonic() - started:.0f} s", flush=True)
    started = time.monotonic()
    # Each HEAD is its GET without a body.
    chosen = [] if IS_LONG else ["--exclude-method", "HEAD"]
    phases = ["--phases", "examples,coverage,fuzzing", "--max-examples", str(EXAMPLES)]
    schemathesis(address, accounts[1::2], superusers[1::2], *phases, *chosen)
    print(f"Each operation: {time.monotonic() - started:.0f} s", flush=True)


if __name__ == "__main__":
    main()
