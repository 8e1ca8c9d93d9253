"""The people of load.py, for Locust: each uses the API in every way and keeps books on what it costs."""

import dataclasses
import json
import os
import pathlib
import time
import uuid
from collections.abc import Callable, Mapping

import gevent
from locust import FastHttpUser, between, events, task
from locust.env import Environment
from locust.stats import StatsEntry

PASSWORD = "correct horse battery staple"
STARTING_TOKENS = int(os.environ["STARTING_TOKENS"])
MAX_HOLDS = int(os.environ["MAX_HOLDS"])
RESULT = pathlib.Path(os.environ["LOAD_RESULT"])
PROGRESS_INTERVAL_S = 5
# An access token is valid for 300 s.
REFRESH_AFTER_S = 200
# The largest page.
PAGE = 100

HELLO = {"message": "Hello"}
CHATS = "/chatView/"
COMPLETIONS = "/v1/chat/completions"


@dataclasses.dataclass
class Answer:
    headers: Mapping[str, str]
    text: str

    def json(self) -> dict:
        return json.loads(self.text)


@dataclasses.dataclass
class Books:
    """The charges of all people by the answers' headers, and the losses of their accounts."""

    accounts: int = 0
    charged: int = 0
    lost: int = 0
    streams: int = 0
    replays: int = 0
    errors: list[str] = dataclasses.field(default_factory=list)


BOOKS = Books()


class Person(FastHttpUser):
    wait_time = between(0.05, 0.25)
    connection_timeout = 30.0
    network_timeout = 30.0

    def on_start(self) -> None:
        # A name that nobody has, also when a person begins anew.
        self.username = f"person-{uuid.uuid4()}"
        # Costs by message id. The cost of a stream is known from /transactions/ only, and None until then.
        self.costs: dict[str, int | None] = {}
        self.is_broke = False
        self.ask("POST", "/register/", self.credentials(), expect={201})
        BOOKS.accounts += 1
        self.log_in()
        made = self.ask("POST", "/keys/", {"name": "a program", "password": PASSWORD}, token=self.access, expect={201})
        self.api_key = made.json()["key"] if made else ""

    def on_stop(self) -> None:
        self.settle()

    def credentials(self) -> dict[str, str]:
        return {"username": self.username, "password": PASSWORD}

    def ask(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        token: str | None = None,
        key: str | None = None,
        name: str | None = None,
        expect: set[int],
    ) -> Answer | None:
        """The answer, if it is a success. An expected refusal has a line of its own in the result, and no answer."""
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        if key is not None:
            headers["Idempotency-Key"] = key
        options = {"headers": headers, "name": name or path.partition("?")[0], "catch_response": True}
        if body is not None:
            options["json"] = body
        with self.client.request(method, path, **options) as response:
            status, text = response.status_code, response.text or ""
            if status not in expect:
                response.failure(f"{status}: {text}")
                return None
            response.success()
            if status >= 400:
                response.request_meta["name"] += f" {status}"
                self.is_broke |= status == 402
                return None
            return Answer(response.headers, text)

    def log_in(self) -> None:
        answer = self.ask("POST", "/login/", self.credentials(), expect={200})
        tokens = answer.json() if answer else {}
        self.access, self.refresh_token = tokens.get("access_token", ""), tokens.get("refresh_token", "")
        self.refreshed_at = time.monotonic()

    def chat_once(self, key: str | None = None, name: str | None = None, expect: frozenset[int] = frozenset()) -> None:
        answer = self.ask("POST", CHATS, HELLO, token=self.access, key=key, name=name, expect={200, 402} | expect)
        if answer:
            self.charge(answer, int(answer.headers["X-Token-Cost"]))

    def charge(self, answer: Answer, cost: int | None) -> None:
        message_id = answer.headers["X-Message-Id"]
        is_replay = answer.headers.get("Idempotent-Replayed") == "true"
        BOOKS.replays += is_replay
        if self.costs.setdefault(message_id, cost) != cost:
            BOOKS.errors.append(f"The message {message_id} cost {self.costs[message_id]} and then {cost}.")

    @task(4)
    def look_at_the_balance(self) -> None:
        self.ask("GET", "/token_balance/", token=self.access, expect={200})

    @task(6)
    def chat(self) -> None:
        self.chat_once()

    @task(3)
    def chat_with_a_key_and_repeat_it(self) -> None:
        key = str(uuid.uuid4())
        known = len(self.costs)
        self.chat_once(key, f"{CHATS} with Idempotency-Key")
        if len(self.costs) > known:
            self.chat_once(key, f"{CHATS} answered again")
        if len(self.costs) > known + 1:
            BOOKS.errors.append("A message with an idempotency key was charged twice.")

    @task(1)
    def chat_with_one_key_twice_at_once(self) -> None:
        key, name = str(uuid.uuid4()), f"{CHATS} twice at once, one key"
        known = len(self.costs)
        at_once(2, lambda: self.chat_once(key, name, frozenset({409})))
        if len(self.costs) > known + 1:
            BOOKS.errors.append("Two messages at once with one idempotency key were charged both.")

    @task(1)
    def chat_more_often_at_once_than_allowed(self) -> None:
        name = f"{CHATS} {MAX_HOLDS + 1} at once"
        at_once(MAX_HOLDS + 1, lambda: self.chat_once(None, name, frozenset({429})))

    @task(4)
    def stream_a_completion(self) -> None:
        answer = self.complete(True)
        if answer:
            BOOKS.streams += 1
            if not answer.text.endswith("data: [DONE]\n\n"):
                BOOKS.errors.append(f"A stream ended otherwise than with [DONE]: {answer.text[-200:]}")
            self.charge(answer, None)

    @task(1)
    def ask_for_a_completion(self) -> None:
        answer = self.complete(False)
        if answer:
            self.charge(answer, int(answer.headers["X-Token-Cost"]))

    def complete(self, stream: bool) -> Answer | None:
        body = {"model": "dummy", "stream": stream, "messages": [{"role": "user", "content": "Hello"}]}
        name = f"{COMPLETIONS} {'streamed' if stream else 'whole'}, API key"
        return self.ask("POST", COMPLETIONS, body, token=self.api_key, name=name, expect={200, 402})

    @task(2)
    def list_messages(self) -> None:
        self.ask("GET", "/messages/", token=self.access, expect={200})

    @task(2)
    def list_transactions(self) -> None:
        self.ask("GET", "/transactions/", token=self.access, expect={200})

    @task(2)
    def refresh(self) -> None:
        answer = self.ask("POST", "/token/refresh/", {"refresh": self.refresh_token}, expect={200})
        if answer:
            self.access, self.refreshed_at = answer.json()["access_token"], time.monotonic()

    @task(1)
    def log_out_and_in(self) -> None:
        self.ask("POST", "/logout/", {"refresh": self.refresh_token}, expect={204})
        self.log_in()

    @task(3)
    def begin_anew_when_broke(self) -> None:
        """A person without credits comes back under another name."""
        if self.is_broke:
            self.settle()
            self.on_start()
        elif time.monotonic() - self.refreshed_at > REFRESH_AFTER_S:
            self.refresh()

    def settle(self) -> None:
        """Compares the answers' costs with the ledger's entries, one by one, and with the balance."""
        if time.monotonic() - self.refreshed_at > REFRESH_AFTER_S:
            self.refresh()
        entries = {entry["id"]: -entry["tokens"] for entry in self.transactions() if entry["kind"] == "chat"}
        costs = {message: entries.get(message) if cost is None else cost for message, cost in self.costs.items()}
        balance = self.ask("GET", "/token_balance/", token=self.access, expect={200})
        lost = STARTING_TOKENS - balance.json()["tokens"] if balance else None
        BOOKS.lost += lost or 0
        BOOKS.charged += sum(cost or 0 for cost in costs.values())
        if costs != entries or sum(entries.values()) != lost:
            differing = dict(costs.items() ^ entries.items())
            BOOKS.errors.append(f"{self.username} lost {lost}, the entries say {sum(entries.values())}; {differing}")

    def transactions(self) -> list[dict]:
        found, cursor = [], ""
        while cursor is not None:
            path = f"/transactions/?limit={PAGE}" + (f"&cursor={cursor}" if cursor else "")
            page = self.ask("GET", path, token=self.access, name="/transactions/ all pages", expect={200})
            found += page.json()["transactions"] if page else []
            cursor = page.json()["next"] if page else None
        return found


