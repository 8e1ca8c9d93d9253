"""Puts load on the README's first command for a minute, with Locust, and then has the ledger audited.

Fails unless every answer was an expected one (no 5xx is), every charge agrees with the ledger, and the audit finds nothing.
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile
from collections.abc import Callable

from stack import ROOT, Stack

LOCUST = "locust==2.47.0"
ENVIRONMENT = ROOT / ".local" / "load"
USERS = pathlib.Path(__file__).parent / "load_users.py"
MAX_USERS = 200
MAX_DURATION_S = 3600
MAX_CONCURRENCY = 100
# Processes start during the warm-up, so that their start is not measured.
WARM_UP_S = 20
# Time for people to end their last request and to compare their books.
STOP_LIMIT_S = 120
# One run is enough, unless there are more accounts than it gets through.
AUDITS = 5
SETTINGS = {"STARTING_TOKENS": "40", "MAX_HOLDS": "2"}


def limited(limit: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        number = int(text)
        if not 1 <= number <= limit:
            raise argparse.ArgumentTypeError(f"must be between 1 and {limit}")
        return number

    return parse


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, limit, default, meaning in [
        ("--users", MAX_USERS, 20, "how many people at once"),
        ("--duration", MAX_DURATION_S, 60, "for so many seconds"),
        ("--concurrency", MAX_CONCURRENCY, 4, "how many processes each function may have"),
    ]:
        help_text = f"{meaning} (default: {default})"
        parser.add_argument(name, type=limited(limit), default=default, help=help_text)
    return parser.parse_args()


def install() -> None:
    print(f"Installing {LOCUST} into {ENVIRONMENT.relative_to(ROOT)}, if need be.", flush=True)
    subprocess.run([sys.executable, "-m", "venv", ENVIRONMENT], check=True)
    pip = [ENVIRONMENT / "bin" / "pip", "install", "--quiet", "--disable-pip-version-check", LOCUST]
    subprocess.run(pip, check=True)


def drive(stack: Stack, users: int, duration_s: int, result: pathlib.Path) -> dict:
    host = f"http://127.0.0.1:{stack.port}"
    numbers = ["--users", str(users), "--spawn-rate", str(max(1, users // 5)), "--run-time", f"{duration_s}s"]
    options = ["--stop-timeout", str(STOP_LIMIT_S), "--skip-log-setup", "--exit-code-on-error", "0"]
    command = [ENVIRONMENT / "bin" / "locust", "--locustfile", USERS, "--headless", "--only-summary", "--host", host]
    environment = {**os.environ, **SETTINGS, "LOAD_RESULT": str(result)}
    limit_s = duration_s + 2 * STOP_LIMIT_S
    subprocess.run([*command, *numbers, *options], env=environment, timeout=limit_s, check=True)
    return json.loads(result.read_text(encoding="utf-8"))


def table(rows: list[dict]) -> str:
    lines = ["| request | n | per second | median, ms | p95 | p99 | max |", "|---|--:|--:|--:|--:|--:|--:|"]
    for row in rows:
        times = " | ".join(f"{row[time]:,.0f}" for time in ("50", "95", "99", "max"))
        lines.append(f"| {row['name']} | {row['count']:,} | {row['rate']:.1f} | {times} |")
    return "\n".join(lines) + "\n"


def is_refusal(row: dict) -> bool:
    return row["name"].rsplit(" ", 1)[-1] in {"402", "409", "429"}


def report(result: dict) -> None:
    rows = sorted(result["rows"], key=lambda row: -row["count"])
    answered = [row for row in rows if not is_refusal(row)]
    print("\nAnswered:\n\n" + table([*answered, result["total"]]))
    print("Refused, as they should be:\n\n" + table([row for row in rows if is_refusal(row)]))
    books = result["books"]
    print(
        f"{books['accounts']:,} accounts lost {books['lost']:,} credits; by the headers of their answers, and for "
        f"{books['streams']:,} streams by their transactions, they were charged {books['charged']:,}. "
        f"{books['replays']:,} answers were given again for nothing.",
        flush=True,
    )


def audit(stack: Stack) -> dict:
    for _ in range(AUDITS):
        found = json.loads(stack.invoke("audit", "--data-ascii", "{}"))
        print(f"The audit says {found}.", flush=True)
        if found["finished"]:
            return found
    sys.exit(f"The audit has not finished in {AUDITS} runs.")


def problems(result: dict) -> list[str]:
    found = result["failures"] + result["books"]["errors"]
    books = result["books"]
    if books["charged"] != books["lost"]:
        found.append(f"{books['charged']} credits were charged and {books['lost']} lost.")
    if not books["charged"] or not books["streams"] or not books["replays"]:
        found.append("Nobody was charged, nothing was streamed, or nothing was answered again.")
    return found


def problems_of_the_ledger(audited: dict, accounts: int) -> list[str]:
    if (audited["mismatches"], audited["mispriced"], audited["unsettled"], audited["accounts"]) == ([], [], 0, accounts):
        return []
    return [f"The audit found something else than {accounts} accounts that add up: {audited}"]


def run(users: int, duration_s: int, concurrency: int) -> list[str]:
    """The faults."""
    options = ["--in-memory", "--concurrency", str(concurrency)]
    with tempfile.TemporaryDirectory() as folder, Stack(folder, *options, **SETTINGS, LOG_LEVEL="error") as stack:
        result = pathlib.Path(folder) / "result.json"
        print(f"Warming up for {WARM_UP_S} s.", flush=True)
        warm_up = drive(stack, users, WARM_UP_S, result)
        print(f"Measuring for {duration_s} s.", flush=True)
        measured = drive(stack, users, duration_s, result)
        report(measured)
        accounts = warm_up["books"]["accounts"] + measured["books"]["accounts"]
        return problems(warm_up) + problems(measured) + problems_of_the_ledger(audit(stack), accounts)


if __name__ == "__main__":
    asked = arguments()
    install()
    wrong = run(asked.users, asked.duration, asked.concurrency)
    if wrong:
        sys.exit("\n".join(wrong))
    print("Every answer was an expected one, and the books balance.")
