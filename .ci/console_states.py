"""Everything that can go wrong or be unusual at the console, in Chromium: each has its look, axe-core finds nothing against it in
either theme, and a window of 320 pixels holds it.

    python3 .ci/console_states.py [states] [forms] [empty-pages] [narrow-pages] [keyboard] [motion] [directions] [attacks]

Installs Playwright and Chromium, as browser.py says. console.py has the journeys where all goes well.
"""

import contextlib
import dataclasses
import json
import sys
import threading
import time
from collections.abc import Callable

import browser
from console_attacks import attack
from console_people import furnish, log_in, succeed, superuser
from console_window import (
    NARROW,
    PAGES_OF_PEOPLE,
    PAGES_OF_STAFF,
    PAGES_OF_STRANGERS,
    WIDE,
    Fault,
    Window,
    expect,
    require_axe,
    window,
)
from stack import PASSWORD, Stack
from talking_provider import Plan, TalkingProvider, talking_stack

CHAT = "**/chatView/"
NOBODYS_ID = "01KB05A0V0QX1E5M3N8K7C2D9F"
MOST_STOPS = 120
POLL_MS, FOCUS_TRIES = 100, 20


def main(chromium: object) -> None:
    require_axe()
    with talking_stack() as (provider, stack):
        superuser(stack, "ruth")
        checks = Checks(chromium, provider, stack, f"http://127.0.0.1:{stack.port}", furnish(stack))
        for name in sys.argv[1:] or CHECKS:
            CHECKS[name](checks)
            print(f"{time.strftime('%X')} {name} are as they should be", flush=True)
    print("Each state of the console has its look.")


@dataclasses.dataclass
class Checks:
    """The stack, the browser and the provider of the checks."""

    chromium: object
    provider: TalkingProvider
    stack: Stack
    address: str
    # The ids of ada's conversations by their titles.
    conversations: dict[str, str]

    def window(self, **options: object) -> contextlib.AbstractContextManager[Window]:
        return window(self.chromium, self.address, **options)

    def states(self) -> None:
        with self.window() as grace:
            grace.sign_in("grace")
            for state in STATES:
                state(grace, self.provider, self.stack)
                said(state.__doc__)

    def forms(self) -> None:
        with self.window() as stranger:
            look_at_strangers(stranger)

    def empty_pages(self) -> None:
        with self.window() as anew:
            look_at_empty_pages(anew)

    def narrow_pages(self) -> None:
        with self.window(viewport=NARROW, has_touch=True) as narrow:
            look_at_narrow_pages(narrow, self.stack, self.conversations)

    def keyboard(self) -> None:
        with self.window() as typist:
            use_keyboard(typist)

    def motion(self) -> None:
        with self.window(reduced_motion="reduce") as ada:
            look_at_motion(ada)

    def directions(self) -> None:
        with self.window() as ada:
            look_at_right_to_left(ada, self.conversations["البرمجة"])

    def attacks(self) -> None:
        attack(self.chromium, self.provider, self.stack)


CHECKS = {
    "states": Checks.states,
    "forms": Checks.forms,
    "empty-pages": Checks.empty_pages,
    "narrow-pages": Checks.narrow_pages,
    "keyboard": Checks.keyboard,
    "motion": Checks.motion,
    "directions": Checks.directions,
    "attacks": Checks.attacks,
}


def said(what: str) -> None:
    print(f"{time.strftime('%X')} {what}", flush=True)


def look(shown: Window, name: str) -> None:
    """Judges what is shown, wide in both themes and narrow."""
    shown.check_access(name)
    shown.page.set_viewport_size(NARROW)
    shown.check_width(name)
    shown.page.set_viewport_size(WIDE)


def refuse(shown: Window, status: int, code: str, sentence: str, times: int = 1, **headers: str) -> None:
    """Lets the next message be answered with this problem."""
    body = {"status": status, "title": code, "detail": sentence, "code": code}
    answer = {"status": status, "content_type": "application/problem+json", "body": json.dumps(body)}
    shown.wanted_refusals.add(f"POST /chatView/ {status}")
    shown.page.route(CHAT, lambda route: route.fulfill(**answer, headers=headers), times=times)


