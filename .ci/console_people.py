"""The people of the console's checks: whoever runs the stack, and users who have talked, paid and been given something."""

import datetime
import sys

from stack import PASSWORD, ROOT, START_LIMIT_S, Stack, run_launcher
from talking_provider import REPLIES

USERS = ("ada", "grace", "katherine", "linus", "مريم", "noor", "zoë")
KEYS = (
    {"name": "Notebook", "budget": {"credits": 200, "per": "month"}},
    {"name": "Homework helper", "models": ["mistral-small"], "requests_per_minute": 20},
    {"name": "Build server"},
)
CONVERSATIONS = {
    "Orders in a CSV file": [
        "How do I add up the orders of each customer in a CSV file?",
        "And if the file has two million rows?",
    ],
    "Walks near Turin": ["Where can I walk near Turin at the weekend?"],
    "البرمجة": ["مرحبا، كيف أتعلم البرمجة؟"],
    "A name for the boat": ["We bought a small boat. What do we call it?", "Something with the sea in it, but shorter."],
}
GRANTS = {
    "grace": (500, "Prize of the spring course"),
    "noor": (120, "Refund: the reply of Tuesday broke off"),
    "linus": (-40, "Given twice"),
}


def superuser(stack: Stack, username: str) -> None:
    """Makes a superuser by the launcher's command. It waits for cargo, which builds the program that writes the account."""
    credentials = {"SUPERUSER_USERNAME": username, "SUPERUSER_PASSWORD": PASSWORD}
    arguments = ["createsuperuser", "--noinput", "--workspace", str(ROOT), "--dynamodb-port", str(stack.dynamodb_port)]
    answer = run_launcher(*arguments, limit_s=START_LIMIT_S, **credentials)
    if answer.returncode != 0:
        sys.exit(f"The superuser {username} could not be made: {answer.stdout} {answer.stderr}")


def log_in(stack: Stack, username: str) -> str:
    """The access token of somebody who is registered."""
    return succeed(stack.ask("/login/", {"username": username, "password": PASSWORD}))["access_token"]


def succeed(answer: tuple[int, object, dict]) -> dict:
    status, _, body = answer
    assert status < 300, body
    return body


def talk(stack: Stack, token: str, message: str, conversation: str | None = None, model: str = "mistral-small") -> None:
    body = {"message": message, "model": model}
    succeed(stack.ask("/chatView/", body if conversation is None else {**body, "conversation": conversation}, token))


def converse(stack: Stack, token: str, title: str, messages: list[str], model: str = "mistral-small") -> str:
    """A conversation in which these messages were sent."""
    id = succeed(stack.ask("/conversations/", {"title": title}, token))["id"]
    for message in messages:
        talk(stack, token, message, id, model)
    return id


def furnish(stack: Stack) -> dict[str, str]:
    """Lets ada and others use the stack for a while, and ruth, a superuser, look after them. Returns the ids of ada's
    conversations by their titles."""
    tokens = {username: stack.log_in(username) for username in USERS}
    conversations = {}
    for title, messages in CONVERSATIONS.items():
        model = "qwen3-coder" if messages[0] in REPLIES and "CSV" in title else "llama-3.3-70b"
        conversations[title] = converse(stack, tokens["ada"], title, messages, model)
    for key in KEYS:
        spend(stack, stack.make_key(tokens["ada"], **key))
    for username in USERS[1:5]:
        talk(stack, tokens[username], "Where can I walk near Turin at the weekend?")
    look_after(stack, log_in(stack, "ruth"), tokens["ada"])
    return conversations


def spend(stack: Stack, key: str) -> None:
    """Asks a model as a program does."""
    body = {"model": "mistral-small", "messages": [{"role": "user", "content": "How do I add up the orders?"}]}
    succeed(stack.ask("/v1/chat/completions", body, key))


def look_after(stack: Stack, ruth: str, ada: str) -> None:
    for username, (amount, reason) in GRANTS.items():
        path = f"/admin/users/{username}/grants/"
        succeed(stack.ask(path, {"amount": amount, "reason": reason}, ruth, Idempotency_Key=f"check-{username}"))
    end_of_course = datetime.date.today() + datetime.timedelta(days=180)
    course = {"amount": 100, "count": 25, "note": "Autumn course", "expires_at": f"{end_of_course}"}
    codes = succeed(stack.ask("/admin/vouchers/", course, ruth))["codes"]
    succeed(stack.ask("/vouchers/redeem/", {"code": codes[0]}, ada))
    succeed(
        stack.ask("/admin/vouchers/", {"kind": "invitation", "amount": 300, "uses": 40, "note": "Members of the club"}, ruth)
    )
    rows = [f"open-day-{number},{name},50,Open day" for number, name in enumerate((*USERS, "nobody"))]
    succeed(stack.ask("/admin/jobs/", "\n".join(["id,username,amount,reason", *rows, ""]), ruth))
