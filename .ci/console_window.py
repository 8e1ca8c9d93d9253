"""A window of the console, as one person has it: a browser context of its own, which is watched."""

import contextlib
import itertools
import json
import pathlib
import re
import sys
import urllib.parse
from collections.abc import Iterator

import console_build
from console_build import CONSOLE
from stack import PASSWORD, ROOT

AXE = CONSOLE / "node_modules" / "axe-core" / "axe.min.js"
# The pictures of windows in which a script of this name failed.
FAILURES = ROOT / ".local" / f"{pathlib.Path(sys.argv[0]).stem}-failures"
# How long a page may take to show what it is to show, on a busy machine.
PATIENCE_MS = 20_000
WIDE, NARROW = {"width": 1280, "height": 900}, {"width": 320, "height": 640}
THEMES = ("light", "dark")

# Each page by its route, and its heading.
PAGES_OF_STRANGERS = {"sign-in": "Sign in", "register": "Register", "reset": "Set a new password"}
PAGES_OF_PEOPLE = {
    "chat": "New conversation",
    "usage": "Usage",
    "transactions": "Transactions",
    "keys": "API keys",
    "vouchers": "Vouchers",
    "account": "Account",
}
PAGES_OF_STAFF = {
    "staff/users": "Users",
    "staff/jobs": "Bulk grants",
    "staff/vouchers": "Vouchers and invitations",
    "staff/catalogue": "Catalogue of models",
    "staff/usage": "Usage of all",
    "staff/history": "History",
    "staff/deployment": "Deployment",
}


class Fault(Exception):
    """Something that the console must not do."""


