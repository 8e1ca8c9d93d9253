"""Takes the pictures of docs/console.md, of people and texts that console_people.py has.

    python3 .ci/console_pictures.py [FOLDER]     # .local/console; docs/console is what the page shows

It fails if a picture is too large to be kept in a repository. Times differ from run to run, so they are taken anew when the pages
have changed, and not each night.
"""

import pathlib
import sys
import time

import browser
from console_people import furnish, superuser
from console_window import Fault, Window
from stack import PASSWORD, ROOT, Stack
from talking_provider import talking_stack

LIMIT_BYTES = 150_000
WIDE = {"width": 1280, "height": 820}
SMALL = {"width": 320, "height": 640}
CSV, WALKS = "Orders in a CSV file", "Walks near Turin"


class Camera:
    """Takes pictures of one person's pages."""

    def __init__(self, chromium: object, stack: Stack, folder: pathlib.Path, username: str) -> None:
        self.folder = folder
        self.shown = Window(chromium, f"http://127.0.0.1:{stack.port}", viewport=WIDE, reduced_motion="reduce")
        self.shown.sign_in(username)
        self.page = self.shown.page

    def __enter__(self) -> Window:
        return self.shown

    def __exit__(self, failure: object, *_: object) -> None:
        if failure is None:
            self.shown.check()
        else:
            self.shown.tell()
        self.shown.close()

    def take(self, name: str, part: object | None = None) -> None:
        """Takes a picture of the window, or of a part of the page."""
        self.page.locator(".notice").wait_for(state="hidden")
        self.page.mouse.move(0, 0)
        # There are no scroll bars on the pictures, so that there is no room for them either.
        self.page.evaluate("() => { document.documentElement.style.scrollbarGutter = 'auto' }")
        path = self.folder / f"{name}.png"
        (part or self.page).screenshot(path=path, caret="hide")
        size = path.stat().st_size
        print(f"{time.strftime('%X')} {path}: {size:,} bytes", flush=True)
        if size > LIMIT_BYTES:
            raise Fault(f"{path} has {size:,} bytes, and the limit is {LIMIT_BYTES:,}.")

    def take_dark(self, name: str) -> None:
        self.page.emulate_media(color_scheme="dark")
        self.take(name)
        self.page.emulate_media(color_scheme="light")

    def take_small(self, name: str) -> None:
        self.page.set_viewport_size(SMALL)
        self.take(name)
        self.page.set_viewport_size(WIDE)


def main(chromium: object) -> None:
    folder = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / ".local" / "console"
    folder.mkdir(parents=True, exist_ok=True)
    with talking_stack() as (_, stack):
        superuser(stack, "ruth")
        conversations = furnish(stack)
        camera = Camera(chromium, stack, folder, "ada")
        with camera as ada:
            take_chat(camera, ada, conversations)
            take_money(camera, ada)
            take_keys(camera, ada)
        camera = Camera(chromium, stack, folder, "ruth")
        with camera as ruth:
            take_staff(camera, ruth)
            take_catalogue(camera, ruth)


def take_chat(camera: Camera, ada: Window, conversations: dict[str, str]) -> None:
    ada.go(f"chat/{conversations[CSV]}", CSV)
    ada.button("Copy reply", ada.log()).last.wait_for()
    ada.message().fill("Can you do the same with SQLite?")
    ada.page.get_by_text("Costs ").wait_for()
    ada.log().evaluate("(log) => { log.scrollTop = 0 }")
    ada.page.wait_for_timeout(200)
    camera.take("chat")
    camera.take_dark("chat-dark")
    ada.go(f"chat/{conversations[WALKS]}", WALKS)
    ada.button("Copy reply", ada.log()).last.wait_for()
    camera.take_small("chat-small")


def take_money(camera: Camera, ada: Window) -> None:
    ada.go("usage", "Usage")
    ada.page.get_by_role("heading", name="By model").wait_for()
    camera.take("usage")
    ada.go("transactions", "Transactions")
    camera.take("transactions")
    ada.button("Receipt", ada.page.get_by_role("row").filter(has_text="qwen3-coder").first).click()
    ada.page.get_by_text("Genuine.").wait_for()
    camera.take("receipt", ada.dialog("Receipt").locator("article"))
    ada.page.keyboard.press("Escape")
    ada.go("vouchers", "Vouchers")
    camera.take_small("vouchers-small")


def take_keys(camera: Camera, ada: Window) -> None:
    ada.go("keys", "API keys")
    camera.take("keys")
    ada.button("Make an API key").click()
    form = ada.dialog("Make an API key")
    form.get_by_label("Name").fill("Telegram bot")
    form.get_by_label("Your password").fill(PASSWORD)
    ada.button("Make the key", form).click()
    made = ada.dialog("Your new API key")
    made.get_by_role("region", name="hello.py").wait_for()
    camera.take("new-key", made.locator("article"))
    ada.button("Copy the key", made).click()
    ada.button("Done", made).click()
    ada.go("account", "Account")
    camera.take_dark("account-dark")


def take_staff(camera: Camera, ruth: Window) -> None:
    ruth.go("staff/users", "Users")
    for name in ("grace", "noor"):
        ruth.page.get_by_label(f"Select {name}").check()
    camera.take("users")
    ruth.go("staff/users/ada", "ada")
    camera.take("user")
    ruth.go("staff/history", "History")
    camera.take("history")
    ruth.go("staff/deployment", "Deployment")
    camera.take_dark("deployment-dark")
    ruth.go("staff/vouchers", "Vouchers and invitations")
    camera.take("batches")
    ruth.go("staff/users", "Users")
    camera.take_small("users-small")


def take_catalogue(camera: Camera, ruth: Window) -> None:
    """A catalogue with a mistake, at its place."""
    ruth.go("staff/catalogue", "Catalogue of models")
    ruth.button("Lay out").click()
    text = ruth.page.get_by_label("The catalogue as JSON")
    text.fill(text.input_value().replace('"input": 12000', '"input": -12000'))
    ruth.button("Check").click()
    mistakes = ruth.page.get_by_role("region", name="Mistakes")
    mistakes.get_by_role("button").first.click()
    camera.take("catalogue")


if __name__ == "__main__":
    browser.enter()
    browser.with_chromium(main)