def hold(shown: Window, path: str) -> list[object]:
    """Keeps the next request of a path waiting, until somebody lets it go on."""
    held: list[object] = []
    shown.page.route(path, lambda route: held.append(route), times=1)
    return held


def let_go(shown: Window, held: list[object]) -> None:
    """Lets a request go on that was kept waiting, or that is about to be sent."""
    while not held:
        shown.page.wait_for_timeout(POLL_MS)
    held[0].continue_()


def begin(shown: Window, message: str) -> None:
    """Sends a message that begins a conversation."""
    shown.go("chat", "New conversation")
    shown.send(message)
    shown.log().wait_for()


def note(shown: Window, text: str) -> object:
    """The note below a message."""
    return shown.log().get_by_text(text).first


def is_there(shown: Window, text: str) -> None:
    """A reply has these words, and is paid."""
    note(shown, text).wait_for()
    shown.button("Copy reply", shown.log()).last.wait_for()


def slow(shown: Window, _provider: TalkingProvider, _stack: Stack) -> None:
    """A slow server: the page says that it still waits."""
    held = hold(shown, "**/usage/?*")
    shown.page.evaluate("() => { location.hash = '#/usage' }")
    shown.page.get_by_text("Still waiting").wait_for()
    look(shown, "a slow page")
    let_go(shown, held)
    shown.page.get_by_text("Still waiting").wait_for(state="detached")
    shown.settle()


def offline(shown: Window, _provider: TalkingProvider, _stack: Stack) -> None:
    """No network: what is typed stays, and reads can be tried again."""
    shown.go("chat", "New conversation")
    shown.message().fill("Typed on a train.")
    shown.context.set_offline(True)
    shown.page.get_by_text("You are offline.").wait_for()
    shown.button("Send").click()
    shown.page.get_by_role("alert").get_by_text("There is no connection to the server.").wait_for()
    expect("the message after it could not be sent", shown.message().input_value(), "Typed on a train.")
    look(shown, "a chat without a network")
    shown.page.evaluate("() => { location.hash = '#/vouchers' }")
    shown.heading("The page is missing").wait_for()
    look(shown, "a page without a network")
    shown.context.set_offline(False)
    shown.button("Try again").first.click()
    shown.heading("Vouchers").wait_for()
    shown.go("chat", "New conversation")
    expect("the message after another page", shown.message().input_value(), "Typed on a train.")
    shown.page.reload()
    shown.wait_until_signed_in()
    expect("the message after a reload", shown.message().input_value(), "Typed on a train.")
    shown.button("Send").click()
    is_there(shown, "That depends")


def unreachable(shown: Window, _provider: TalkingProvider, _stack: Stack) -> None:
    """A server that cannot be reached when the page is opened: it can be tried again."""
    shown.page.route("**/token/refresh/", lambda route: route.abort())
    shown.page.reload()
    shown.heading("No connection").wait_for()
    look(shown, "a server that cannot be reached")
    shown.page.unroute("**/token/refresh/")
    shown.button("Try again").click()
    shown.wait_until_signed_in()


def expired(shown: Window, _provider: TalkingProvider, stack: Stack) -> None:
    """A session that has ended: the password is asked for over the page, and the message is sent then."""
    shown.go("chat", "New conversation")
    shown.message().fill("Sent after the end of the session.")
    end_sessions(stack, "grace")
    shown.wanted_refusals |= {f"POST {path} 401" for path in ("/conversations/", "/token/refresh/", "/v1/quote")}
    problem = {"status": 401, "detail": "Token is invalid or expired", "code": "token_not_valid"}
    answer = {"status": 401, "content_type": "application/problem+json", "body": json.dumps(problem)}
    shown.page.route("**/conversations/", lambda route: route.fulfill(**answer), times=1)
    shown.message().press("Enter")
    dialog = shown.dialog("Your session has ended")
    dialog.wait_for()
    look(shown, "the end of a session")
    dialog.get_by_label("Password").fill("wrong horse")
    shown.wanted_refusals.add("POST /login/ 401")
    dialog.get_by_label("Password").press("Enter")
    dialog.get_by_role("alert").wait_for()
    look(shown, "a wrong password in the dialog")
    dialog.get_by_label("Password").fill(PASSWORD)
    dialog.get_by_label("Password").press("Enter")
    is_there(shown, "That depends")
    expect("the number of dialogs after signing in", shown.page.get_by_role("dialog").count(), 0)


