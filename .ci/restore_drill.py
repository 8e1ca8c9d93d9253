"""The steps of docs/operating.md for a restore, as far as there are any on a laptop: the table is copied as of a second
while people use it, messages and registrations are stopped, and a second stack takes the copy over."""

import contextlib
import dataclasses
import json
import pathlib
import shutil
import sqlite3
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator

from stack import PASSWORD, Stack

PEOPLE = 6
BALANCE = 1000
LOAD_BEFORE_COPY_S = 3
LOAD_AFTER_COPY_S = 2
# The longest time in which a running function does not hear a stop.
LONGEST_UNHEARD_S = 60
# Every process has heard it after this many refusals in a row.
REFUSALS_IN_A_ROW = 10
PAUSE_S = 0.2
FUNCTION_TIMEOUT_S, STREAM_TIMEOUT_S = 20, 30
# A hold expires 30 s after the deadline of its request.
EXPIRY_S = max(FUNCTION_TIMEOUT_S, STREAM_TIMEOUT_S) + 30

DATABASE = "chat-api.db"
SECRET = "jwt-signing-secret"
TABLE = "chat-api"
STOP = {"action": "accepting", "accepting": False, "reason": "A restore of the table"}
RESUME = {"action": "accepting", "accepting": True, "reason": "The table is restored"}
# The operator's last command in the restored table, before a stack uses it.
STOP_ITEM = {"pk": {"S": "STOP"}, "sk": {"S": "STOP"}, "accepting": {"BOOL": False}, "reason": {"S": "A restore"}}
SETTINGS = {
    "STARTING_TOKENS": str(BALANCE),
    "FUNCTION_TIMEOUT": str(FUNCTION_TIMEOUT_S),
    "STREAM_TIMEOUT": str(STREAM_TIMEOUT_S),
    # Longer than the drill, whose access tokens are used on both stacks.
    "ACCESS_TOKEN_LIFETIME": "3600",
    "DUMMY_DELAY_MS": "300",
}


@dataclasses.dataclass
class Person:
    """Somebody with a session and an API key, who talks until they are refused."""

    name: str
    access: str
    refresh: str
    api_key: str
    is_program: bool
    last_accepted: float = 0.0
    answered: int = 0
    refusals: int = 0

    def talk(self, stack: Stack) -> tuple[int, str]:
        """Status and code of the answer to a message."""
        if self.is_program:
            body = {"model": "dummy", "messages": [{"role": "user", "content": "Hello"}]}
            status, _, answer = stack.ask("/v1/chat/completions", body, self.api_key)
            return status, answer.get("error", {}).get("code", "ok")
        status, _, answer = stack.ask("/chatView/", {"message": "Hello"}, self.access)
        return status, answer.get("code", "ok")


@dataclasses.dataclass
class Books:
    """An account in a copy of the table."""

    balance: int
    held: int
    entries: int


