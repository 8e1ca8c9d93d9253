"""The console in Chromium, against the README's first command: a person's journey from the registration to a receipt, and a
superuser's from a search to a grant and its history. axe-core judges each page in both themes.

It fails if a page asks another host, breaks its content security policy, logs an error, or if the console's files are too large.

    python3 .ci/console.py

Installs Playwright and Chromium, as browser.py says. console_states.py has what can go wrong.
"""

import json
import re
import subprocess
import threading
import time

import browser
from console_people import log_in, succeed, superuser
from console_window import (
    CONSOLE,
    PAGES_OF_PEOPLE,
    PAGES_OF_STAFF,
    PAGES_OF_STRANGERS,
    Fault,
    Window,
    expect,
    require_axe,
    window,
)
from stack import PASSWORD, Stack, run_launcher
from talking_provider import SUMS, Plan, TalkingProvider, talking_stack

SCRIPTS_LIMIT_BYTES, STYLES_LIMIT_BYTES = 150_000, 30_000
CODE = SUMS.split("```")[1].removeprefix("python\n").removesuffix("\n")
QUESTION = "How do I add up the orders of each customer in a CSV file?"
SLOW_QUESTION, LOST_QUESTION, NEXT_QUESTION = "Tell me slowly.", "Tell me what gets lost.", "And then?"
VERIFY_LIMIT_S = 60
GRANTED, REASON = 250, "Prize of the spring course"


def main(chromium: object) -> None:
    require_axe()
    with talking_stack() as (provider, stack):
        address = f"http://127.0.0.1:{stack.port}"
        check_sizes()
        with window(chromium, address) as ada:
            journey_of_person(ada, provider, stack)
            superuser(stack, "ruth")
            with window(chromium, address) as ruth:
                journey_of_staff(ruth, ada, stack)
    print("The console works for people and for staff.")


def said(what: str) -> None:
    print(f"{time.strftime('%X')} {what}", flush=True)


def check_sizes() -> None:
    """Of the files as browsers get them."""
    files = json.loads((CONSOLE / "dist" / "files.json").read_text(encoding="utf-8"))
    for kind, limit in (("text/javascript", SCRIPTS_LIMIT_BYTES), ("text/css", STYLES_LIMIT_BYTES)):
        paths = [
            CONSOLE / "dist" / (f"{file['name']}.br" if "br" in file["encodings"] else file["name"])
            for file in files
            if file["type"].startswith(kind)
        ]
        size = sum(path.stat().st_size for path in paths)
        said(f"{kind}: {size:,} of {limit:,} bytes")
        if not 0 < size <= limit:
            raise Fault(f"The console's files of {kind} have {size:,} bytes, and the limit is {limit:,}.")


def journey_of_person(ada: Window, provider: TalkingProvider, stack: Stack) -> None:
    check_pages(ada, PAGES_OF_STRANGERS)
    ada.register("ada")
    ada.sign_out()
    ada.sign_in("ada")
    said("ada has registered, signed out, and signed in")
    talk(ada, provider)
    stop_reading(ada, provider)
    get_a_lost_reply(ada)
    token = log_in(stack, "ada")
    expect("the number of messages that were paid", len(paid(stack, token)), len(set(provider.asked)))
    expect("the number of requests to the model", len(provider.asked), len(set(provider.asked)))
    said("four messages were each asked and paid once")
    use_a_key(ada)
    stay_signed_in(ada)
    check_pages(ada, PAGES_OF_PEOPLE)
    look_at_usage(ada, paid(stack, token))
    verify_a_receipt(ada, stack, paid(stack, token))
    ada.sign_out()
    ada.page.reload()
    ada.heading("Sign in").wait_for()
    said("ada has signed out")


def paid(stack: Stack, token: str) -> list[dict]:
    """The transactions of messages, newest first."""
    entries = succeed(stack.ask("/transactions/?limit=100", token=token))["transactions"]
    return [entry for entry in entries if entry["kind"] == "chat"]


def check_pages(shown: Window, pages: dict[str, str]) -> None:
    for route, heading in pages.items():
        shown.go(route, heading)
        shown.check_access(heading)
    said(f"axe-core has judged {', '.join(pages.values())}")


