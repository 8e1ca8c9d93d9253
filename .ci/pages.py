"""The blocks of shell commands in README.md and docs/, so that what they promise is what is checked."""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).parent.parent
# Pages whose sessions are pasted into one stack, in this order: a later one may build on an earlier one.
PAGES = ("README.md", "docs/operating.md", "docs/tour.md")
# The beginnings of a line of a session that shows what is printed: JSON, or the launcher's sentence.
SHOWN = ("# {", "# The superuser ")


def blocks(text: str) -> list[str]:
    return re.findall(r"^```sh\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)


def block_after(line: str, page: str = "README.md") -> str:
    """The first block that follows a line with this beginning."""
    _, found, rest = (ROOT / page).read_text(encoding="utf-8").partition(f"\n{line}")
    if not found or not blocks(rest):
        sys.exit(f"{page} has no commands after {line!r}.")
    return blocks(rest)[0]


def sessions() -> list[tuple[str, str]]:
    """Every block that shows its output, with its page."""
    found = [
        (str(path.relative_to(ROOT)), block)
        for path in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]
        for block in blocks(path.read_text(encoding="utf-8"))
        if any(line.startswith(SHOWN) for line in block.splitlines())
    ]
    if {page for page, _ in found} != set(PAGES):
        sys.exit(f"The pages with sessions are not those of PAGES: {sorted(page for page, _ in found)}")
    return sorted(found, key=lambda session: PAGES.index(session[0]))


def expected_output(block: str) -> re.Pattern[str]:
    """The output that a block shows; "…" stands for any text without quotes."""
    lines = [line.removeprefix("# ") for line in block.splitlines() if line.startswith(SHOWN)]
    return re.compile("\n".join(re.escape(line).replace("…", "[^\"]+") for line in lines))


if __name__ == "__main__":
    print(block_after(sys.argv[1]), end="")
