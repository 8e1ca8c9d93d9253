"""Checks a deployment as its users and its operator meet it, undoes what it did, and ends with 1 if something is wrong.

    python3 .ci/check_deployment.py --stack chat-api-dev              # on AWS, by the AWS CLI
    python3 .ci/check_deployment.py --local http://127.0.0.1:9000     # beside `cargo local`

It starts every function, fetches the console, registers a user of a random name, talks whole and streamed, compares balance and ledger, takes a receipt,
runs the audit, looks at the alarms, and deletes the user. A model that somebody bills bills two short replies.
"""

import argparse
import base64
import concurrent.futures
import contextlib
import gzip
import http.client
import json
import re
import secrets
import signal
import sys
import time
import traceback
import urllib.error
import urllib.request
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from email.message import Message

from deployments import Finding, OnAws, OnThisMachine, router

REQUEST_LIMIT_S = 35  # API Gateway ends a request after 29
STREAM_LIMIT_S = 300
STARTS_AT_ONCE = 4  # a new AWS account may run ten functions at once
AUDIT_RUNS = 20  # a run that is out of time goes on in the next
DELETIONS = 10
QUESTION = "Say hello in one word."
# The header Accept-Encoding of a client that wants a file as it is, of one that knows gzip, and of a browser.
CODINGS = ("identity", "gzip", "gzip, deflate, br, zstd")
# An answer that has another form than the check reads it by.
MISREAD = (AttributeError, LookupError, TypeError, ValueError)


class Answer:
    """The answer of a path, with the time at which each line of its body was there."""

    def __init__(self, status: int, headers: Message, lines: list[tuple[float, bytes]]) -> None:
        self.status, self.headers = status, headers
        self.lines = lines  # of the body, each with the seconds after which it arrived
        self.body = b"".join(line for _, line in lines)

    def json(self) -> dict:
        try:
            return json.loads(self.body)
        except ValueError:
            return {}

    def code(self) -> str:
        """The code of an error, in the form of a problem or in OpenAI's."""
        body = self.json()
        return body.get("code") or body.get("error", {}).get("code", "")


