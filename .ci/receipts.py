"""Receipts of a running stack, verified offline: by the lines of Python of docs/receipts.md, as they stand there, and by the launcher.

Needs the package cryptography, which .ci/requirements.txt has: .local/ci/bin/python .ci/receipts.py
"""

import base64
import json
import pathlib
import re
import shlex
import subprocess
import sys
import tempfile

from pages import block_after
from stack import ROOT, Stack

PAGE = "docs/receipts.md"
LIMIT_S = 120


def python_of_page() -> str:
    blocks = re.findall(r"^```python\n(.*?)^```$", (ROOT / PAGE).read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    if len(blocks) != 1:
        sys.exit(f"{PAGE} has {len(blocks)} blocks of Python, and not one.")
    return blocks[0]


def run(command: list[str], receipts: list[str], folder: pathlib.Path) -> subprocess.CompletedProcess[str]:
    """Gives a verifier these receipts, and shows what it says."""
    lines = "".join(f"{receipt}\n" for receipt in receipts)
    answer = subprocess.run(command, input=lines, cwd=folder, capture_output=True, text=True, timeout=LIMIT_S)
    print(answer.stdout, answer.stderr)
    return answer


def with_other_claims(receipt: str) -> str:
    """The receipt of a message that cost nothing, under the signature of the true one."""
    header, claims, signature = receipt.split(".")
    said = json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))
    said["credits"] = said["cost"] = 0
    said = base64.urlsafe_b64encode(json.dumps(said).encode()).decode().rstrip("=")
    return ".".join([header, said, signature])


def receipts_of(stack: Stack, token: str) -> tuple[list[dict], list[str]]:
    """The transactions of somebody, and the receipt of each."""
    _, _, page = stack.ask("/transactions/", token=token)
    asked = [stack.ask(f"/transactions/{each['id']}/receipt/", token=token)[2] for each in page["transactions"]]
    return page["transactions"], [answer["receipt"] for answer in asked]


def check_offline(transactions: list[dict], receipts: list[str], folder: pathlib.Path, others: list[str]) -> None:
    """Both verifiers take all of `receipts`, and none of `others`."""
    launcher = [*shlex.split(block_after("Run it")), "--", "verify"]
    # Cargo finds its alias in the repository, and the verifier the files by their whole paths.
    verify = [*launcher, "--keys", str(folder / "keys.json")]
    lines = [sys.executable, "-c", python_of_page()]
    shown = [f"{each['id']} {each['kind']} {each['tokens']}" for each in transactions]
    answer = run(lines, receipts, folder)
    if answer.returncode != 0 or answer.stdout.splitlines() != shown:
        sys.exit(f"The lines of {PAGE} do not verify what the service signed.")
    answer = run(verify, receipts, ROOT)
    if answer.returncode != 0 or answer.stdout.count("genuine: ") != len(receipts):
        sys.exit("The launcher does not verify what the service signed.")
    for other in others:
        if run(lines, [other], folder).returncode == 0:
            sys.exit(f"The lines of {PAGE} take {other}.")
        answer = run(verify, [receipts[0], other], ROOT)
        if answer.returncode != 1 or "NOT genuine: receipt 2" not in answer.stdout:
            sys.exit(f"The launcher takes {other}.")


def main() -> None:
    with tempfile.TemporaryDirectory() as data, tempfile.TemporaryDirectory() as kept:
        folder = pathlib.Path(kept)
        with Stack(data) as stack:
            access, refresh = stack.enter("ada")
            assert stack.ask("/chatView/", {"message": "Hello"}, access)[0] == 200
            transactions, receipts = receipts_of(stack, access)
            _, _, keys = stack.ask("/.well-known/receipt-keys.json")
            (folder / "keys.json").write_text(json.dumps(keys))
            address = f"http://127.0.0.1:{stack.port}/.well-known/receipt-keys.json"
            command = [*shlex.split(block_after("Run it")), "--", "verify", "--keys", address]
            answers = [json.dumps({"receipt": receipt}) for receipt in receipts]
            if run(command, answers, ROOT).returncode != 0:
                sys.exit("The launcher does not verify by the keys of a running stack.")
        # The stack has ended: from here on nobody can be asked.
        check_offline(transactions, receipts, folder, [with_other_claims(receipts[0]), access, refresh])
    print("Receipts are verified without the service, and nothing else is taken for one.")


if __name__ == "__main__":
    main()
