"""The hooks that tell Schemathesis of this API: its callers, and the answers that are not the API's.

Each operation has an account of its own, so that one which ends sessions or deletes its account disturbs no other; after
it did so it gets the next account. `CHAT_API_ACCOUNTS` has their access tokens, and `CHAT_API_SUPERUSERS` those for the admin
API. While links are followed, whoever logged in
last is the caller of what follows: OpenAPI's links carry parameters and bodies, and a token is neither.
"""

import itertools
import json
import os
from collections.abc import Iterator

import schemathesis
from schemathesis import AuthContext, Case, HookContext, Response

# Operations that may make their caller's access token worthless.
ENDING = {"POST /password/", "DELETE /account/", "DELETE /sessions/{id}/", "POST /logout/"}

unused: Iterator[str] = iter(json.loads(os.environ.get("CHAT_API_ACCOUNTS", "[]")))
unused_superusers: Iterator[str] = iter(json.loads(os.environ.get("CHAT_API_SUPERUSERS", "[]")))
tokens: dict[str, str] = {}
# Of the person who logged in last.
newcomer: list[str] = []
numbers = itertools.count(1)


def follows_links(case: Case) -> bool:
    return case.meta is not None and case.meta.phase.name == "stateful"


@schemathesis.auth(refresh_interval=None)
class Caller:
    def get(self, case: Case, context: AuthContext) -> str | None:
        label = context.operation.label
        if not context.operation.definition.raw.get("security"):
            return None
        if follows_links(case) and newcomer:
            return newcomer[0]
        if label not in tokens:
            tokens[label] = next(unused_superusers if " /admin/" in label else unused)
        return tokens[label]

    def set(self, case: Case, data: str, context: AuthContext) -> None:
        case.headers["Authorization"] = f"Bearer {data}"


@schemathesis.hook
def before_call(context: HookContext, case: Case, kwargs: dict) -> None:
    """Gives whoever registers a name that nobody has: no schema can say that, and Schemathesis repeats itself. And lets
    whoever logs in have the refresh token in the body."""
    is_registration = follows_links(case) and case.operation.label == "POST /register/"
    if is_registration and case.meta.generation.mode.is_positive and isinstance(case.body, dict):
        case.body["username"] = f"newcomer-{next(numbers)}"
    if follows_links(case) and case.operation.label == "POST /login/":
        # The links of a login lead on by the refresh token of its body, which a cookie would be in place of.
        case.headers.pop("X-Session", None)


@schemathesis.hook
def after_call(context: HookContext, case: Case, response: Response) -> None:
    label = case.operation.label
    if label == "POST /login/" and response.status_code == 200 and follows_links(case):
        newcomer[:] = [response.json()["access_token"]]
    if label in ENDING and response.status_code == 204:
        newcomer.clear()
        tokens.pop(label, None)


@schemathesis.hook
def filter_failure(context: HookContext, failure: object, case: Case, response: Response) -> bool:
    """cargo-lambda answers a request that it cannot pass on with a problem of its own, and API Gateway with a 400."""
    return b"https://httpstatuses.com/500" not in response.content
