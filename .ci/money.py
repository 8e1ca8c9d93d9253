"""The ledger under the real emulator: many processes at one balance, and one that is killed while it holds credits."""

import concurrent.futures
import contextlib
import os
import pathlib
import signal
import sys
import tempfile
import threading
import time

from stack import ROOT, Stack

BALANCE = 7
CHATS_AT_ONCE = 20
STREAM_TIMEOUT_S = 30
# A hold expires 30 s after the deadline of its request.
EXPIRY_S = STREAM_TIMEOUT_S + 30


def chat_until_answered(stack: Stack, token: str) -> int:
    """Sends a message, again while too many are in flight; returns the final status."""
    while True:
        status, headers, _ = stack.ask("/chatView/", {"message": "Hello"}, token)
        if status != 429:
            return status
        time.sleep(float(headers["Retry-After"]) / 4)


def spend_in_parallel(stack: Stack) -> None:
    token = stack.log_in("ada")
    with concurrent.futures.ThreadPoolExecutor(CHATS_AT_ONCE) as pool:
        statuses = list(pool.map(lambda _: chat_until_answered(stack, token), range(CHATS_AT_ONCE)))
    balance = stack.ask("/token_balance/", token=token)[2]
    print(f"{statuses.count(200)} of {CHATS_AT_ONCE} parallel chats were answered, {statuses.count(402)} refused.")
    expected = {200: BALANCE, 402: CHATS_AT_ONCE - BALANCE}
    if {status: statuses.count(status) for status in set(statuses)} != expected or balance != {"tokens": 0}:
        sys.exit(f"A balance of {BALANCE} paid for something else: {statuses}, {balance}.")


def chat_processes(stack: Stack) -> list[int]:
    """The processes of this stack's chat function."""
    found = []
    for process in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            is_chat = os.readlink(process / "exe") == str(ROOT / "target" / "debug" / "chat")
            if is_chat and f"127.0.0.1:{stack.port}/".encode() in (process / "environ").read_bytes():
                found.append(int(process.name))
        except OSError:
            pass
    return found


def ask_in_vain(stack: Stack, token: str) -> None:
    with contextlib.suppress(OSError):
        stack.ask("/chatView/", {"message": "Hello"}, token)


def kill_while_it_holds(stack: Stack) -> None:
    token = stack.log_in("grace")
    threading.Thread(target=ask_in_vain, args=(stack, token), daemon=True).start()
    held = "0"
    while held == "0":
        _, headers, balance = stack.ask("/token_balance/", token=token)
        held = headers["x-token-held"]
    processes = chat_processes(stack)
    assert processes, "chat is not running"
    for process in processes:
        os.kill(process, signal.SIGKILL)
    print(f"Killed chat while it held {held} of {BALANCE}; {balance['tokens']} left. Waiting {EXPIRY_S} s for the expiry.")
    time.sleep(EXPIRY_S + 1)
    _, headers, balance = stack.ask("/token_balance/", token=token)
    if (headers["x-token-held"], balance) != ("0", {"tokens": BALANCE}):
        sys.exit(f"The credits of a killed request did not come back: {balance}, {headers['x-token-held']} held.")


if __name__ == "__main__":
    settings = {"STARTING_TOKENS": str(BALANCE), "MAX_HOLDS": "3", "STREAM_TIMEOUT": str(STREAM_TIMEOUT_S)}
    with tempfile.TemporaryDirectory() as data:
        with Stack(data, "--in-memory", "--concurrency", "8", DUMMY_DELAY_MS="200", **settings) as stack:
            spend_in_parallel(stack)
        with Stack(data, "--in-memory", DUMMY_DELAY_MS="10000", **settings) as stack:
            kill_while_it_holds(stack)
    print("Every credit was spent once, and a killed request cost nothing.")
