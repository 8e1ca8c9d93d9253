"""Tries to get a script into the console's pages, through every text that somebody else may write: with the pages' content security
policy, and without it.

Each try calls the function `__xss`, which tells this program. A try that runs in either case is a fault: the policy is the second
wall, and not the first.
"""

import json
import re
import time
import urllib.parse

from console_people import converse, log_in, succeed
from console_window import PAGES_OF_PEOPLE, PAGES_OF_STAFF, Fault, Window, window
from stack import PASSWORD, Stack
from talking_provider import REPEAT, Plan, TalkingProvider

CANARY = "window.__xss(1)"
IMAGE = f'<img src="x" onerror="{CANARY}">'
MARKUP = [
    IMAGE,
    f"<script>{CANARY}</script>",
    f'"><svg onload="{CANARY}">',
    f"<svg><animate onbegin='{CANARY}' attributeName=x dur=1s>",
    f'<iframe srcdoc="<script>parent.{CANARY[7:]}</script>"></iframe>',
    f'<iframe src="javascript:parent.{CANARY[7:]}"></iframe>',
    f'<details open ontoggle="{CANARY}">',
    f'<input autofocus onfocus="{CANARY}">',
    f'<a href="javascript:{CANARY}">click</a>',
    f'<form action="javascript:{CANARY}"><button>click</button></form>',
    f'<math><mtext><table><mglyph><style><!--</style><img title="--&gt;&lt;img src=1 onerror={CANARY}&gt;">',
    f'<noscript><p title="</noscript><img src=x onerror={CANARY}>">',
    f"<style>@import 'javascript:{CANARY}';</style><link rel=stylesheet href='javascript:{CANARY}'>",
    f'<object data="javascript:{CANARY}"></object><embed src="javascript:{CANARY}">',
    '<base href="http://attacker.invalid/"><meta http-equiv="refresh" content="0;url=http://attacker.invalid/">',
    '<img src="http://attacker.invalid/seen"><a id="session"></a><a id="__proto__" name="app"></a>',
]
MARKDOWN = [
    f"[click](javascript:{CANARY})",
    f"[click](JaVaScRiPt:{CANARY})",
    f"[click](&#106;avascript:{CANARY})",
    f"[click](java\tscript:{CANARY})",
    f"[click](\x01javascript:{CANARY})",
    "[click](data:text/html;base64,PHNjcmlwdD5wYXJlbnQuX194c3MoMSk8L3NjcmlwdD4=)",
    f"[click](vbscript:{CANARY})",
    f'[click](https://example.org/"onmouseover="{CANARY})',
    f'[click](<https://example.org/> "title" onclick="{CANARY}")',
    f"<javascript:{CANARY}>",
    f"![picture](javascript:{CANARY})",
    f'![picture](x"onerror="{CANARY})',
    "![picture](http://attacker.invalid/seen)",
    f"[click][there]\n\n[there]: javascript:{CANARY}",
    f"```html\n{IMAGE}\n```",
    f'```"onload="{CANARY}\ncode\n```',
    f"`{IMAGE}`",
    f"| a |\n|---|\n| {IMAGE} |",
    f"<!--\n\n{IMAGE}\n\n-->",
    f"{{{{constructor.constructor('{CANARY}')()}}}} ${{{CANARY}}}",
]
REPLY = "\n\n".join([*MARKDOWN, *MARKUP])
# Each goes on for longer than a person waits, or fails, in a parser that takes it as it is.
LONG_TEXTS = {
    "emphasis": "_a__b" * 30_000,
    "quotes": ">" * 20_000,
    "brackets": "[" * 50_000,
    "fences": "```" * 50_000,
    "lists": "- " * 50_000,
    "links": "[a](" * 30_000,
    "code": "`" * 60_001,
    "tables": "|a" * 20_000 + "\n" + "|-" * 20_000,
    "entities": "&" * 100_000,
    "marks": "\u0301" * 50_000,
}
LONGEST_PAUSE_MS = 2_000
# A script of `onerror` or `onload` runs after the page is there, when the browser has found that there is no such picture.
WAIT_FOR_SCRIPTS_MS = 100
# The members of the API's answers that somebody else may have written.
TEXTS = {
    "title",
    "message",
    "response",
    "username",
    "name",
    "key_name",
    "note",
    "reason",
    "description",
    "user_agent",
    "detail",
}
TEXTS |= {"user", "actor_name", "subject_name", "prefix", "network", "label", "problem", "path", "by", "owned_by"}
ANSWERS = re.compile(r"//[^/]+/(?!assets/)[a-z0-9_.-]+/")
# Elements and attributes that no page has.
STRANGERS = """() => [...document.querySelectorAll(
    "main script, main iframe, main object, main embed, main base, main meta, main link, main img, main style, form[action]"
  ), ...[...document.querySelectorAll("body *")].filter((each) =>
    each.getAttributeNames().some((name) => name.startsWith("on")) ||
    /^\\s*(?!https?:|mailto:|#|docs\\/|assets\\/|\\.)[a-z]+:/i.test(each.getAttribute("href") ?? "")
  )].map((each) => each.outerHTML.slice(0, 200))"""


