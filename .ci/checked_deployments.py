"""Runs check_deployment.py against stacks of this machine that are in order, and against some that are not: beside the
launcher (--local), and by the code for AWS (--stack) with aws_stand_in.py in place of the AWS CLI.

    python3 .ci/checked_deployments.py [well] [console] [model] [settings]     # which stacks; all of them if none is named
"""

import contextlib
import gzip
import http.server
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator

from check_deployment import Check
from deployments import OnThisMachine
from stack import BINARIES, ROOT, START_LIMIT_S, TOOLS, Stack, free_port, functions

CHECK = [sys.executable, str(ROOT / ".ci" / "check_deployment.py")]
CHECK_LIMIT_S = 300
GOOD_ALARMS = {"test-throttles": "OK", "test-audit": "INSUFFICIENT_DATA"}


@contextlib.contextmanager
def functions_that_do_not_all_start(table: Stack, **settings: str) -> Iterator[str]:
    """The address of cargo-lambda, behind which each function has one process, or none if that ended at its start. The
    launcher would end by itself, since it waits for every function."""
    port = free_port()
    environment = {
        **os.environ,
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_ENDPOINT_URL_DYNAMODB": f"http://127.0.0.1:{table.dynamodb_port}",
        "AWS_REGION": "us-east-1",
        "AWS_SECRET_ACCESS_KEY": "local",
        "JWT_SIGNING_SECRET": "0123456789abcdef" * 4,
        "RECEIPT_SIGNING_SECRET": "fedcba9876543210" * 4,
        "NO_PROXY": "127.0.0.1",
        "PATH": f"{TOOLS}{os.pathsep}{os.environ['PATH']}",
        "RUST_LOG": "cargo_lambda=warn",
        **settings,
    }
    watch = ["cargo", "lambda", "watch", "--only-lambda-apis", "--disable-cors"]
    address = ["--invoke-address", "127.0.0.1", "--invoke-port", str(port)]
    with contextlib.ExitStack() as processes:
        emulator = processes.enter_context(ended_with_its_children([*watch, *address], environment))
        wait_until_it_listens(emulator, port)
        for binary in functions():
            function = {
                "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "4096",
                "AWS_LAMBDA_FUNCTION_NAME": binary,
                "AWS_LAMBDA_FUNCTION_VERSION": "1",
                "AWS_LAMBDA_RUNTIME_API": f"http://127.0.0.1:{port}/.rt/{binary}",
            }
            processes.enter_context(ended_with_its_children([str(BINARIES / binary)], environment | function))
        for path in ("/register/", "/login/", "/account/"):
            wait_for_an_answer(f"http://127.0.0.1:{port}{path}")
        yield f"http://127.0.0.1:{port}"


@contextlib.contextmanager
def ended_with_its_children(command: list[str], environment: dict[str, str]) -> Iterator[subprocess.Popen]:
    """A process in a session of its own."""
    with subprocess.Popen(command, cwd=ROOT, env=environment, start_new_session=True) as process:
        try:
            yield process
        finally:
            # It may have ended by itself.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)


def wait_until_it_listens(watch: subprocess.Popen, port: int) -> None:
    deadline = time.monotonic() + START_LIMIT_S
    while watch.poll() is None and time.monotonic() < deadline:
        with socket.socket() as client:
            if client.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    sys.exit("cargo-lambda does not listen.")


def wait_for_an_answer(address: str) -> None:
    """A busy machine may need longer for a start than the check waits."""
    with contextlib.suppress(urllib.error.HTTPError):
        urllib.request.urlopen(address, timeout=START_LIMIT_S).close()


def check(*arguments: str, **environment: str) -> tuple[int, str]:
    """How a run of check_deployment.py ended, and all that it printed."""
    run = subprocess.run(
        [*CHECK, *arguments],
        cwd=ROOT,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=CHECK_LIMIT_S,
    )
    print(f"+ check_deployment.py {' '.join(arguments)}\n{run.stdout}", flush=True)
    return run.returncode, run.stdout


def check_as_on_aws(stack: Stack, folder: str, alarms: dict[str, str], status: str = "UPDATE_COMPLETE") -> tuple[int, str]:
    program = pathlib.Path(folder) / "aws"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{ROOT / ".ci" / "aws_stand_in.py"}" "$@"\n')
    program.chmod(0o755)
    stand_in = {
        "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}",
        "STAND_IN_ALARMS": json.dumps(alarms),
        "STAND_IN_PORT": str(stack.port),
        "STAND_IN_STATUS": status,
    }
    return check("--stack", "test", **stand_in)


def expect(outcome: tuple[int, str], status: int, *said: str) -> None:
    ended, printed = outcome
    missing = [sentence for sentence in said if sentence not in printed]
    if ended != status or missing:
        sys.exit(f"The check ended with {ended} and not with {status}, or did not say {missing}.")