def talk(ada: Window, provider: TalkingProvider) -> None:
    """A new conversation: the quote, the words as they come, the cost, and the second message."""
    ada.go("chat", "New conversation")
    provider.plans[QUESTION] = Plan(rest=threading.Event())
    ada.message().fill(QUESTION)
    ada.page.get_by_text(re.compile(r"^Costs (about )?[\d–]+ credits?")).wait_for()
    ada.message().press("Enter")
    ada.log().get_by_text("Python's standard library is enough.").wait_for()
    ada.button("Stop").wait_for()
    expect("the last line of a reply that is half there", ada.log().get_by_text("Name the encoding").count(), 0)
    ada.check_access("a reply that is half there")
    provider.plans[QUESTION].rest.set()
    ada.log().get_by_text("Name the encoding").wait_for()
    ada.button("Copy reply", ada.log()).wait_for()
    ada.log().get_by_text(re.compile(r"^\d+ credits?$")).wait_for()
    ada.button("Copy reply", ada.log()).click()
    expect("the copied reply", ada.page.evaluate("() => navigator.clipboard.readText()"), SUMS)
    ada.button("Copy code", ada.log()).click()
    expect("the copied code", ada.page.evaluate("() => navigator.clipboard.readText()"), CODE)
    ada.send(NEXT_QUESTION)
    ada.button("Copy reply", ada.log()).nth(1).wait_for()
    ada.check_access("a conversation")
    said("ada has talked")


def stop_reading(ada: Window, provider: TalkingProvider) -> None:
    """The reply of a message whose reading was stopped appears by itself, and nothing is sent for it."""
    provider.plans[SLOW_QUESTION] = Plan(text=f"First words. {'More words. ' * 8}Last words.", rest=threading.Event())
    asked = ada.count("POST /chatView/")
    ada.send(SLOW_QUESTION)
    ada.log().get_by_text("First words.").wait_for()
    ada.button("Stop").click()
    ada.log().get_by_text("You stopped reading.").wait_for()
    ada.check_access("a reply that nobody reads")
    provider.plans[SLOW_QUESTION].rest.set()
    ada.log().get_by_text("Last words.").wait_for()
    expect("the number of requests of a message that was stopped", ada.count("POST /chatView/") - asked, 1)
    said("ada has stopped a reply, and has it")


def get_a_lost_reply(ada: Window) -> None:
    """The answer of a message gets lost on its way. The person asks again, and pays once."""

    def lose(route: object) -> None:
        route.fetch()
        route.abort()

    ada.page.route("**/chatView/", lose, times=1)
    # Until it is asked for again, the page does not find it in the conversation either.
    ada.page.route("**/conversations/*/messages/*", lambda route: route.abort())
    ada.send(LOST_QUESTION)
    ada.button("Get the reply").wait_for()
    ada.check_access("a reply that got lost")
    ada.button("Get the reply").click()
    ada.button("Get the reply").wait_for(state="detached")
    ada.page.unroute("**/conversations/*/messages/*")
    ada.page.reload()
    ada.log().get_by_text(LOST_QUESTION).wait_for()
    ada.button("Copy reply", ada.log()).nth(3).wait_for()
    said("ada has asked again for a lost reply")


def use_a_key(ada: Window) -> None:
    ada.go("keys", "API keys")
    ada.button("Make an API key").click()
    form = ada.dialog("Make an API key")
    form.get_by_label("Name").fill("Notebook")
    form.get_by_label("Budget in credits").fill("500")
    form.get_by_label("Your password").fill(PASSWORD)
    ada.check_access("the form of a new key")
    ada.button("Make the key", form).click()
    made = ada.dialog("Your new API key")
    made.get_by_role("radio", name="curl").check(force=True)
    snippet = made.get_by_role("region", name="Terminal").inner_text()
    ada.check_access("a new key")
    ada.button("Copy the key", made).click()
    ada.button("Done", made).click()
    answer = subprocess.run(
        ["bash", "-c", snippet.replace("curl", "curl -sS", 1)], capture_output=True, text=True, timeout=60
    )
    completion = json.loads(answer.stdout)
    if not completion["choices"][0]["message"]["content"]:
        raise Fault(f"The console's snippet for curl got {answer.stdout}")
    said("ada's key talks, by the console's lines for curl")


def stay_signed_in(ada: Window) -> None:
    """A reload needs one refresh, a second tab none, and two tabs that are loaded at once need one."""
    refreshes = ada.count("POST /token/refresh/")
    ada.page.reload()
    ada.wait_until_signed_in()
    expect("the number of refreshes after a reload", ada.count("POST /token/refresh/") - refreshes, 1)
    tab = ada.context.new_page()
    tab.goto(f"{ada.address}/#/usage")
    tab.get_by_role("navigation", name="Pages").wait_for()
    expect("the number of refreshes after a second tab", ada.count("POST /token/refresh/") - refreshes, 1)
    for each in (ada.page, tab):
        each.goto("about:blank")
    for each in (ada.page, tab):
        # Without waiting for the page.
        each.evaluate("(address) => { location.href = address }", f"{ada.address}/#/usage")
    for each in (ada.page, tab):
        each.get_by_role("navigation", name="Pages").wait_for()
    expect("the number of refreshes after both were loaded at once", ada.count("POST /token/refresh/") - refreshes, 2)
    tab.close()
    said("ada stays signed in, in two tabs")