def attack(chromium: object, provider: TalkingProvider, stack: Stack) -> None:
    conversations = plant(provider, stack)
    for has_policy in (True, False):
        with window(chromium, f"http://127.0.0.1:{stack.port}") as shown:
            runs = watch(shown, has_policy)
            look_at_planted(shown, stack, conversations, runs)
            look_at_hostile_answers(shown, runs)
            look_at_hostile_addresses(shown, runs)
            judge_runs(shown, runs, "a page that had been left already")
        print(f"{time.strftime('%X')} nothing runs {'with' if has_policy else 'without'} the policy", flush=True)
    with window(chromium, f"http://127.0.0.1:{stack.port}") as shown:
        read_long_texts(shown, provider)


def plant(provider: TalkingProvider, stack: Stack) -> list[str]:
    """Puts the tries wherever the API takes a text, and returns conversations with them."""
    mallory, ruth = stack.log_in("mallory"), log_in(stack, "ruth")
    provider.plans["Talk to me."] = Plan(text=REPLY)
    conversations = [converse(stack, mallory, IMAGE, ["Talk to me.", REPLY, f"{REPEAT}{REPLY}"])]
    conversations += [converse(stack, mallory, text[:200], [f"{REPEAT}{text}"]) for text in (*MARKUP[:4], *MARKDOWN[:4])]
    for number, text in enumerate(MARKUP):
        stack.make_key(mallory, name=f"{number} {text}"[:100], models=["mistral-small"])
    succeed(stack.ask("/login/", {"username": "mallory", "password": PASSWORD}, User_Agent=IMAGE))
    for text in (*MARKUP, *MARKDOWN):
        succeed(stack.ask("/admin/vouchers/", {"amount": 1, "note": text[:200]}, ruth))
    for number, text in enumerate(MARKUP):
        grant = {"amount": 1, "reason": text}
        succeed(stack.ask("/admin/users/mallory/grants/", grant, ruth, Idempotency_Key=f"attack-{number}"))
    plant_in_catalogue(provider, stack, ruth)
    return conversations


def plant_in_catalogue(provider: TalkingProvider, stack: Stack, ruth: str) -> None:
    catalogue = provider.catalogue()
    for model, text in zip(catalogue["models"], MARKUP, strict=False):
        model["description"] = text
    version = succeed(stack.ask("/admin/catalogue/", token=ruth))["version"]
    succeed(stack.ask("/admin/catalogue/", {"version": version, "catalogue": catalogue}, ruth, method="PUT"))


def watch(shown: Window, has_policy: bool) -> list[str]:
    """The scripts that ran, by the page on which they did. Makes sure that the canary sings where nothing holds it."""
    runs: list[str] = []
    shown.context.expose_function("__xss", lambda *_: runs.append(shown.page.url))
    if not has_policy:
        shown.context.route(f"{shown.address}/", without_policy)
    shown.page.goto(f"{shown.address}/")
    shown.heading("Sign in").wait_for()
    ran = shown.page.evaluate(TRY_OUT, CANARY)
    shown.page.wait_for_timeout(WAIT_FOR_SCRIPTS_MS)
    if has_policy == (len(runs) > 0):
        raise Fault(f"A script {'' if ran else 'that was refused '}ran {len(runs)} times, with the policy {has_policy}.")
    runs.clear()
    shown.faults.clear()
    return runs


TRY_OUT = """(text) => {
  try {
    const script = document.createElement("script");
    script.text = text;
    document.head.append(script);
    return true;
  } catch {
    return false;
  }
}"""


def without_policy(route: object) -> None:
    answer = route.fetch()
    headers = {name: value for name, value in answer.headers.items() if name != "content-security-policy"}
    route.fulfill(response=answer, headers=headers)


def judge(shown: Window, runs: list[str], name: str) -> None:
    shown.settle()
    found = shown.page.evaluate(STRANGERS)
    if found:
        shown.faults.append(f"{name} has {found}")
    links = [link for link in shown.page.get_by_role("link", name="click").all() if not is_harmless(link)]
    shown.faults += [f"{name} has a link to {link.get_attribute('href')}" for link in links]
    judge_runs(shown, runs, name)


def judge_runs(shown: Window, runs: list[str], name: str) -> None:
    shown.page.wait_for_timeout(WAIT_FOR_SCRIPTS_MS)
    if runs:
        shown.faults.append(f"{name}: a script ran at {', '.join(runs)}")
        runs.clear()


