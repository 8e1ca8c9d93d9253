"""A provider of OpenAI's protocol for the checks of the console: it talks in Markdown, at the pace and with the accidents that a
check wants.

A message that begins with REPEAT is answered with the rest of it, so that a check can have any text as a reply. `plans` has the
messages with which something is to go wrong, or slowly.
"""

import contextlib
import dataclasses
import http.server
import json
import pathlib
import tempfile
import threading
import time
from collections.abc import Iterator

from stack import Stack

KEY = "sk-of-the-provider"
REPEAT = "Repeat after me:\n"
CHARACTERS_OF_A_PIECE = 24
CHARACTERS_OF_A_TOKEN = 4
# However long a check takes, no thread of this provider outlives it for long.
WAIT_LIMIT_S = 60
STARTING_CREDITS = 2_000

# Credits a million tokens. What is asked most is the first.
MODELS = {
    "mistral-small": {
        "prices": {"input": 2_000, "output": 8_000, "request": 1},
        "description": "Quick and cheap, for everyday questions.",
    },
    "llama-3.3-70b": {
        "prices": {"input": 12_000, "output": 30_000, "request": 1},
        "description": "A good writer, in most languages.",
    },
    "qwen3-coder": {
        "prices": {"input": 30_000, "output": 120_000, "request": 2},
        "description": "Reads and writes programs.",
    },
}

SUMS = """Python's standard library is enough. `csv.DictReader` gives one dictionary for each row:

```python
import csv
from collections import defaultdict

totals = defaultdict(int)
with open("orders.csv", newline="", encoding="utf-8") as file:
    for row in csv.DictReader(file):
        totals[row["customer"]] += int(row["cents"])

for customer, cents in sorted(totals.items()):
    print(f"{customer:20} {cents / 100:>10.2f}")
```

Two things to mind:

1. **Count in cents.** Sums of decimal fractions are not exact, and a bill must be.
2. **Name the encoding.** Otherwise the same file reads differently on another machine.

| way | rows a second | good for |
|---|--:|---|
| `csv` | 400,000 | files of up to some million rows |
| `pandas` | 2,000,000 | questions that change while you look |
| `sqlite3` | 600,000 | data that stays |

See [the documentation of `csv`](https://docs.python.org/3/library/csv.html).
"""
WALKS = """Three quiet walks from **Turin**, each within an hour by train:

- *Sacra di San Michele*: up through chestnut woods from Avigliana, about 3 hours.
- *Lago Grande*: flat, around the lake, with a place to eat half-way.
- *Superga*: the old rack railway up, and the path through the hills down.

> Take water: there are few springs on the way.
"""
REPLIES = {
    "How do I add up the orders of each customer in a CSV file?": SUMS,
    "Where can I walk near Turin at the weekend?": WALKS,
    "مرحبا، كيف أتعلم البرمجة؟": "ابدأ بلغة **Python**: اكتب برامج صغيرة كل يوم، واقرأ شيفرة الآخرين.\n\n- تعلم المتغيرات والدوال\n- ثم الملفات والشبكات\n",
}
OTHERWISE = "That depends on what you want it for. *Say a little more*, and I will be more exact."


@dataclasses.dataclass
class Plan:
    """How a message is answered that does not go as usual."""

    text: str | None = None
    pause_s: float = 0
    # Half of the reply is said, and the rest when this is set.
    rest: threading.Event | None = None
    # The connection ends after half of the reply.
    breaks_off: bool = False
    # The request is turned away with this status.
    refused: int | None = None


class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        message = asked["messages"][-1]["content"]
        self.server.asked.append(message)
        plan = self.server.plans.get(message, Plan())
        text = plan.text or reply_to(message)
        if plan.refused is not None:
            self.begin(plan.refused, "application/json")
            self.write({"error": {"message": "Not now.", "type": "server_error"}})
        elif asked.get("stream"):
            self.begin(200, "text/event-stream")
            # The client may go away.
            with contextlib.suppress(BrokenPipeError):
                self.say(text, plan, usage(asked, text))
        else:
            said = {"role": "assistant", "content": text}
            self.begin(200, "application/json")
            self.write({"choices": [{"index": 0, "message": said, "finish_reason": "stop"}], "usage": usage(asked, text)})

    def say(self, text: str, plan: Plan, counted: dict) -> None:
        pieces = [text[at : at + CHARACTERS_OF_A_PIECE] for at in range(0, len(text), CHARACTERS_OF_A_PIECE)]
        for number, piece in enumerate(pieces):
            if number == (len(pieces) + 1) // 2:
                if plan.breaks_off:
                    return
                if plan.rest is not None:
                    plan.rest.wait(WAIT_LIMIT_S)
            self.write_event({"choices": [{"index": 0, "delta": {"content": piece}, "finish_reason": None}]})
            time.sleep(plan.pause_s)
        self.write_event({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
        self.write_event({"choices": [], "usage": counted})
        self.wfile.write(b"data: [DONE]\n\n")

    def begin(self, status: int, kind: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.end_headers()

    def write(self, value: dict) -> None:
        self.wfile.write(json.dumps(value).encode())

    def write_event(self, value: dict) -> None:
        self.wfile.write(f"data: {json.dumps(value)}\n\n".encode())
        self.wfile.flush()

    def log_message(self, *_: object) -> None:
        pass


def reply_to(message: str) -> str:
    if message.startswith(REPEAT):
        return message.removeprefix(REPEAT)
    return REPLIES.get(message, OTHERWISE)


def usage(asked: dict, text: str) -> dict:
    read = 1 + len(json.dumps(asked["messages"])) // CHARACTERS_OF_A_TOKEN
    written = 1 + len(text) // CHARACTERS_OF_A_TOKEN
    return {"prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written}


class TalkingProvider(http.server.ThreadingHTTPServer):
    """A running provider."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.plans: dict[str, Plan] = {}
        # The last message of each request.
        self.asked: list[str] = []

    def __enter__(self) -> "TalkingProvider":
        threading.Thread(target=self.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *failure: object) -> None:
        for plan in self.plans.values():
            if plan.rest is not None:
                plan.rest.set()
        self.shutdown()
        super().__exit__(*failure)

    def catalogue(self) -> dict:
        base_url = f"http://127.0.0.1:{self.server_port}/v1"
        every = {"provider": "house", "context_tokens": 32_000, "max_output_tokens": 2_000}
        return {
            "providers": {"house": {"protocol": "openai", "base_url": base_url, "key": "house"}},
            "models": [{"id": id, "provider_model": id, **terms, **every} for id, terms in MODELS.items()],
        }


@contextlib.contextmanager
def talking_stack() -> Iterator[tuple[TalkingProvider, Stack]]:
    """A provider, and a stack in front of it whose users begin with some credits."""
    settings = {"STARTING_TOKENS": str(STARTING_CREDITS), "PROVIDER_KEYS": json.dumps({"house": KEY})}
    with tempfile.TemporaryDirectory() as data, TalkingProvider() as provider:
        models = pathlib.Path(data, "models.json")
        models.write_text(json.dumps(provider.catalogue()), encoding="utf-8")
        with Stack(data, "--models", str(models), **settings) as stack:
            yield provider, stack