class Window:
    """Everything that it asks, says and shows is looked at; `check` tells what was wrong."""

    numbers = itertools.count(1)

    def __init__(self, chromium: object, address: str, **options: object) -> None:
        self.number = next(self.numbers)
        self.address = address
        self.host = urllib.parse.urlsplit(address).netloc
        self.context = chromium.new_context(**{"viewport": WIDE, "locale": "en-GB", "timezone_id": "Europe/Rome", **options})
        self.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=address)
        self.faults: list[str] = []
        self.requests: list[str] = []
        # Answers with a status of an error, each as "POST /chatView/ 402", and those of them that a check wants.
        self.refusals: list[str] = []
        self.wanted_refusals: set[str] = set()
        self.context.on("request", self.look_at_request)
        self.context.on("response", self.look_at_response)
        self.context.on("console", self.look_at_message)
        self.context.on("weberror", lambda error: self.faults.append(f"a script failed: {error.error}"))
        self.context.on("dialog", self.look_at_dialog)
        self.context.set_default_timeout(PATIENCE_MS)
        self.page = self.context.new_page()

    def look_at_request(self, request: object) -> None:
        address = urllib.parse.urlsplit(request.url)
        if address.scheme not in ("data", "blob") and address.netloc != self.host:
            self.faults.append(f"the page asks {request.url}")
        self.requests.append(f"{request.method} {address.path}")

    def look_at_response(self, response: object) -> None:
        if response.status >= 400:
            path = urllib.parse.urlsplit(response.url).path
            self.refusals.append(f"{response.request.method} {path} {response.status}")

    def look_at_message(self, message: object) -> None:
        # A refused request is told here as well, in words that do not say which it was.
        if message.type in ("error", "warning") and not message.text.startswith("Failed to load resource"):
            self.faults.append(f"the browser's console has the {message.type}: {message.text}")

    def look_at_dialog(self, dialog: object) -> None:
        self.faults.append(f"a script asks: {dialog.message}")
        dialog.dismiss()

    def count(self, request: str) -> int:
        return self.requests.count(request)

    def check(self) -> None:
        refusals = [f"refused: {each}" for each in self.refusals if each not in self.wanted_refusals]
        if self.faults or refusals:
            raise Fault("\n".join(["The console is at fault:", *self.faults, *refusals]))

    def go(self, route: str, heading: str | None = None) -> None:
        """Goes to a page as a person does who follows a link, and waits until it is all there."""
        address = f"{self.address}/#/{route}"
        if self.page.url.startswith(f"{self.address}/"):
            self.page.evaluate("(hash) => { location.hash = hash }", f"#/{route}")
        else:
            self.page.goto(address)
        if heading is not None:
            self.heading(heading).wait_for()
        self.settle()

    def heading(self, text: str) -> object:
        return self.page.get_by_role("heading", level=1, name=text, exact=True)

    def settle(self) -> None:
        """Waits until nothing is on its way."""
        self.page.wait_for_function(
            "() => document.querySelector('h1') !== null && document.querySelector('.loading') === null"
        )

    def button(self, name: str, within: object | None = None) -> object:
        return (within or self.page).get_by_role("button", name=name, exact=True)

    def dialog(self, title: str | re.Pattern[str]) -> object:
        return self.page.get_by_role("dialog", name=title)

    def message(self) -> object:
        """The field in which a message is typed."""
        return self.page.get_by_role("textbox", name="Message")

    def log(self) -> object:
        """The messages of the conversation that is open."""
        return self.page.get_by_role("log", name="Messages")

    def send(self, message: str) -> None:
        self.message().fill(message)
        self.button("Send").click()

    def register(self, username: str, password: str = PASSWORD) -> None:
        self.go("register", "Register")
        self.page.get_by_label("Username").fill(username)
        self.page.get_by_label("Password").fill(password)
        self.button("Register").click()
        self.wait_until_signed_in()

    def sign_in(self, username: str, password: str = PASSWORD) -> None:
        self.go("sign-in", "Sign in")
        self.page.get_by_label("Username").fill(username)
        self.page.get_by_label("Password").fill(password)
        self.button("Sign in").click()
        self.wait_until_signed_in()

    def wait_until_signed_in(self) -> None:
        self.page.get_by_role("navigation", name="Pages").wait_for()
        self.settle()

    def sign_out(self) -> None:
        self.page.get_by_role("button", name=re.compile("^Sign out")).click()
        self.heading("Sign in").wait_for()

    def in_themes(self) -> Iterator[str]:
        """Shows the page in each theme, without a reload."""
        for theme in THEMES:
            self.page.emulate_media(color_scheme=theme, reduced_motion="reduce")
            # A colour on its way to another one is neither.
            self.page.evaluate(END_TRANSITIONS)
            yield theme
        self.page.emulate_media(color_scheme="light", reduced_motion="no-preference")

    def check_access(self, name: str) -> None:
        """Judges the page by axe-core, in both themes."""
        for theme in self.in_themes():
            self.faults += [f"{name}, {theme}: {each}" for each in violations(self.page)]

    def check_width(self, name: str) -> None:
        """Nothing of the page is wider than the window."""
        widths = self.page.evaluate("() => [document.documentElement.scrollWidth, document.documentElement.clientWidth]")
        if widths[0] > widths[1]:
            widest = self.page.evaluate(WIDEST, widths[1])
            self.faults.append(f"{name} is {widths[0]} pixels wide in a window of {widths[1]}: {'; '.join(widest)}")

    def tell(self) -> None:
        """Says what is to be seen, for whoever looks into a failure."""
        picture = FAILURES / f"{self.number}.png"
        picture.parent.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=picture)
        print(f"{self.page.url} shows the following; its picture is {picture}:", flush=True)
        print(self.page.locator("body").aria_snapshot(), *self.faults, *self.refusals, sep="\n", flush=True)

    def close(self) -> None:
        self.context.close()


# The elements that stick out, and do not just hold one that does.
WIDEST = """(width) => [...document.querySelectorAll("body *")]
  .filter((each) => each.getBoundingClientRect().right > width && each.closest(".table, pre, [hidden]") === null)
  .map((each) => `${each.tagName.toLowerCase()}.${each.className}`).slice(-3)"""

END_TRANSITIONS = "() => { for (const each of document.getAnimations()) if (each instanceof CSSTransition) each.finish() }"


def violations(page: object) -> list[str]:
    """The violations that axe-core finds on the page as it is now."""
    if not page.evaluate("() => 'axe' in window"):
        page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate(
        "async () => (await axe.run(document, { resultTypes: ['violations'], preload: false })).violations"
    )
    return [f"{each['id']}: {each['help']}: {node['html'][:160]}" for each in found for node in each["nodes"][:2]]


@contextlib.contextmanager
def window(chromium: object, address: str, **options: object) -> Iterator[Window]:
    """A window that is judged at its end."""
    shown = Window(chromium, address, **options)
    try:
        yield shown
        shown.check()
    except Exception:
        shown.tell()
        raise
    shown.close()


def require_axe() -> None:
    """Installs the console's packages if axe-core is not among them."""
    if not AXE.exists():
        console_build.install_packages()


def expect(what: str, found: object, wanted: object) -> None:
    if found != wanted:
        raise Fault(f"{what} is {json.dumps(found)} and not {json.dumps(wanted)}.")