def look_at_usage(ada: Window, messages: list[dict]) -> None:
    ada.go("usage", "Usage")
    row = ada.page.get_by_role("row").filter(has=ada.page.get_by_role("rowheader", name="Notebook"))
    row.wait_for()
    spent = -sum(message["tokens"] for message in messages)
    ada.page.get_by_role("definition").filter(has_text=re.compile(f"^{spent}$")).first.wait_for()
    said(f"ada's usage is {spent} credits")


def verify_a_receipt(ada: Window, stack: Stack, messages: list[dict]) -> None:
    ada.go("transactions", "Transactions")
    # The newest transaction is a message.
    row = ada.page.get_by_role("row").filter(has=ada.button("Receipt")).first
    ada.button("Details", row).click()
    ada.check_access("a transaction's details")
    ada.button("Receipt", row).click()
    receipt = ada.dialog("Receipt")
    receipt.get_by_text("Genuine.").wait_for()
    ada.check_access("a receipt")
    text = receipt.get_by_role("region", name="The signed receipt", exact=True).inner_text()
    keys = f"http://127.0.0.1:{stack.port}/.well-known/receipt-keys.json"
    answer = run_launcher("verify", "--keys", keys, given=text, limit_s=VERIFY_LIMIT_S)
    if answer.returncode != 0 or messages[0]["id"] not in answer.stdout:
        raise Fault(f"The launcher does not verify ada's receipt: {answer.stdout} {answer.stderr}")
    ada.button("Close", receipt).click()
    said(f"ada's receipt is genuine: {answer.stdout.strip()}")


def journey_of_staff(ruth: Window, ada: Window, stack: Stack) -> None:
    ada.sign_in("ada")
    before = succeed(stack.ask("/token_balance/", token=log_in(stack, "ada")))["tokens"]
    ruth.sign_in("ruth")
    ruth.page.get_by_role("navigation", name="Pages").get_by_role("link", name="Staff").click()
    ruth.heading("Users").wait_for()
    ruth.page.get_by_label("Name begins with").fill("ad")
    ruth.page.get_by_role("rowheader", name="ruth").wait_for(state="detached")
    ruth.page.get_by_role("link", name="ada").click()
    ruth.heading("ada").wait_for()
    grant(ruth)
    ada.page.reload()
    ada.page.get_by_role("link", name=f"{before + GRANTED:,} credits").wait_for()
    said("ruth has given ada credits, and ada has them")
    for part in ("Transactions", "Usage", "History"):
        ruth.page.get_by_role("navigation", name="About ada").get_by_role("link", name=part).click()
        ruth.settle()
        ruth.check_access(f"a user's {part}")
    ruth.page.get_by_text(f"gave {GRANTED} credits").wait_for()
    ruth.page.get_by_text(REASON).wait_for()
    check_pages(ruth, PAGES_OF_STAFF)
    deactivate(ruth)
    # Neither the access token of a deactivated user nor the cookie opens anything.
    ada.wanted_refusals |= {"GET /account/ 401", "GET /token_balance/ 401", "POST /token/refresh/ 401"}
    ada.page.reload()
    ada.heading("Sign in").wait_for()
    said("ruth has deactivated ada, who is signed out")


def grant(ruth: Window) -> None:
    ruth.check_access("a user")
    ruth.page.get_by_label("Credits").fill(f"{GRANTED}")
    ruth.page.get_by_label("Reason", exact=True).fill(REASON)
    ruth.button("Grant").click()
    ruth.page.get_by_text("Done. ada has").wait_for()


def deactivate(ruth: Window) -> None:
    ruth.go("staff/users/ada", "ada")
    ruth.button("Deactivate …").click()
    dialog = ruth.dialog("Deactivate ada?")
    expect("whether a user can be deactivated unnamed", ruth.button("Deactivate", dialog).is_enabled(), False)
    dialog.get_by_label("Type ada to confirm").fill("ada")
    ruth.check_access("a deactivation")
    ruth.button("Deactivate", dialog).click()
    ruth.page.get_by_text("inactive", exact=True).wait_for()


if __name__ == "__main__":
    browser.enter()
    browser.with_chromium(main)