def end_sessions(stack: Stack, username: str) -> None:
    ruth = log_in(stack, "ruth")
    succeed(stack.ask(f"/admin/users/{username}/end-sessions/", token=ruth, method="POST"))


def too_dear(shown: Window, _provider: TalkingProvider, stack: Stack) -> None:
    """402: the page says what the message costs, what there is, and what to do."""
    ruth = log_in(stack, "ruth")
    balance = succeed(stack.ask("/admin/users/grace/", token=ruth))["credits"]
    give(stack, ruth, 1 - balance, "poor")
    shown.wanted_refusals.add("POST /chatView/ 402")
    begin(shown, "What can I have for one credit?")
    note(shown, "Redeem a voucher, choose a cheaper model").wait_for()
    shown.log().get_by_role("link", name="Redeem a voucher").wait_for()
    look(shown, "a message that is too dear")
    give(stack, ruth, 1000, "rich")
    shown.button("Try again", shown.log()).click()
    is_there(shown, "That depends")


def give(stack: Stack, token: str, amount: int, name: str) -> None:
    grant = {"amount": amount, "reason": "To see what happens"}
    succeed(stack.ask("/admin/users/grace/grants/", grant, token, Idempotency_Key=f"state-{name}"))


def throttled(shown: Window, _provider: TalkingProvider, _stack: Stack) -> None:
    """429: the page says when to try again, and that nothing was charged."""
    refuse(shown, 429, "throttled", "Request was throttled.", **{"Retry-After": "7"})
    begin(shown, "Once more, and once more.")
    note(shown, "Try again in 7 seconds.").wait_for()
    note(shown, "Nothing was charged.").wait_for()
    look(shown, "a message that came too soon")
    shown.button("Try again", shown.log()).click()
    is_there(shown, "That depends")


def not_accepting(shown: Window, _provider: TalkingProvider, _stack: Stack) -> None:
    """503 not_accepting: the message can be edited, since nothing was charged."""
    refuse(shown, 503, "not_accepting", "No messages are accepted at the moment.")
    begin(shown, "Are you open?")
    note(shown, "No messages are accepted at the moment.").wait_for()
    look(shown, "a stop")
    shown.button("Edit", shown.log()).click()
    expect("the message that is edited", shown.message().input_value(), "Are you open?")
    shown.message().fill("Are you open now?")
    shown.message().press("Enter")
    is_there(shown, "That depends")


def outcome_unknown(shown: Window, provider: TalkingProvider, _stack: Stack) -> None:
    """503 outcome_unknown: the same message is asked for, and nothing else can be sent before."""
    refuse(shown, 503, "outcome_unknown", "It is not known whether the message was charged.")
    begin(shown, "Was I charged?")
    note(shown, "The message may have been charged.").wait_for()
    expect("the number of ways to edit it", shown.button("Edit", shown.log()).count(), 0)
    shown.message().fill("Another one")
    expect("whether another message can be sent", shown.button("Send").is_enabled(), False)
    look(shown, "an outcome that is not known")
    shown.message().fill("")
    shown.button("Get the reply", shown.log()).click()
    is_there(shown, "That depends")
    expect("the number of times that the model was asked", provider.asked.count("Was I charged?"), 1)


def in_progress(shown: Window, _provider: TalkingProvider, _stack: Stack) -> None:
    """409 in_progress: the page waits, and asks again by itself with the same key."""
    refuse(shown, 409, "in_progress", "The first request is still being answered.", **{"Retry-After": "3"})
    begin(shown, "Are you still at it?")
    note(shown, "The reply is still being written.").wait_for()
    look(shown, "a reply that is still being written")
    is_there(shown, "That depends")