class Check:
    """One run: the deployment, and what was found."""

    def __init__(self, deployment: OnAws | OnThisMachine) -> None:
        self.deployment = deployment
        self.functions_by_path = router()
        self.not_started: set[str] = set()
        self.has_asked_operator = False
        self.findings: list[str] = []

    def step(self, act: Callable[[], None]) -> None:
        """Takes a step; if something is wrong, the rest of it is left out and the next step follows."""
        try:
            act()
        except Finding as finding:
            self.found(str(finding))
        except MISREAD as failure:
            traceback.print_exception(failure)
            self.found(f"An answer cannot be read, at the line above: {failure!r}.")

    def found(self, finding: str) -> None:
        self.findings.append(finding)
        print(f"WRONG  {finding}", flush=True)

    @staticmethod
    def say(sentence: str) -> None:
        print(f"       {sentence}", flush=True)

    def function_at(self, path: str) -> str:
        plain = path.partition("?")[0].rstrip("/") or "/"
        patterns = ((as_expression(pattern), name) for pattern, name in self.functions_by_path.items())
        return next((name for pattern, name in patterns if re.fullmatch(pattern, plain)), "API Gateway")

    def ask(
        self, method: str, path: str, body: object = None, token: str | None = None, expected: int | None = None
    ) -> Answer:
        """The answer, unless it is a server error that is not expected."""
        function = self.function_at(path)
        if function in self.not_started:
            raise Finding(f"{method} {path} is not tried, because {function} did not start.")
        request = self.request(method, path, body, token)
        asked = time.monotonic()
        try:
            with contextlib.closing(opened(request)) as answer:
                lines = [(time.monotonic() - asked, line) for line in answer]
                found = Answer(answer.status, answer.headers, lines)
        except (OSError, http.client.HTTPException) as failure:
            raise Finding(f"{method} {path} got no answer ({failure}); {self.deployment.log_of(function)}.") from None
        if found.status >= 500 and found.status != expected:
            raise Finding(self.refusal(method, path, found))
        return found

    def request(self, method: str, path: str, body: object, token: str | None) -> urllib.request.Request:
        request = urllib.request.Request(self.deployment.address + path, method=method)
        if body is not None:
            request.data = json.dumps(body).encode()
            request.add_header("Content-Type", "application/json")
        if token is not None:
            request.add_header("Authorization", f"Bearer {token}")
        return request

    def refusal(self, method: str, path: str, answer: Answer) -> str:
        said = " ".join(str(part) for part in (answer.status, answer.code()) if part)
        function = self.function_at(path)
        return f"{method} {path} is answered {said} by {function}; {self.deployment.log_of(function)}."

    def expect(self, status: int, method: str, path: str, body: object = None, token: str | None = None) -> Answer:
        answer = self.ask(method, path, body, token)
        if answer.status != status:
            raise Finding(f"{self.refusal(method, path, answer)[:-1]}. It should be {status}.")
        return answer

    # The steps.

    def state(self) -> None:
        self.say(self.deployment.state())

    def starts(self) -> None:
        """A setting that a function cannot use, or two that contradict each other, stop its start."""
        paths: dict[str, str] = {}
        for path, function in self.functions_by_path.items():
            paths.setdefault(function, re.sub(r"\{\*?\w+\}", "none", path))
        with concurrent.futures.ThreadPoolExecutor(STARTS_AT_ONCE) as pool:
            outcomes = list(pool.map(self.start, paths, paths.values()))
        for function, outcome in zip(paths, outcomes):
            if outcome is not None:
                self.found(outcome)
                self.not_started.add(function)
        unknown = set(self.deployment.functions) - set(paths) - {"audit", "operator"}
        for function in sorted(unknown):
            self.found(f"No request of this check starts {function}.")
        self.say(f"{len(paths) - len(self.not_started)} of {len(paths)} functions answer at their paths.")

    def start(self, function: str, path: str) -> str | None:
        try:
            self.ask("GET", path)
        except Finding as finding:
            return f"{function} does not start: {finding}"
        return None

    def console(self) -> None:
        """The page must arrive as it was encoded: a gateway that takes bytes for text would break them."""
        links = self.fetch("/", {"Accept": "application/json"}).json().get("links", {})
        if "console" not in links:
            raise Finding("/ does not describe the API to a program.")
        if links["console"] is None:
            self.say("The console is left out: the functions were built without it.")
            return
        page, _ = self.decoded("/")
        assets = re.findall(r'(?:src|href)="\./(assets/[^"]+)"', page.decode())
        if not assets:
            raise Finding("The console's page names no file of its own.")
        files = [self.decoded(f"/{asset}") for asset in assets]
        if not any(is_encoded for _, is_encoded in files):
            raise Finding(f"None of the console's {len(files)} files comes by gzip and by Brotli, though a browser asks for them.")
        size = sum(len(content) for content, _ in [(page, False), *files])
        self.say(f"The console's page and {len(files)} files arrive as they were encoded: {size} bytes.")

    def decoded(self, path: str) -> tuple[bytes, bool]:
        """A file of the console as it is, and whether it comes encoded too. It must be the same file by gzip and as browsers get it."""
        plain, zipped, browsers = (self.fetch(path, {"Accept": "text/html", "Accept-Encoding": each}) for each in CODINGS)
        codings = [answer.headers["Content-Encoding"] for answer in (plain, zipped, browsers)]
        # A small file has no encoded form.
        if codings not in ([None, "gzip", "br"], [None, None, None]):
            raise Finding(f"{path} has the Content-Encoding {codings} for clients that accept {CODINGS}.")
        tags = [answer.headers["ETag"] for answer in (plain, zipped, browsers)]
        if len(set(tags)) != 1:
            raise Finding(f"{path} has the entity tags {tags} in its codings, which share one.")
        is_encoded = codings[-1] is not None
        try:
            unzipped = gzip.decompress(zipped.body) if is_encoded else zipped.body
        except (OSError, EOFError, zlib.error) as failure:
            raise Finding(f"{path} is broken by the way that it comes: {failure}.") from None
        if unzipped != plain.body:
            raise Finding(f"{path} is another file when it comes by gzip.")
        if is_encoded:
            check_brotli(path, plain, browsers)
        elif browsers.body != plain.body:
            raise Finding(f"{path} is another file when a browser asks for it.")
        return plain.body, is_encoded

    def fetch(self, path: str, headers: dict[str, str]) -> Answer:
        """The answer to a request with headers of its own, which must succeed."""
        if "console" in self.not_started:
            raise Finding(f"{path} is not tried, because console did not start.")
        request = urllib.request.Request(self.deployment.address + path, headers=headers)
        try:
            with contextlib.closing(opened(request)) as answer:
                found = Answer(answer.status, answer.headers, [(0, answer.read())])
        except (OSError, http.client.HTTPException) as failure:
            raise Finding(f"GET {path} got no answer ({failure}); {self.deployment.log_of('console')}.") from None
        if found.status != 200:
            raise Finding(self.refusal("GET", path, found))
        return found

    def user(self) -> None:
        needed = {"account", "login", "register"} & self.not_started
        if needed:
            raise Finding(f"Nobody is registered, because {' and '.join(sorted(needed))} did not start.")
        User(self).live()

    def operator(self) -> None:
        """Starts operator where no user came to be shown by it."""
        if not self.has_asked_operator:
            try:
                self.deployment.invoke("operator", {"action": "show", "username": f"check-{secrets.token_hex(6)}"})
            except Finding as finding:
                if "UserNotFound" not in str(finding):
                    raise
            self.say("operator starts.")

    def audit(self) -> None:
        for _ in range(AUDIT_RUNS):
            report = self.deployment.invoke("audit", {})
            if report["mismatches"]:
                raise Finding(f"These accounts do not add up: {json.dumps(report['mismatches'])[:1000]}")
            if report["mispriced"]:
                raise Finding(f"These entries are at a wrong price: {json.dumps(report['mispriced'])[:1000]}")
            if report["finished"]:
                self.say(f"audit finished: {report['accounts']} accounts, and each adds up.")
                return
        raise Finding(f"audit has not finished in {AUDIT_RUNS} runs.")

    def alarms(self) -> None:
        alarms = self.deployment.alarms()
        if alarms is None:
            self.say("Alarms are not looked at: there are none on this machine.")
            return
        for alarm in alarms:
            if alarm.state == "ALARM":
                self.found(f"{alarm.name} is in ALARM: {alarm.reason}")
            elif alarm.state != "OK":
                self.say(f"{alarm.name} is {alarm.state}, as an alarm is until it has something to look at.")
        counts = Counter(alarm.state for alarm in alarms)
        self.say(f"{len(alarms)} alarms: {', '.join(f'{count} {state}' for state, count in sorted(counts.items()))}.")
        if not any(alarm.tells_somebody for alarm in alarms):
            self.say("Nobody is told of alarms: AlarmEmail and AlarmTopicArn are empty.")


