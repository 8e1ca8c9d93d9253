"""The docs page in Chromium, against the README's first command: somebody registers, logs in, authorizes and talks by "try it".
It fails if the page asks another host, breaks its content security policy, or an answer is not as it should be.

    python3 .ci/docs_page.py [--screenshot FILE]

Installs Playwright and Chromium, as browser.py says.
"""

import json
import sys
import tempfile
import urllib.parse

import browser
from stack import PASSWORD, Stack

CREDENTIALS = {"username": "ada", "password": PASSWORD}


class DocsPage:
    """The page, opened in a browser."""

    def __init__(self, chromium: object, address: str) -> None:
        self.page = chromium.new_page(viewport={"width": 1280, "height": 1000})
        self.host = urllib.parse.urlsplit(address).netloc
        self.faults: list[str] = []
        self.page.on("request", self.look_at_request)
        self.page.on("console", self.look_at_message)
        self.page.on("pageerror", lambda error: self.faults.append(f"a script failed: {error}"))
        self.page.goto(address)
        self.page.wait_for_selector(".opblock")
        print(f"{address} shows {self.page.locator('.opblock').count()} operations", flush=True)

    def look_at_request(self, request: object) -> None:
        address = urllib.parse.urlsplit(request.url)
        if address.scheme != "data" and address.netloc != self.host:
            self.faults.append(f"the page asks {request.url}")

    def look_at_message(self, message: object) -> None:
        if "Content Security Policy" in message.text:
            self.faults.append(message.text)

    def authorize(self, token: str) -> None:
        """Enters an access token, as a person does."""
        page = self.page
        page.locator(".scheme-container button.authorize").click()
        dialog = page.locator(".dialog-ux .auth-container").filter(has_text="accessToken")
        dialog.locator("input").fill(token)
        dialog.locator("button.authorize").click()
        page.locator(".dialog-ux .close-modal").click()

    def try_it(self, method: str, path: str, body: object = None) -> tuple[int, dict]:
        """Sends a request by the page's buttons, and returns what the page shows."""
        operation = self.page.locator(f".opblock-{method}").filter(has=self.page.locator(f'[data-path="{path}"]'))
        operation.locator(".opblock-summary-control").click()
        if body is not None:
            operation.locator("textarea.body-param__text").fill(json.dumps(body))
        operation.locator("button.execute").click()
        shown = operation.locator(".live-responses-table .response")
        status = int(shown.locator(".response-col_status").inner_text().split()[0])
        text = shown.locator(".highlight-code code, .highlight-code pre").first.inner_text()
        print(f"{method.upper()} {path} → {status}", flush=True)
        operation.locator(".opblock-summary-control").click()
        return status, json.loads(text)

    def check(self) -> None:
        if self.faults:
            sys.exit("\n".join(["The docs page is at fault:", *self.faults]))


def expect(what: str, found: object, wanted: object) -> None:
    if found != wanted:
        sys.exit(f"{what} is {found!r} and not {wanted!r}.")


def try_everything(page: DocsPage) -> None:
    expect("a registration", page.try_it("post", "/register/", CREDENTIALS)[0], 201)
    status, tokens = page.try_it("post", "/login/", CREDENTIALS)
    expect("a login", status, 200)
    expect("a balance without a token", page.try_it("get", "/token_balance/")[0], 401)
    page.authorize(tokens["access_token"])
    status, reply = page.try_it("post", "/chatView/", {"message": "Hello"})
    expect("a message", (status, reply["response"]), (200, "Dummy Response"))
    status, messages = page.try_it("get", "/messages/")
    expect("the messages", (status, [each["message"] for each in messages["messages"]]), (200, ["Hello"]))


def main() -> None:
    with tempfile.TemporaryDirectory() as data, Stack(data) as stack:
        browser.with_chromium(lambda chromium: look_at_docs(chromium, f"http://127.0.0.1:{stack.port}"))
    print("The docs page shows the API, and its requests work.")


def look_at_docs(chromium: object, address: str) -> None:
    DocsPage(chromium, f"{address}/docs").check()
    page = DocsPage(chromium, f"{address}/docs/")
    try_everything(page)
    if "--screenshot" in sys.argv:
        page.page.screenshot(path=sys.argv[sys.argv.index("--screenshot") + 1], full_page=True)
    page.check()


if __name__ == "__main__":
    browser.enter()
    main()