def expect_to_be_read(shown: Window, name: str) -> None:
    """A try that nobody sees proves nothing: it stands on the page, as the text that it is."""
    if CANARY not in shown.page.locator("main").inner_text():
        shown.faults.append(f"{name} does not show what was planted there")


def is_harmless(link: object) -> bool:
    return urllib.parse.urlsplit(link.evaluate("(element) => element.href")).scheme in ("http", "https", "mailto")


def look_at_planted(shown: Window, stack: Stack, conversations: list[str], runs: list[str]) -> None:
    shown.sign_in("mallory")
    for route in (*PAGES_OF_PEOPLE, *(f"chat/{id}" for id in conversations)):
        shown.go(route)
        judge(shown, runs, route)
        if route in ("chat", "keys") or route.startswith("chat/"):
            expect_to_be_read(shown, route)
    shown.go(f"chat/{conversations[0]}")
    shown.button("Rename").click()
    judge(shown, runs, "the dialog for a title")
    shown.page.keyboard.press("Escape")
    shown.sign_out()
    shown.sign_in("ruth")
    mallory = succeed(stack.ask("/admin/users/mallory/", token=log_in(stack, "ruth")))["id"]
    parts = [f"staff/users/{mallory}{part}" for part in ("", "/transactions", "/usage", "/history")]
    for route in (*PAGES_OF_STAFF, *parts, "staff/catalogue/versions"):
        shown.go(route)
        judge(shown, runs, route)
        if route in ("staff/vouchers", "staff/history", parts[0], parts[3]):
            expect_to_be_read(shown, route)


def look_at_hostile_answers(shown: Window, runs: list[str]) -> None:
    """Every text of every answer is a try, as if the table were somebody else's."""
    shown.context.route(ANSWERS, with_hostile_texts)
    for route in (*PAGES_OF_STAFF, "staff/users/mallory", "staff/users/mallory/history", *PAGES_OF_PEOPLE):
        shown.go(route)
        judge(shown, runs, f"{route} with hostile answers")
    shown.context.unroute(ANSWERS, with_hostile_texts)


def with_hostile_texts(route: object) -> None:
    answer = route.fetch()
    if "json" not in answer.headers.get("content-type", "") or route.request.method != "GET":
        return route.fulfill(response=answer)
    return route.fulfill(response=answer, body=json.dumps(hostile(answer.json())))


def hostile(value: object, name: str = "", place: int = 0) -> object:
    if isinstance(value, dict):
        return {member: hostile(inner, member, place) for member, inner in value.items()}
    if isinstance(value, list):
        return [hostile(inner, name, number) for number, inner in enumerate(value)]
    is_text = isinstance(value, str) and name in TEXTS
    return MARKUP[place % len(MARKUP)] if is_text else value


def look_at_hostile_addresses(shown: Window, runs: list[str]) -> None:
    places = ("chat/", "staff/users/", "staff/jobs/", "staff/vouchers/", "staff/catalogue/versions/", "nothing/")
    questions = ("transactions?model=", "transactions?key=", "usage?from=", "staff/users?search=", "staff/history?actor=")
    for text in (IMAGE, f"javascript:{CANARY}", f'"><script>{CANARY}</script>'):
        for route in (*places, *questions):
            shown.go(f"{route}{urllib.parse.quote(text, safe='')}")
            judge(shown, runs, f"the address {route}")
    # There is nothing at such an address.
    shown.wanted_refusals |= {each for each in shown.refusals if each.endswith((" 404", " 400"))}


# Measures for how long the page comes to nothing else.
BEGIN_MEASURING = """() => {
  let before = performance.now();
  window.longestPause = 0;
  window.measuring = setInterval(() => {
    const now = performance.now();
    window.longestPause = Math.max(window.longestPause, now - before);
    before = now;
  }, 10);
}"""
END_MEASURING = """async () => {
  await new Promise((resolve) => setTimeout(resolve, 50));
  clearInterval(window.measuring);
  return window.longestPause;
}"""


def read_long_texts(shown: Window, provider: TalkingProvider) -> None:
    """Replies that are made to keep a parser busy do not keep the page from its work, neither while they come nor afterwards."""
    shown.register("eve")
    for name, text in LONG_TEXTS.items():
        message = f"Give me {name}."
        provider.plans[message] = Plan(text=text)
        shown.go("chat", "New conversation")
        shown.page.evaluate(BEGIN_MEASURING)
        shown.send(message)
        shown.button("Copy reply", shown.log()).wait_for()
        pause_ms = shown.page.evaluate(END_MEASURING)
        print(f"{time.strftime('%X')} a reply of {name} keeps the page busy for {pause_ms:.0f} ms", flush=True)
        if pause_ms > LONGEST_PAUSE_MS:
            shown.faults.append(f"a reply of {name} keeps the page busy for {pause_ms:.0f} ms")
