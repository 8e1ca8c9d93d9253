"""The two kinds of deployment that check_deployment.py looks at: a stack on AWS, by the AWS CLI, and one on this machine."""

import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import urllib.parse
from dataclasses import dataclass

import stack

ROOT = pathlib.Path(__file__).parent.parent
HEALTHY = ("CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS")


class Finding(Exception):
    """Something that is not as it should be, as a sentence."""


def router() -> dict[str, str]:
    """The function of each path, without final slashes. A test of the workspace holds that the template says the same."""
    manifest = (ROOT / "Cargo.toml").read_text(encoding="utf-8")
    table = manifest.partition("[workspace.metadata.lambda.watch.router]\n")[2].partition("\n[")[0]
    paths = dict(re.findall(r'^"(.+)" = "(.+)"$', table, re.MULTILINE))
    has_final_slash = [path for path in paths if path.endswith("/") and path != "/"]
    return {path: function for path, function in paths.items() if path not in (*has_final_slash, "/{*path}")}


@dataclass
class Alarm:
    name: str
    state: str
    reason: str
    tells_somebody: bool


class OnAws:
    """A stack, by its name. Account and region are those of the AWS CLI."""

    def __init__(self, name: str) -> None:
        self.name = name
        [described] = aws("cloudformation", "describe-stacks", "--stack-name", name)["Stacks"]
        self.status = described["StackStatus"]
        outputs = {output["OutputKey"]: output["OutputValue"] for output in described.get("Outputs", [])}
        if "ApiUrl" not in outputs:
            sys.exit(f"The stack {name} is {self.status} and has no output ApiUrl. Is it one of chat-api?")
        self.address = outputs["ApiUrl"]
        resources = aws("cloudformation", "list-stack-resources", "--stack-name", name)["StackResourceSummaries"]
        names = {each["LogicalResourceId"]: each["PhysicalResourceId"] for each in resources}
        kinds = {each["LogicalResourceId"]: each["ResourceType"] for each in resources}
        self.functions = {binary(each): names[each] for each in names if kinds[each] == "AWS::Lambda::Function"}
        self.alarm_names = sorted(names[each] for each in names if kinds[each] == "AWS::CloudWatch::Alarm")

    def state(self) -> str:
        if self.status not in HEALTHY:
            raise Finding(f"The stack {self.name} is {self.status}.")
        return f"The stack {self.name} is {self.status}, at {self.address}."

    def log_of(self, function: str) -> str:
        return f"`aws logs tail /aws/lambda/{self.name}/{function} --since 15m` shows its log"

    def invoke(self, function: str, event: dict) -> dict:
        """The result of a function that no path leads to."""
        with tempfile.TemporaryDirectory() as folder:
            result = pathlib.Path(folder) / "result.json"
            options = ["--function-name", self.functions[function], "--payload", json.dumps(event)]
            # The audit may take a quarter of an hour; and what nobody waits for is not to be sent twice.
            options += ["--cli-binary-format", "raw-in-base64-out", "--cli-read-timeout", "0"]
            answer = aws("lambda", "invoke", *options, str(result), AWS_MAX_ATTEMPTS="1")
            said = result.read_text(encoding="utf-8")
        if "FunctionError" in answer:
            raise Finding(f"{function} failed with {said.strip()[:300]}; {self.log_of(function)}.")
        return json.loads(said)

    def alarms(self) -> list[Alarm]:
        found = aws("cloudwatch", "describe-alarms", "--alarm-names", *self.alarm_names)["MetricAlarms"]
        return [
            Alarm(each["AlarmName"], each["StateValue"], each.get("StateReason", ""), bool(each.get("AlarmActions")))
            for each in found
        ]


class OnThisMachine:
    """A stack of `cargo local`. It has no alarms."""

    def __init__(self, address: str) -> None:
        self.address = address.rstrip("/")
        self.port = urllib.parse.urlsplit(self.address).port or 80
        self.functions = {function: function for function in {*router().values(), "audit", "operator"}}

    def state(self) -> str:
        return f"A stack of this machine, at {self.address}."

    def log_of(self, function: str) -> str:
        return f"the launcher prints what {function} logs"

    def invoke(self, function: str, event: dict) -> dict:
        try:
            answer = stack.invoke(self.port, function, "--data-ascii", json.dumps(event))
        except subprocess.TimeoutExpired as expired:
            raise Finding(f"{function} did not answer within {expired.timeout} s; {self.log_of(function)}.") from None
        if answer.returncode != 0:
            raise Finding(f"{function} failed with {answer.stderr.strip()[:300]}; {self.log_of(function)}.")
        return json.loads(answer.stdout)

    def alarms(self) -> None:
        return None


def binary(logical_id: str) -> str:
    """`token-balance` of `TokenBalanceFunction`."""
    return re.sub(r"(?<=.)(?=[A-Z])", "-", logical_id.removesuffix("Function")).lower()


def aws(*arguments: str, **environment: str) -> dict:
    command = ["aws", *arguments, "--output", "json"]
    try:
        answer = subprocess.run(command, env={**os.environ, **environment}, capture_output=True, text=True)
    except FileNotFoundError:
        sys.exit("There is no `aws` on the PATH: install the AWS CLI, version 2.")
    if answer.returncode != 0:
        raise Finding(f"`aws {' '.join(arguments[:2])}` failed: {answer.stderr.strip()}")
    return json.loads(answer.stdout)
