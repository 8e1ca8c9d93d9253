"""Eight slow replies at once, whole and streamed, and a quick request beside them: the README's first command answers them
side by side, within the memory that docs/settings.md states.

It counts how many replies were under way together, by the time that each must have taken, and not how fast they were.
"""

import concurrent.futures
import pathlib
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass

from stack import Stack

AT_ONCE = 8
# The dummy waits before each of its two words. If two replies shared a process, one would end this much later.
WORDS = 2
DELAY_S = 4
REPLY_S = WORDS * DELAY_S
REPLY_LIMIT_S = 120
# The launcher starts the processes one after the other once it is ready, and pauses shortly between two.
STARTS_HAVE_ENDED_S = 5
STARTS_LIMIT_S = 120
# The memory that all functions together may use, with eight replies under way. Memory that processes share counts once.
MEMORY_LIMIT_MB = 1000


@dataclass
class Reply:
    first_byte: float
    end: float


def read(stack: Stack, path: str, body: bytes, key: str) -> Reply:
    request = urllib.request.Request(f"http://127.0.0.1:{stack.port}{path}", body)
    request.add_header("Content-Type", "application/json")
    request.add_header("Authorization", f"Bearer {key}")
    with urllib.request.urlopen(request, timeout=REPLY_LIMIT_S) as answer:
        answer.read(1)
        first_byte = time.monotonic()
        text = answer.read().decode()
    if "Response" not in text:
        sys.exit(f"{path} ended without its last word: {text}")
    return Reply(first_byte, time.monotonic())


def wait_for_all_processes(stack: Stack) -> None:
    """Waits until no process has been added for a while."""
    processes, last_start = 0, time.monotonic()
    deadline = last_start + STARTS_LIMIT_S
    while time.monotonic() < min(deadline, last_start + STARTS_HAVE_ENDED_S):
        _, found = memory(stack)
        if found > processes:
            processes, last_start = found, time.monotonic()
        time.sleep(0.5)


def whole(stack: Stack, key: str) -> Reply:
    return read(stack, "/chatView/", b'{"message": "Hello"}', key)


def streamed(stack: Stack, key: str) -> Reply:
    body = b'{"model": "dummy", "stream": true, "messages": [{"role": "user", "content": "Hello"}]}'
    return read(stack, "/v1/chat/completions", body, key)


def under_way_together(ends: list[float]) -> int:
    """How many replies were under way at one moment: each was for at least `REPLY_S` before its end."""
    starts = [end - REPLY_S for end in ends]
    return max(sum(start <= moment < end for start, end in zip(starts, ends)) for moment in starts)


def check(stack: Stack, keys: list[str], kind: Callable[[Stack, str], Reply]) -> None:
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        replies = [pool.submit(kind, stack, key) for key in keys]
        time.sleep(DELAY_S / 2)
        status, _, _ = stack.ask("/token_balance/", token=keys[0])
        balance_at = time.monotonic()
        memory_mb, processes = memory(stack)
        done = [reply.result() for reply in replies]
    ends = [reply.end for reply in done]
    together = under_way_together(ends)
    print(
        f"{kind.__name__}: {together} of {AT_ONCE} replies were under way together, the last {max(ends) - min(ends):.1f} s "
        f"after the first; a balance was read {min(ends) - balance_at:.1f} s before. "
        f"{processes} processes used {memory_mb:.0f} MB.",
        flush=True,
    )
    if together < AT_ONCE:
        sys.exit(f"Only {together} of {AT_ONCE} replies were under way together: the others waited for them.")
    if status != 200 or balance_at > min(ends):
        sys.exit("A quick request waited for slow replies.")
    if memory_mb > MEMORY_LIMIT_MB:
        sys.exit(f"The functions used {memory_mb:.0f} MB, and docs/settings.md states {MEMORY_LIMIT_MB}.")


def check_that_words_arrive_one_by_one(stack: Stack, key: str) -> None:
    reply = streamed(stack, key)
    if reply.end - reply.first_byte < DELAY_S / 2:
        sys.exit("A streamed reply arrived as a whole.")


def memory(stack: Stack) -> tuple[float, int]:
    """The proportional memory of this stack's functions in MB, and how many processes they are. Linux tells it."""
    found = []
    for process in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            if f"AWS_LAMBDA_RUNTIME_API=http://127.0.0.1:{stack.port}/".encode() in (process / "environ").read_bytes():
                lines = (process / "smaps_rollup").read_text().splitlines()
                found.append(sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")))
        except OSError:
            pass
    return sum(found) / 1000, len(found)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as data:
        with Stack(data, "--in-memory", DUMMY_DELAY_MS=str(DELAY_S * 1000)) as stack:
            # One person has a limit of messages in flight, so that each reply is another's.
            keys = [stack.make_key(stack.log_in(f"person{number}")) for number in range(AT_ONCE)]
            wait_for_all_processes(stack)
            check_that_words_arrive_one_by_one(stack, keys[0])
            for kind in (whole, streamed):
                check(stack, keys, kind)
    print("Slow replies wait for nobody, and nobody waits for them.")