def stop_when_somebody_is_registered(stack: Stack) -> None:
    command = [*CHECK, "--local", f"http://127.0.0.1:{stack.port}"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as run:
        next(line for line in run.stdout if "is registered" in line)
        run.terminate()
        printed, _ = run.communicate(timeout=CHECK_LIMIT_S)
    expect((run.returncode, printed), 143, "can log in no more")


def expect_nobody(stack: Stack) -> None:
    report = json.loads(stack.invoke("audit", "--data-ascii", "{}"))
    if (report["accounts"], report["mismatches"]) != (0, []):
        sys.exit(f"A check left something behind: {report}")


def where_all_is_well() -> None:
    """Nobody has credits before an operator grants some."""
    settings = {"STARTING_TOKENS": "0", "MESSAGE_COST": "3"}
    with tempfile.TemporaryDirectory() as data, Stack(data, "--in-memory", **settings) as stack:
        locally = check("--local", f"http://127.0.0.1:{stack.port}")
        expect(locally, 0, "operator grants 30 credits", "add up to the balance, 24;", "can log in no more")
        expect(check_as_on_aws(stack, data, GOOD_ALARMS), 0, "2 alarms: 1 INSUFFICIENT_DATA, 1 OK.", "Nobody is told")
        in_alarm = {**GOOD_ALARMS, "test-audit": "ALARM"}
        expect(check_as_on_aws(stack, data, in_alarm), 1, "- test-audit is in ALARM: a test")
        expect(check_as_on_aws(stack, data, GOOD_ALARMS, "UPDATE_ROLLBACK_COMPLETE"), 1, "is UPDATE_ROLLBACK_COMPLETE.")
        stop_when_somebody_is_registered(stack)
        expect_nobody(stack)


SCRIPT, PAGE = b"a script that says much;" * 99, b'<script src="./assets/page.js"></script>'
DESCRIPTION = b'{"links": {"console": "./"}}'
# No UTF-8, as the output of Brotli is none.
BROTLI = b"\x8b\xff\xc3" * 99


class ConsoleStandIn(http.server.BaseHTTPRequestHandler):
    """The console of a deployment: its description, its page, and its script as it is, by gzip and by Brotli."""

    description, page, tag, forms = DESCRIPTION, PAGE, 'W/"1"', {"br": BROTLI, "gzip": gzip.compress(SCRIPT)}

    def do_GET(self) -> None:
        if self.path == "/":
            self.send(self.description if "json" in self.headers["Accept"] else self.page)
            return
        accepted = self.headers["Accept-Encoding"].split(", ")
        coding = next((each for each in self.forms if each in accepted), None)
        self.send(self.forms.get(coding, SCRIPT), coding)

    def send(self, body: bytes, coding: str | None = None) -> None:
        self.send_response(200)
        self.send_header("ETag", self.tag if coding is None else 'W/"1"')
        if coding is not None:
            self.send_header("Content-Encoding", coding)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


def findings_at_console(**broken: object) -> list[str]:
    """The finding of the check at a console that is broken in this way."""
    handler = type("BrokenConsole", (ConsoleStandIn,), broken)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        check = Check(OnThisMachine(f"http://127.0.0.1:{server.server_port}"))
        check.step(check.console)
        server.shutdown()
    return check.findings


def where_the_console_is_broken() -> None:
    good = ConsoleStandIn.forms
    as_text = {coding: form.decode(errors="replace").encode() for coding, form in good.items()}
    cases = {
        "does not describe the API": {"description": b"<html>"},
        "cannot be read": {"description": b'{"links": null}'},
        "names no file": {"page": b"<html>"},
        "None of the console's 1 files": {"forms": {}},
        "has the Content-Encoding": {"forms": {"gzip": good["gzip"]}},
        "entity tags": {"tag": 'W/"2"'},
        "is broken by the way": {"forms": as_text},
        "comes as text": {"forms": good | {"br": as_text["br"]}},
        "is another file when it comes by gzip": {"forms": good | {"gzip": gzip.compress(PAGE)}},
        "bytes by Brotli": {"forms": good | {"br": BROTLI * 99}},
    }
    if found := findings_at_console():
        sys.exit(f"A console that is in order is found to be wrong: {found}")
    for sentence, broken in cases.items():
        found = findings_at_console(**broken)
        if len(found) != 1 or sentence not in found[0]:
            sys.exit(f"The check should say {sentence!r}, and says {found}.")


def where_the_model_fails() -> None:
    with tempfile.TemporaryDirectory() as data, Stack(data, "--in-memory", DUMMY_FAILURE="error") as stack:
        refused = "- POST /chatView/ is answered 502 model_failed by chat; "
        expect(check_as_on_aws(stack, data, GOOD_ALARMS), 1, refused, "/aws/lambda/test/chat", "can log in no more")
        expect_nobody(stack)


def where_settings_contradict_each_other() -> None:
    contradiction = {"MAX_OUTPUT_TOKENS": "10", "MIN_OUTPUT_TOKENS": "20", "REGISTRATIONS_PER_HOUR": "0"}
    with tempfile.TemporaryDirectory() as data, Stack(data, "--only-dynamodb", "--in-memory") as table:
        with functions_that_do_not_all_start(table, **contradiction) as address:
            not_tried = "- POST /chatView/ is not tried, because chat did not start."
            not_started = [f"- {function} does not start: " for function in ("chat", "chat-completions")]
            expect(check("--local", address), 1, *not_started, not_tried, "can log in no more", "audit finished: 0 accounts")


CASES = {
    "well": where_all_is_well,
    "console": where_the_console_is_broken,
    "model": where_the_model_fails,
    "settings": where_settings_contradict_each_other,
}

if __name__ == "__main__":
    unknown = set(sys.argv[1:]) - CASES.keys()
    if unknown:
        sys.exit(f"There are the cases {', '.join(CASES)}, and not {', '.join(unknown)}.")
    for case in sys.argv[1:] or CASES:
        started = time.monotonic()
        CASES[case]()
        print(f"{case}: {time.monotonic() - started:.0f} s", flush=True)
    print("The check finds what is wrong and nothing else, and leaves nobody behind.")