def refused_by_model(shown: Window, provider: TalkingProvider, _stack: Stack) -> None:
    """A model that fails: nothing is charged, and it can be tried again."""
    provider.plans["Will you fail?"] = Plan(refused=500)
    shown.wanted_refusals |= {"POST /chatView/ 502", "POST /chatView/ 503"}
    begin(shown, "Will you fail?")
    note(shown, "Nothing was charged.").wait_for()
    look(shown, "a model that fails")
    del provider.plans["Will you fail?"]
    shown.button("Try again", shown.log()).click()
    is_there(shown, "That depends")


def broken_off(shown: Window, provider: TalkingProvider, _stack: Stack) -> None:
    """A model that breaks off: its words stay, and asking again is said to cost again."""
    provider.plans["Break off."] = Plan(text=f"Begun well. {'Words and words. ' * 20}", breaks_off=True)
    begin(shown, "Break off.")
    note(shown, "The model broke off.").wait_for()
    note(shown, "Begun well.").wait_for()
    look(shown, "a reply that broke off")
    del provider.plans["Break off."]
    shown.button("Ask again, and pay again", shown.log()).click()
    is_there(shown, "That depends")


def cut(shown: Window, provider: TalkingProvider, _stack: Stack) -> None:
    """A connection that ends in the middle of a reply: the rest is got for nothing."""

    def cut_off(route: object) -> None:
        route.fetch()
        route.fulfill(content_type="text/event-stream", body='event: text\ndata: {"text":"Half of"}\n\n')

    shown.page.route(CHAT, cut_off, times=1)
    shown.page.route("**/conversations/*/messages/*", lambda route: route.abort())
    begin(shown, "Cut me off.")
    note(shown, "The connection broke off before the end of the reply.").wait_for()
    note(shown, "Half of").wait_for()
    look(shown, "a connection that broke off")
    shown.page.unroute("**/conversations/*/messages/*")
    shown.button("Get the reply", shown.log()).click()
    is_there(shown, "That depends")
    expect("the number of times that the model was asked", provider.asked.count("Cut me off."), 1)


def left(shown: Window, provider: TalkingProvider, _stack: Stack) -> None:
    """A page that was loaded again in the middle of a reply: the reply appears, and nothing is sent for it."""
    plan = Plan(text=f"Begun. {'Words and words. ' * 20} Ended.", rest=threading.Event())
    provider.plans["Write while I leave."] = plan
    begin(shown, "Write while I leave.")
    note(shown, "Begun.").wait_for()
    sent = shown.count("POST /chatView/")
    shown.page.reload()
    note(shown, "This message was under way when the page was left.").wait_for()
    look(shown, "a reply that nobody reads")
    plan.rest.set()
    is_there(shown, "Ended.")
    expect("the number of requests after the reload", shown.count("POST /chatView/") - sent, 0)


def not_found(shown: Window, _provider: TalkingProvider, _stack: Stack) -> None:
    """Addresses of nothing: each says so, and has a way on."""
    shown.go("nothing", "There is no such page")
    look(shown, "no page")
    shown.wanted_refusals.add(f"GET /conversations/{NOBODYS_ID}/messages/ 404")
    shown.go(f"chat/{NOBODYS_ID}", "There is no such conversation")
    look(shown, "no conversation")
    shown.go("staff/users", "New conversation")


State = Callable[[Window, TalkingProvider, Stack], None]
STATES: list[State] = [
    slow,
    offline,
    unreachable,
    expired,
    too_dear,
    throttled,
    not_accepting,
    outcome_unknown,
    in_progress,
    refused_by_model,
    broken_off,
    cut,
    left,
    not_found,
]


