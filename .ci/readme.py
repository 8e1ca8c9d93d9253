"""The README's blocks of shell commands, so that what it promises is what is checked."""

import pathlib
import re
import sys

README = pathlib.Path(__file__).parent.parent / "README.md"


def block_after(text: str) -> str:
    """The first block of shell commands that follows a line beginning with the text."""
    _, found, rest = README.read_text(encoding="utf-8").partition(f"\n{text}")
    block = re.search(r"```sh\n(.*?)```", rest, re.DOTALL)
    if not found or not block:
        sys.exit(f"README.md has no commands after {text!r}.")
    return block.group(1)


def expected_output(block: str) -> re.Pattern[str]:
    """What a block's commands print, by its comments that begin with "# {"; "…" stands for any text."""
    lines = [line.removeprefix("# ") for line in block.splitlines() if line.startswith("# {")]
    assert lines, "the block shows no output"
    return re.compile("\n".join(re.escape(line).replace("…", "[^\"]+") for line in lines))


if __name__ == "__main__":
    print(block_after(sys.argv[1]), end="")
