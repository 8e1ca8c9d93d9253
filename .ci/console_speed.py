"""How soon each page of the console is there, and how many bytes that takes, over a slow connection to a slow device.

    python3 .ci/console_speed.py     # prints the table of docs/measurements.md
"""

import dataclasses
import statistics

import browser
from console_people import furnish, superuser
from console_window import PAGES_OF_PEOPLE, PAGES_OF_STAFF, PAGES_OF_STRANGERS, Fault, Window
from talking_provider import talking_stack

# Lighthouse sets these for a telephone: a slow 4G network, and a quarter of this machine's processor.
DOWNLOAD_BITS_A_SECOND, UPLOAD_BITS_A_SECOND, LATENCY_MS = 1_600_000, 750_000, 150
PROCESSOR_SLOWDOWN = 4
ROUNDS = 3
LIMIT_MS = 60_000
# The time at which the heading is there and nothing is on its way any more, by the page's own clock.
ALL_THERE = """() => {
  const isThere = document.querySelector("h1") !== null && document.querySelector(".loading") === null;
  return isThere ? performance.now() : false;
}"""
FIRST_PAINT = "() => performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? null"


@dataclasses.dataclass
class Visit:
    first_paint_ms: float
    # When all is there and something is painted, whichever is later.
    complete_ms: float
    # Over the network, with headers.
    file_bytes: int
    answer_bytes: int


class Meter:
    """Counts the bytes of a page's requests, as the browser tells them to its developers."""

    def __init__(self, shown: Window) -> None:
        self.shown = shown
        self.session = shown.context.new_cdp_session(shown.page)
        self.files: set[str] = set()
        self.file_bytes = self.answer_bytes = 0
        self.session.on("Network.requestWillBeSent", self.begin)
        self.session.on("Network.loadingFinished", self.finish)
        self.session.send("Network.enable")
        conditions = {
            "offline": False,
            "latency": LATENCY_MS,
            "downloadThroughput": DOWNLOAD_BITS_A_SECOND / 8,
            "uploadThroughput": UPLOAD_BITS_A_SECOND / 8,
        }
        self.session.send("Network.emulateNetworkConditions", conditions)
        self.session.send("Emulation.setCPUThrottlingRate", {"rate": PROCESSOR_SLOWDOWN})

    def begin(self, event: dict) -> None:
        path = event["request"]["url"].removeprefix(self.shown.address).partition("#")[0]
        is_file = path.startswith("/assets/") or event.get("type") == "Document"
        if is_file:
            self.files.add(event["requestId"])

    def finish(self, event: dict) -> None:
        if event["requestId"] in self.files:
            self.file_bytes += event["encodedDataLength"]
        else:
            self.answer_bytes += event["encodedDataLength"]

    def visit(self, route: str) -> Visit:
        self.file_bytes = self.answer_bytes = 0
        page = self.shown.page
        page.goto("about:blank")
        page.goto(f"{self.shown.address}/#/{route}", wait_until="commit")
        all_there_ms = page.wait_for_function(ALL_THERE, timeout=LIMIT_MS).json_value()
        page.wait_for_load_state("networkidle", timeout=LIMIT_MS)
        first_paint_ms = page.evaluate(FIRST_PAINT)
        if first_paint_ms is None:
            raise Fault(f"The browser does not say when it first painted {route}.")
        return Visit(first_paint_ms, max(all_there_ms, first_paint_ms), self.file_bytes, self.answer_bytes)


def visits(chromium: object, address: str, route: str, state: object) -> tuple[Visit, Visit]:
    """A first visit, with nothing kept from before, and another one."""
    shown = Window(chromium, address, storage_state=state)
    meter = Meter(shown)
    found = meter.visit(route), meter.visit(route)
    shown.close()
    return found


def median(rounds: list[Visit]) -> Visit:
    return Visit(*(statistics.median(values) for values in zip(*map(dataclasses.astuple, rounds), strict=True)))


def line(route: str, rounds: list[tuple[Visit, Visit]]) -> str:
    first, again = (median([each[number] for each in rounds]) for number in (0, 1))
    sizes = [f"{size / 1000:.1f}" for size in (first.file_bytes, first.answer_bytes, again.file_bytes)]
    times = [f"{each.first_paint_ms:.0f} | {each.complete_ms:.0f}" for each in (first, again)]
    return f"| `{route}` | {sizes[0]} | {sizes[1]} | {times[0]} | {sizes[2]} | {times[1]} |"


def measure(chromium: object, address: str, states: dict[str, object]) -> None:
    print("| page | files, KB | answers, KB | first paint, ms | complete, ms | again: files, KB | first paint | complete |")
    print("|---|--:|--:|--:|--:|--:|--:|--:|", flush=True)
    for route, state in states.items():
        print(line(route, [visits(chromium, address, route, state) for _ in range(ROUNDS)]), flush=True)


def states(chromium: object, address: str) -> dict[str, object]:
    """Each page, with the cookies and the store of somebody who may see it."""
    found: dict[str, object] = dict.fromkeys(PAGES_OF_STRANGERS)
    for username, pages in (("ada", PAGES_OF_PEOPLE), ("ruth", PAGES_OF_STAFF)):
        shown = Window(chromium, address)
        shown.sign_in(username)
        found |= dict.fromkeys(pages, shown.context.storage_state())
        shown.close()
    return found


def main(chromium: object) -> None:
    with talking_stack() as (_, stack):
        superuser(stack, "ruth")
        furnish(stack)
        address = f"http://127.0.0.1:{stack.port}"
        measure(chromium, address, states(chromium, address))


if __name__ == "__main__":
    browser.enter()
    browser.with_chromium(main)
