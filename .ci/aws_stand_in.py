"""Answers as the AWS CLI does, for a stack whose functions run on this machine: what check_deployment.py asks, and nothing
else. The environment says which stack: STAND_IN_PORT, STAND_IN_STATUS, and STAND_IN_ALARMS, their states by name."""

import argparse
import json
import os
import pathlib
import sys

import stack
from deployments import binary, router

PORT = int(os.environ["STAND_IN_PORT"])
ALARMS = json.loads(os.environ["STAND_IN_ALARMS"])


def describe_stacks(arguments: argparse.Namespace) -> dict:
    output = {"OutputKey": "ApiUrl", "OutputValue": f"http://127.0.0.1:{PORT}"}
    described = {"StackName": arguments.stack_name, "StackStatus": os.environ["STAND_IN_STATUS"], "Outputs": [output]}
    return {"Stacks": [described]}


def list_stack_resources(arguments: argparse.Namespace) -> dict:
    names = ["".join(map(str.capitalize, each.split("-"))) for each in sorted({*router().values(), "audit", "operator"})]
    functions = [resource(f"{name}Function", f"{arguments.stack_name}-{name}Function-1A2B3C") for name in names]
    alarms = [resource(f"Alarm{number}", name, "CloudWatch::Alarm") for number, name in enumerate(ALARMS)]
    return {"StackResourceSummaries": [*functions, *alarms, resource("Table", "chat-api", "DynamoDB::Table")]}


def resource(logical_id: str, physical_id: str, kind: str = "Lambda::Function") -> dict:
    return {"LogicalResourceId": logical_id, "PhysicalResourceId": physical_id, "ResourceType": f"AWS::{kind}"}


def describe_alarms(arguments: argparse.Namespace) -> dict:
    found = [name for name in ALARMS if name in arguments.alarm_names]
    alarms = [{"AlarmName": name, "StateValue": ALARMS[name], "StateReason": "a test", "AlarmActions": []} for name in found]
    return {"MetricAlarms": alarms}


def invoke(arguments: argparse.Namespace) -> dict:
    if arguments.cli_binary_format != "raw-in-base64-out":
        sys.exit("Invalid base64: version 2 of the AWS CLI takes payloads in base64 unless it is told otherwise.")
    function = binary(arguments.function_name.split("-")[-2])
    answer = stack.invoke(PORT, function, "--data-ascii", arguments.payload)
    failed = answer.returncode != 0
    pathlib.Path(arguments.outfile).write_text(answer.stderr if failed else answer.stdout)
    return {"StatusCode": 200} | ({"FunctionError": "Unhandled"} if failed else {})


def main() -> None:
    # As the AWS CLI: an option that it does not know is an error.
    parser = argparse.ArgumentParser(allow_abbrev=False)
    services = parser.add_subparsers(required=True)
    commands = {
        "cloudformation": {"describe-stacks": describe_stacks, "list-stack-resources": list_stack_resources},
        "cloudwatch": {"describe-alarms": describe_alarms},
        "lambda": {"invoke": invoke},
    }
    for service, its_commands in commands.items():
        operations = services.add_parser(service, allow_abbrev=False).add_subparsers(required=True)
        for name, act in its_commands.items():
            operation = operations.add_parser(name, allow_abbrev=False)
            operation.set_defaults(act=act)
            operation.add_argument("--output", choices=["json"], required=True)
            if service == "cloudformation":
                operation.add_argument("--stack-name", required=True)
            elif service == "cloudwatch":
                operation.add_argument("--alarm-names", nargs="+", required=True)
            else:
                for option in ("--function-name", "--payload", "--cli-binary-format", "--cli-read-timeout"):
                    operation.add_argument(option, required=True)
                operation.add_argument("outfile")
    arguments = parser.parse_args()
    print(json.dumps(arguments.act(arguments)))


if __name__ == "__main__":
    main()