def at_once(times: int, call: Callable[[], None]) -> None:
    gevent.joinall([gevent.spawn(call) for _ in range(times)])


@events.init.add_listener
def tell_progress(environment: Environment, **_: object) -> None:
    def tell() -> None:
        started = time.monotonic()
        while True:
            gevent.sleep(PROGRESS_INTERVAL_S)
            total = environment.stats.total
            elapsed = f"{time.monotonic() - started:.0f} s: {environment.runner.user_count} people"
            rate = f"{total.current_rps:.0f} requests per second"
            print(f"{elapsed}, {total.num_requests} requests, {rate}, {total.num_failures} failures", flush=True)

    gevent.spawn(tell)


@events.quitting.add_listener
def write_result(environment: Environment, **_: object) -> None:
    stats = environment.stats
    failures = [f"{failed.occurrences} times {failed.to_name()}" for failed in stats.errors.values()]
    crashes = [crash["traceback"] for crash in environment.runner.exceptions.values()]
    result = {
        "rows": [row(entry) for entry in stats.entries.values()],
        "total": {**row(stats.total), "name": "all, with refusals"},
        "failures": failures + crashes,
        "books": dataclasses.asdict(BOOKS),
    }
    RESULT.write_text(json.dumps(result), encoding="utf-8")


def row(entry: StatsEntry) -> dict:
    percentiles = {str(percent): entry.get_response_time_percentile(percent / 100) for percent in (50, 95, 99)}
    numbers = {"count": entry.num_requests, "rate": entry.total_rps, "max": entry.max_response_time}
    return {"name": f"{entry.method} {entry.name}", **numbers, **percentiles}