def as_expression(route: str) -> str:
    """The paths of a route, in which `{id}` is one segment, and `{*id}` all that is left."""
    return re.sub(r"\{\w+\}", "[^/]+", re.sub(r"\{\*\w+\}", ".+", route))


def check_brotli(path: str, plain: Answer, encoded: Answer) -> None:
    """Python has no Brotli. But bytes that a gateway took for text, or wrote in base64, are text from then on, and those that Brotli
    makes are none."""
    with contextlib.suppress(UnicodeDecodeError):
        encoded.body.decode()
        raise Finding(f"{path} comes as text when it comes by Brotli.")
    if len(encoded.body) >= len(plain.body):
        raise Finding(f"{path} has {len(encoded.body)} bytes by Brotli, and {len(plain.body)} as it is.")


def opened(request: urllib.request.Request, limit_s: float = REQUEST_LIMIT_S) -> http.client.HTTPResponse:
    """The answer to a request, of any status."""
    try:
        return urllib.request.urlopen(request, timeout=limit_s)
    except urllib.error.HTTPError as error:
        return error  # it has the members of an answer


class User:
    """A user who lives for the time of the check."""

    def __init__(self, check: Check) -> None:
        self.check = check
        self.name = f"check-{secrets.token_hex(6)}"
        self.credentials = {"username": self.name, "password": secrets.token_urlsafe(24)}
        self.token: str | None = None

    def live(self) -> None:
        with contextlib.ExitStack() as undo:
            # Before the registration, whose answer may be lost.
            undo.callback(self.check.step, self.delete)
            self.register()
            self.show()
            self.talk()
            with self.key() as key:
                self.stream(key)
            self.find_ended(key)
            self.compare_balance_and_ledger()
            self.take_receipt()

    def register(self) -> None:
        self.check.expect(201, "POST", "/register/", self.credentials)
        self.log_in()
        self.check.say(f"{self.name} is registered and has logged in.")

    def log_in(self) -> None:
        self.token = self.check.expect(200, "POST", "/login/", self.credentials).json()["access_token"]

    def show(self) -> dict:
        self.check.has_asked_operator = True
        return self.check.deployment.invoke("operator", {"action": "show", "username": self.name})

    def talk(self) -> None:
        answer = self.paid(lambda: self.check.ask("POST", "/chatView/", {"message": QUESTION}, self.token))
        if answer.status != 200:
            raise Finding(self.check.refusal("POST", "/chatView/", answer))
        length, cost = len(answer.json()["response"]), answer.headers["X-Token-Cost"]
        self.check.say(f"/chatView/ replies with {length} characters, for {cost} credits.")

    def paid(self, send: Callable[[], Answer]) -> Answer:
        """An answer that costs something, if need be after a grant, which ends with the account."""
        answer = send()
        if answer.status == 402:
            body = answer.json()
            cost = body.get("cost") or body.get("error", {}).get("cost") or 1000
            event = {"action": "grant", "username": self.name, "amount": 10 * int(cost), "reason": "check_deployment.py"}
            granted = self.check.deployment.invoke("operator", {**event, "grant_id": f"check-{secrets.token_hex(8)}"})
            self.check.say(f"operator grants {granted['amount']} credits, since the balance did not cover a message.")
            answer = send()
        return answer

    @contextlib.contextmanager
    def key(self) -> Iterator[str]:
        wanted = {"name": "check", "password": self.credentials["password"], "expires_in_days": 1}
        made = self.check.expect(201, "POST", "/keys/", wanted, self.token).json()
        try:
            yield made["key"]
        finally:
            self.check.step(lambda: self.end_key(made["id"]))

    def end_key(self, key_id: str) -> None:
        self.check.expect(204, "DELETE", f"/keys/{key_id}/", token=self.token)

    def find_ended(self, key: str) -> None:
        self.check.expect(401, "GET", "/token_balance/", token=key)
        self.check.say("The API key is ended and opens nothing any more.")

    def stream(self, key: str) -> None:
        model = self.check.expect(200, "GET", "/v1/models", token=key).json()["data"][0]["id"]
        self.check.expect(200, "GET", f"/v1/models/{model}", token=key)
        body = {"model": model, "messages": [{"role": "user", "content": QUESTION}], "stream": True}
        answer = self.paid(lambda: self.check.ask("POST", "/v1/chat/completions", body, key))
        if answer.status != 200:
            raise Finding(self.check.refusal("POST", "/v1/chat/completions", answer))
        data = [(at, line[6:].strip().decode()) for at, line in answer.lines if line.startswith(b"data: ")]
        events = [(at, json.loads(event)) for at, event in data if event != "[DONE]"]
        errors = [event["error"] for _, event in events if "error" in event]
        last = [event for _, event in data[-1:]]
        if errors or last != ["[DONE]"]:
            raise Finding(f"The stream of {model} ended with {errors or last} and not with [DONE].")
        choices = [(at, choice) for at, event in events for choice in event["choices"]]
        # A model may say nothing, or only think.
        words = [at for at, choice in choices if choice["delta"].get("content")] or [data[-1][0]]
        self.check.say(
            f"/v1/chat/completions streams {len(events)} events of {model} to an API key: {choices[-1][1]['finish_reason']}. "
            f"The first word took {words[0] * 1000:.0f} ms, and all {data[-1][0] * 1000:.0f}."
        )

    def compare_balance_and_ledger(self) -> None:
        answer = self.check.expect(200, "GET", "/token_balance/", token=self.token)
        balance, held = answer.json()["tokens"], int(answer.headers["X-Token-Held"])
        amounts = list(self.entries())
        if sum(amounts) != balance + held:
            raise Finding(f"The ledger of {self.name} adds up to {sum(amounts)}: {balance} are there and {held} held.")
        shown = self.show()
        if (shown["balance"], shown["held"]) != (balance, held):
            raise Finding(f"{self.name} has {balance} credits, and operator shows {shown['balance']}.")
        listed = self.check.expect(200, "GET", "/messages/", token=self.token).json()["messages"]
        if [message["message"] for message in listed] != [QUESTION]:
            raise Finding(f"/messages/ lists {len(listed)} messages in place of the one to /chatView/.")
        self.check.say(f"{len(amounts)} entries of the ledger add up to the balance, {balance}; operator shows the same.")

    def take_receipt(self) -> None:
        """The receipt of the newest transaction, whose key everybody must find. Verifying it takes a package: docs/receipts.md."""
        newest = self.check.expect(200, "GET", "/transactions/?limit=1", token=self.token).json()["transactions"][0]["id"]
        receipt = self.check.expect(200, "GET", f"/transactions/{newest}/receipt/", token=self.token).json()["receipt"]
        header = json.loads(base64.urlsafe_b64decode(receipt.split(".")[0] + "=="))
        if header["kid"] not in self.keys_of_receipts():
            raise Finding(f"The receipt of {newest} is signed by a key that /.well-known/receipt-keys.json does not have.")
        self.check.say("A receipt is signed by a key that everybody finds.")

    def keys_of_receipts(self) -> set[str]:
        kids, cursor = set(), ""
        while cursor is not None:
            path = "/.well-known/receipt-keys.json" + (f"?cursor={cursor}" if cursor else "")
            page = self.check.expect(200, "GET", path).json()
            kids |= {key["kid"] for key in page["keys"]}
            cursor = page["next"]
        return kids

    def entries(self) -> Iterator[int]:
        cursor = ""
        while cursor is not None:
            path = "/transactions/?limit=100" + (f"&cursor={cursor}" if cursor else "")
            page = self.check.expect(200, "GET", path, token=self.token).json()
            yield from (entry["tokens"] for entry in page["transactions"])
            cursor = page["next"]

    def delete(self) -> None:
        """Deletes the user, of whom there may be anything from nothing to all.

        It logs in again first, since the access token may be of before a stream that took as long as a token lives.
        """
        try:
            answer = self.check.ask("POST", "/login/", self.credentials)
            if answer.status == 401 and self.token is None:
                return
            if answer.status != 200:
                raise Finding(self.check.refusal("POST", "/login/", answer))
            self.token = answer.json()["access_token"]
            self.delete_account()
            self.check.expect(401, "POST", "/login/", self.credentials)
        except (Finding, *MISREAD) as failure:
            said = failure if isinstance(failure, Finding) else repr(failure)
            raise Finding(f"{self.name} may be left behind, and `operator` can deactivate that user. {said}") from failure
        self.check.say(f"{self.name} has deleted the account, and can log in no more.")

    def delete_account(self) -> None:
        """A deletion that takes long, or finds the table busy, says so and goes on with the next request."""
        body = {"password": self.credentials["password"]}
        for _ in range(DELETIONS):
            answer = self.check.ask("DELETE", "/account/", body, self.token, expected=503)
            if answer.status == 204:
                return
            if answer.status != 503:
                raise Finding(self.check.refusal("DELETE", "/account/", answer))
            time.sleep(float(answer.headers.get("Retry-After", 1)))
        raise Finding(f"DELETE /account/ was answered 503 {DELETIONS} times.")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    kind = parser.add_mutually_exclusive_group(required=True)
    kind.add_argument("--stack", help="the name of a stack, in the account and the region of the AWS CLI")
    kind.add_argument("--local", metavar="ADDRESS", help="the address that `cargo local` prints")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what was done is undone
    try:
        check = Check(OnAws(arguments.stack) if arguments.stack else OnThisMachine(arguments.local))
    except Finding as finding:
        sys.exit(str(finding))
    for act in (check.state, check.starts, check.console, check.user, check.operator, check.audit, check.alarms):
        check.step(act)
    if check.findings:
        sys.exit("\n".join([f"Wrong: {len(check.findings)}.", *(f"- {each}" for each in check.findings)]))
    print("Everything is as it should be.")


if __name__ == "__main__":
    main()