class Failures(list):
    """Faults of threads."""

    @contextlib.contextmanager
    def noted(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:  # a thread has nobody else to tell
            self.append(repr(error))

    def check(self) -> None:
        if self:
            sys.exit("\n".join(self))


def enter(stack: Stack, name: str, is_program: bool) -> Person:
    """Registers somebody, logs them in, and makes them an API key."""
    access, refresh = stack.enter(name)
    return Person(name, access, refresh, stack.make_key(access), is_program)


def talk_until_stopped(stack: Stack, person: Person, failures: Failures) -> None:
    while person.refusals < REFUSALS_IN_A_ROW and not failures:
        began = time.monotonic()
        with failures.noted():
            status, code = person.talk(stack)
            if status == 200:
                person.last_accepted, person.refusals = began, 0
                person.answered += 1
            elif (status, code) == (503, "not_accepting"):
                person.refusals += 1
                time.sleep(PAUSE_S)
            else:
                failures.append(f"A message of {person.name} was answered with {status} {code}.")


def register_until_stopped(stack: Stack, registered: list[tuple[str, float]], failures: Failures) -> None:
    """Registers newcomers, one after the other, with the time at which each began."""
    while not failures:
        name, began = f"newcomer-{len(registered)}", time.monotonic()
        with failures.noted():
            status, _, answer = stack.ask("/register/", {"username": name, "password": PASSWORD})
            if (status, answer.get("code")) == (503, "not_accepting"):
                return
            if status != 201:
                failures.append(f"A registration was answered with {status} {answer}.")
        registered.append((name, began))
        time.sleep(PAUSE_S)


def copy(data: pathlib.Path, restored: pathlib.Path) -> None:
    """Copies the table as it is at one moment, and the signing secret, which is no part of the table."""
    # One step for all pages: SQLite holds one snapshot, and the writers of a log go on.
    with (
        contextlib.closing(sqlite3.connect(data / DATABASE)) as source,
        contextlib.closing(sqlite3.connect(restored / DATABASE)) as target,
    ):
        source.backup(target)
    shutil.copy(data / SECRET, restored / SECRET)


def books_of(folder: pathlib.Path) -> dict[str, Books]:
    """The account of everybody in a table, by name."""
    with contextlib.closing(sqlite3.connect(folder / DATABASE)) as database:
        rows = database.execute(f'SELECT item_json FROM "{TABLE}"').fetchall()
    items = [json.loads(row[0]) for row in rows]
    entries: dict[str, int] = {}
    for item in items:
        if item["sk"]["S"].startswith("ENTRY#"):
            partition = item["pk"]["S"]
            entries[partition] = entries.get(partition, 0) + int(item["amount"]["N"])
    accounts = [item for item in items if item["sk"]["S"] == "ACCOUNT"]
    return {account["username"]["S"]: account_books(account, entries) for account in accounts}


def account_books(account: dict, entries: dict[str, int]) -> Books:
    holds = account["holds"]["M"].values()
    held = sum(int(hold["M"]["amount"]["N"]) for hold in holds)
    return Books(int(account["balance"]["N"]), held, entries[account["pk"]["S"]])


def operate(stack: Stack, event: dict) -> dict:
    return json.loads(stack.invoke("operator", "--data-ascii", json.dumps(event)))


def put_item(stack: Stack, item: dict) -> None:
    """Writes an item past the functions, as `aws dynamodb put-item` does."""
    request = urllib.request.Request(f"http://127.0.0.1:{stack.dynamodb_port}/")
    request.data = json.dumps({"TableName": TABLE, "Item": item}).encode()
    credential = "Credential=local/20260101/us-east-1/dynamodb/aws4_request"
    headers = {
        "Content-Type": "application/x-amz-json-1.0",
        "X-Amz-Target": "DynamoDB_20120810.PutItem",
        "X-Amz-Date": "20260101T000000Z",
        "Authorization": f"AWS4-HMAC-SHA256 {credential}, SignedHeaders=host, Signature=0",
    }
    for name, value in headers.items():
        request.add_header(name, value)
    urllib.request.urlopen(request, timeout=10).close()


def audit(stack: Stack, accounts: int) -> None:
    report = json.loads(stack.invoke("audit", "--data-ascii", "{}"))
    expected = {"finished": True, "accounts": accounts, "mismatches": [], "mispriced": []}
    expected |= {"unpriced": 0, "unreadable": 0, "unsettled": 0}
    if {name: report[name] for name in expected} != expected:
        sys.exit(f"The audit found {report}, and not {expected}.")


def use_the_table(stack: Stack, data: pathlib.Path, restored: pathlib.Path) -> tuple[list[Person], str, float]:
    """Lets people use the stack, copies its table meanwhile, and stops messages and registrations.

    Returns the people, somebody who registered after the copy, and the time of the copy.
    """
    people = [enter(stack, f"person-{number}", number % 2 == 1) for number in range(PEOPLE)]
    failures, newcomers = Failures(), []
    threads = [threading.Thread(target=talk_until_stopped, args=(stack, person, failures)) for person in people]
    threads.append(threading.Thread(target=register_until_stopped, args=(stack, newcomers, failures)))
    for thread in threads:
        thread.start()
    time.sleep(LOAD_BEFORE_COPY_S)
    copy(data, restored)
    copied_at = time.monotonic()
    time.sleep(LOAD_AFTER_COPY_S)
    assert operate(stack, STOP)["accepting"] is False
    stopped_at = time.monotonic()
    for thread in threads:
        thread.join()
    failures.check()
    heard_after = max(person.last_accepted for person in people) - stopped_at
    answered = sum(person.answered for person in people)
    print(f"{answered} messages were answered; the last one began {heard_after:.0f} s after the stop.")
    if heard_after > LONGEST_UNHEARD_S:
        sys.exit("The stop was heard too late.")
    if stack.ask("/token_balance/", token=people[0].access)[0] != 200:
        sys.exit("Reading does not go on during a stop.")
    late = [name for name, began in newcomers if began > copied_at]
    if not late:
        sys.exit("Nobody registered after the copy.")
    return people, late[0], copied_at


def check_copy(books: dict[str, Books], people: list[Person], late: str) -> None:
    for name, account in books.items():
        if account.balance + account.held != account.entries:
            sys.exit(f"In the copy, the account of {name} does not add up: {account}.")
    held = sum(account.held for account in books.values())
    if held == 0 or late in books or not all(person.name in books for person in people):
        sys.exit(f"The copy is not one of the moment: {held} credits are held, and it has {sorted(books)}.")
    print(f"The copy has {len(books)} accounts, with {held} credits held for messages that were under way.")


def check_people(stack: Stack, people: list[Person], books: dict[str, Books]) -> None:
    """Tokens and API keys work, and everybody has what they had at the moment of the copy."""
    for person in people:
        owned = books[person.name].balance + books[person.name].held
        for token in (person.access, person.api_key):
            status, headers, answer = stack.ask("/token_balance/", token=token)
            if status != 200 or answer["tokens"] + int(headers["X-Token-Held"]) != owned:
                sys.exit(f"{person.name} had {owned}, and is now told {status} {answer}, {headers['X-Token-Held']} held.")
        if stack.ask("/token/refresh/", {"refresh": person.refresh})[0] != 200:
            sys.exit(f"The session of {person.name} has ended.")


def check_stopped(stack: Stack, person: Person, late: str) -> None:
    credentials = {"username": late, "password": PASSWORD}
    status, _, answer = stack.ask("/register/", credentials)
    refused = [person.talk(stack), (status, answer.get("code"))]
    if refused != [(503, "not_accepting")] * 2:
        sys.exit(f"The restored table is not stopped: {refused}.")
    if stack.ask("/login/", credentials)[0] != 401:
        sys.exit(f"{late} registered after the copy, and is known.")


def resume(stack: Stack, people: list[Person], late: str) -> None:
    """Everybody is answered once more, and who came too late registers again."""
    assert operate(stack, RESUME)["accepting"] is True
    resumed_at = time.monotonic()
    for person in people:
        while (answer := person.talk(stack)) != (200, "ok"):
            if answer != (503, "not_accepting") or time.monotonic() - resumed_at > LONGEST_UNHEARD_S:
                sys.exit(f"After the resumption {person.name} is told {answer}.")
            time.sleep(PAUSE_S)
    credentials = {"username": late, "password": PASSWORD}
    while (status := stack.ask("/register/", credentials)[0]) == 503:
        time.sleep(PAUSE_S)
    if status != 201:
        sys.exit(f"{late}, who registered after the copy, registers again and is told {status}.")
    print(f"The resumption was heard after {time.monotonic() - resumed_at:.0f} s.")


def check_expiry(stack: Stack, people: list[Person], books: dict[str, Books], copied_at: float) -> None:
    """Holds of the moment of the copy expire. Since then, everybody has paid one message."""
    time.sleep(max(0.0, copied_at + EXPIRY_S + 1 - time.monotonic()))
    for person in people:
        owned = books[person.name].balance + books[person.name].held - 1
        _, headers, answer = stack.ask("/token_balance/", token=person.access)
        if (answer["tokens"], headers["X-Token-Held"]) != (owned, "0"):
            sys.exit(f"{person.name} can spend {answer}, with {headers['X-Token-Held']} held, and not {owned}.")


def main() -> None:
    with tempfile.TemporaryDirectory() as first, tempfile.TemporaryDirectory() as second:
        data, restored = pathlib.Path(first), pathlib.Path(second)
        with Stack(first, "--concurrency", "3", **SETTINGS) as stack:
            people, late, copied_at = use_the_table(stack, data, restored)
        books = books_of(restored)
        check_copy(books, people, late)
        # Functions hear the operator's last command as they start, so it is there before they do.
        with Stack(second, "--only-dynamodb") as dynamodb:
            put_item(dynamodb, STOP_ITEM)
        with Stack(second, "--concurrency", "3", **SETTINGS) as stack:
            audit(stack, len(books))
            check_people(stack, people, books)
            check_stopped(stack, people[0], late)
            resume(stack, people, late)
            check_expiry(stack, people, books, copied_at)
            audit(stack, len(books) + 1)
    print("The table of a second was taken over: every credit, session and API key is as it was.")


if __name__ == "__main__":
    main()