def look_at_strangers(stranger: Window) -> None:
    """Forms whose fields are refused: the first wrong one has the focus, and says why."""
    for route, heading in PAGES_OF_STRANGERS.items():
        stranger.go(route, heading)
        look(stranger, heading)
    stranger.wanted_refusals |= {
        "POST /login/ 401",
        "POST /register/ 400",
        "POST /register/ 409",
        "POST /password/reset/ 400",
    }
    stranger.go("sign-in", "Sign in")
    stranger.page.get_by_label("Username").fill("grace")
    stranger.page.get_by_label("Password").fill("wrong horse")
    stranger.button("Sign in").click()
    stranger.page.get_by_role("alert").wait_for()
    look(stranger, "a wrong password")
    stranger.go("register", "Register")
    stranger.page.get_by_label("Username").fill("not valid")
    stranger.page.get_by_label("Password").fill(PASSWORD)
    stranger.button("Register").click()
    wait_for_focus(stranger.page.get_by_label("Username"))
    look(stranger, "a name that is no name")
    stranger.page.get_by_label("Username").fill("grace")
    stranger.button("Register").click()
    stranger.page.get_by_text("already exists").wait_for()
    look(stranger, "a name that is taken")
    stranger.page.reload()
    expect("the name after a reload", stranger.page.get_by_label("Username").input_value(), "grace")


def look_at_empty_pages(anew: Window) -> None:
    anew.register("newcomer")
    for route, heading in PAGES_OF_PEOPLE.items():
        anew.go(route, heading)
        look(anew, f"{heading}, empty")


def look_at_narrow_pages(narrow: Window, stack: Stack, conversations: dict[str, str]) -> None:
    """Every page with something on it, in a window of 320 pixels."""
    narrow.sign_in("ada")
    pages = {**PAGES_OF_PEOPLE, **{f"chat/{id}": title for title, id in conversations.items()}}
    check_narrow(narrow, pages)
    narrow.sign_out()
    narrow.sign_in("ruth")
    token = log_in(stack, "ruth")
    job = succeed(stack.ask("/admin/jobs/", token=token))["jobs"][0]["id"]
    batch = succeed(stack.ask("/admin/vouchers/", token=token))["batches"][0]["id"]
    parts = {f"staff/users/ada/{part}": "ada" for part in ("transactions", "usage", "history")}
    single = {"staff/users/ada": "ada", f"staff/jobs/{job}": "A bulk grant", f"staff/vouchers/{batch}": "A batch of codes"}
    check_narrow(narrow, {**PAGES_OF_STAFF, **single, **parts, "staff/catalogue/versions": "Catalogue of models"})


def check_narrow(narrow: Window, pages: dict[str, str]) -> None:
    for route, heading in pages.items():
        narrow.go(route, heading)
        narrow.check_width(f"{heading} ({route})")
        narrow.check_access(f"{heading}, narrow")
    narrow.page.get_by_text("Menu", exact=True).click()
    narrow.check_width("the menu")
    narrow.check_access("the menu, narrow")
    narrow.page.keyboard.press("Escape")


def use_keyboard(typist: Window) -> None:
    """From signing in to a key without a mouse. Each stop of the Tab key is seen."""
    page = typist.page
    page.goto(f"{typist.address}/#/sign-in")
    typist.heading("Sign in").wait_for()
    page.keyboard.press("Tab")
    check_stop(typist)
    expect("the first stop", focused(typist), "Skip to the content")
    page.keyboard.press("Enter")
    expect("where the first link leads", page.evaluate("() => document.activeElement.id"), "content")
    tab_to(typist, page.get_by_label("Username"))
    page.keyboard.type("linus")
    tab_to(typist, page.get_by_label("Password"))
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    typist.wait_until_signed_in()
    tab_to(typist, typist.message())
    page.keyboard.type("Where can I walk near Turin at the weekend?")
    page.keyboard.press("Enter")
    is_there(typist, "Superga")
    tab_to(typist, typist.button("Copy reply", typist.log()))
    tab_to(typist, page.get_by_role("navigation", name="Pages").get_by_role("link", name="API keys"))
    page.keyboard.press("Enter")
    typist.heading("API keys").wait_for()
    make = typist.button("Make an API key")
    tab_to(typist, make)
    page.keyboard.press("Enter")
    typist.dialog("Make an API key").wait_for()
    check_that_the_dialog_keeps_the_focus(typist)
    page.keyboard.press("Escape")
    typist.dialog("Make an API key").wait_for(state="detached")
    wait_for_focus(make)
    for route, heading in PAGES_OF_PEOPLE.items():
        typist.go(route, heading)
        check_stops(typist, heading)


def focused(shown: Window) -> str:
    return shown.page.evaluate(
        "() => document.activeElement.innerText || document.activeElement.getAttribute('aria-label') || ''"
    )


def has_focus(place: object) -> bool:
    return place.evaluate("(element) => element === document.activeElement")


def wait_for_focus(place: object) -> None:
    """The focus moves when the page has been drawn."""
    for _ in range(FOCUS_TRIES):
        if has_focus(place):
            return
        place.page.wait_for_timeout(POLL_MS)
    raise Fault(f"The focus is not at {place}, but at {place.page.evaluate('() => document.activeElement.outerHTML')[:200]}")


def tab_to(shown: Window, place: object) -> None:
    """Presses Tab until a place has the focus."""
    place.first.wait_for()
    for _ in range(MOST_STOPS):
        if has_focus(place.first):
            return
        shown.page.keyboard.press("Tab")
        check_stop(shown)
    raise Fault(f"The Tab key does not lead to {place}.")


# The element with the focus and whether the focus is visible; null on the page itself.
STOP = """() => {
  const stop = document.activeElement;
  if (stop === null || stop === document.body || stop === document.documentElement) return null;
  const { top, left, bottom, right, width, height } = stop.getBoundingClientRect();
  const style = getComputedStyle(stop);
  const isMarked = (style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0) || style.boxShadow !== "none";
  const marked = isMarked || stop.closest("label")?.matches(":has(:focus-visible)") === true;
  const isSeen = width > 0 && height > 0 && bottom > 0 && right > 0 && top < innerHeight && left < innerWidth;
  return { name: stop.outerHTML.slice(0, 120), isMarked: marked, isSeen };
}"""


def check_stop(shown: Window) -> str | None:
    stop = shown.page.evaluate(STOP)
    if stop is None:
        return None
    if not (stop["isMarked"] and stop["isSeen"]):
        shown.faults.append(f"the focus cannot be seen at {shown.page.url}: {stop}")
    return stop["name"]


def check_stops(shown: Window, name: str) -> None:
    """Goes through a page with the Tab key until it leaves it."""
    shown.page.evaluate("() => document.activeElement?.blur()")
    for _ in range(MOST_STOPS):
        shown.page.keyboard.press("Tab")
        if check_stop(shown) is None:
            return
    raise Fault(f"The Tab key does not get out of {name}.")


def check_that_the_dialog_keeps_the_focus(shown: Window) -> None:
    for _ in range(20):
        shown.page.keyboard.press("Tab")
        inside = "() => document.activeElement === document.body || document.activeElement.closest('dialog') !== null"
        expect("whether the focus is in the dialog", shown.page.evaluate(inside), True)
        check_stop(shown)


MOVING = """() => document.getAnimations()
  .filter((each) => each.effect.getComputedTiming().duration > 10)
  .map((each) => each.animationName ?? each.transitionProperty)"""


def look_at_motion(ada: Window) -> None:
    """Nothing moves for somebody who wants less motion, also while a page waits."""
    ada.sign_in("ada")
    held = hold(ada, "**/usage/?*")
    ada.page.evaluate("() => { location.hash = '#/usage' }")
    ada.page.locator(".skeleton").first.wait_for(state="attached")
    expect("what moves", ada.page.evaluate(MOVING), [])
    let_go(ada, held)
    ada.settle()


def look_at_right_to_left(ada: Window, conversation: str) -> None:
    """Arabic runs from right to left in titles, messages and replies, and the page around it does not."""
    ada.sign_in("ada")
    ada.go(f"chat/{conversation}", "البرمجة")
    is_there(ada, "ابدأ بلغة")
    for text in ("مرحبا، كيف أتعلم البرمجة؟", "ابدأ بلغة", "تعلم المتغيرات والدوال"):
        expect(f"the direction of {text}", direction(ada.log().get_by_text(text)), "rtl")
    expect("the direction of the title", direction(ada.heading("البرمجة")), "rtl")
    expect("the direction of the page", direction(ada.page.locator("html")), "ltr")
    look(ada, "a conversation from right to left")


def direction(place: object) -> str:
    return place.first.evaluate("(element) => getComputedStyle(element).direction")


if __name__ == "__main__":
    browser.enter()
    browser.with_chromium(main)
