"""Applies SAM's transform to template.yaml, as CloudFormation will, and compares the facts that matter in the result with
.ci/deployment.yaml. `--update` writes that file; read the difference before you commit it."""

import difflib
import json
import logging
import os
import pathlib
import re
import sys
from collections import Counter

import yaml

os.environ.setdefault("AWS_DEFAULT_REGION", "us-east-1")  # the transform asks for a region, and calls nobody

from samtranslator.translator.transform import transform  # noqa: E402
from samtranslator.yaml_helper import yaml_parse  # noqa: E402

logging.getLogger("samtranslator").setLevel(logging.ERROR)

ROOT = pathlib.Path(__file__).parent.parent
SNAPSHOT = ROOT / ".ci" / "deployment.yaml"
DEPLOYER = ROOT / ".github" / "deployer.yaml"
HEAD = "# What SAM makes of template.yaml. Written by: .local/ci/bin/python .ci/transform.py --update\n"
ALARM_MEMBERS = ("MetricName", "Threshold", "Period", "EvaluationPeriods", "TreatMissingData", "WarmUpConfiguration")
MOST_RESOURCES, MOST_BYTES = 500, 1_000_000  # CloudFormation's limits


class NoManagedPolicies:
    """SAM asks for AWS's managed policies by name. This project has none for SAM to find."""

    def load(self) -> dict:
        return {}


def transformed() -> dict:
    template = yaml_parse((ROOT / "template.yaml").read_text())
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            resource["Properties"]["CodeUri"] = "s3://bucket/key"  # where `sam deploy` will have put it
    values = {name: parameter["Default"] for name, parameter in template["Parameters"].items()}
    return transform(template, values, NoManagedPolicies())


def short(value: object) -> object:
    """CloudFormation's functions in a short form: `Table.Arn` for an attribute, `if A: x, else: y` for a choice."""
    if isinstance(value, list):
        return [short(item) for item in value]
    if not isinstance(value, dict):
        return value
    if len(value) == 1:
        [(function, argument)] = value.items()
        match function:
            case "Ref":
                return argument
            case "Fn::GetAtt":
                return argument if isinstance(argument, str) else ".".join(argument)
            case "Fn::Sub":
                return argument if isinstance(argument, str) else substituted(*argument)
            case "Fn::If":
                condition, then, otherwise = argument
                if isinstance(then, (dict, list)) and "Sid" in then:
                    return {"Only if": condition} | short(then)
                return f"if {condition}: {short(then)}, else: {short(otherwise)}"
    return {name: short(member) for name, member in value.items()}


def substituted(text: str, variables: dict) -> str:
    for name, value in variables.items():
        text = text.replace(f"${{{name}}}", f"${{{short(value)}}}" if isinstance(value, dict) else value)
    return text


def of_type(resources: dict, kind: str) -> dict:
    return {name: each.get("Properties", {}) for name, each in sorted(resources.items()) if each["Type"] == kind}


def statements(role: dict) -> list:
    return [statement for policy in role.get("Policies", []) for statement in policy["PolicyDocument"]["Statement"]]


def sentence(statement: dict) -> str:
    """A whole statement in one line."""
    says = short(statement)
    rest = {name: says[name] for name in says if name not in ("Only if", "Sid", "Effect", "Action", "Resource", "Condition")}
    only_if = f"only if {says['Only if']}: " if "Only if" in says else ""
    condition = f" if {confinement(says['Condition'])}" if "Condition" in says else ""
    text = f"{only_if}{says['Effect']} {comma(says['Action'])} on {comma(says['Resource'])}{condition}"
    return text + (f" {json.dumps(rest)}" if rest else "")


def confinement(condition: dict) -> str:
    keys = condition.get("ForAllValues:StringLike", {}).get("dynamodb:LeadingKeys")
    confined = {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": keys}, "Null": {"dynamodb:LeadingKeys": "false"}}
    return f"the partitions are there and like {comma(keys)}" if condition == confined else json.dumps(condition)


def comma(texts: object) -> str:
    return ", ".join(texts) if isinstance(texts, list) else str(texts)


def routes(resources: dict) -> dict:
    found = {}
    for path, methods in sorted(resources["Api"]["Properties"]["Body"]["paths"].items()):
        for method, operation in methods.items():
            integration = operation["x-amazon-apigateway-integration"]
            [function] = [name for name in of_type(resources, "AWS::Lambda::Function") if f"${{{name}." in str(integration)]
            streamed = " streamed" if integration.get("responseTransferMode") == "STREAM" else ""
            found[f"{method.removeprefix('x-amazon-apigateway-').removesuffix('-method')} {path}"] = function + streamed
    return found


def function_facts(resources: dict, properties: dict) -> str:
    group = properties["LoggingConfig"]["LogGroup"]["Ref"]
    facts = {
        "Role": properties["Role"],
        "Runtime": properties["Runtime"],
        "Architectures": properties["Architectures"],
        "MemorySize": properties["MemorySize"],
        "Timeout": properties["Timeout"],
        "Tracing": properties["TracingConfig"]["Mode"],
        "LogGroup": resources[group]["Properties"]["LogGroupName"],
        "RetentionInDays": resources[group]["Properties"]["RetentionInDays"],
    }
    if "ReservedConcurrentExecutions" in properties:
        facts["ReservedConcurrentExecutions"] = properties["ReservedConcurrentExecutions"]
    return comma([f"{name} {comma(short(value))}" for name, value in facts.items()])


def gateway_responses(resources: dict) -> dict:
    responses = resources["Api"]["Properties"]["Body"]["x-amazon-apigateway-gateway-responses"]
    facts = {}
    for kind, response in sorted(responses.items()):
        headers = [f"{name.rpartition('.')[2]} {value}" for name, value in sorted(response["responseParameters"].items())]
        facts[kind] = f"{response['statusCode']}, {comma(headers)}, {response['responseTemplates']['application/json']}"
    return facts


def facts_of(resources: dict) -> dict:
    """The facts that the snapshot compares."""
    functions, roles = (of_type(resources, f"AWS::{kind}") for kind in ("Lambda::Function", "IAM::Role"))
    permissions = of_type(resources, "AWS::Lambda::Permission").values()
    stage = resources[only(resources, "AWS::ApiGateway::Stage")]["Properties"]
    return {
        "Resources": dict(sorted(Counter(resource["Type"] for resource in resources.values()).items())),
        "Routes": routes(resources),
        "Who may invoke": sorted(f"{short(each['FunctionName'])}: {short(each['SourceArn'])}" for each in permissions),
        "Stage": {name: value for name, value in stage.items() if name not in ("DeploymentId", "RestApiId")},
        "Endpoints": {name: resources[name]["Properties"]["EndpointConfiguration"] for name in ("Api", "Domain")},
        "Gateway responses": gateway_responses(resources),
        "Functions": {name: function_facts(resources, properties) for name, properties in functions.items()},
        "Roles": {name: role_facts(role) for name, role in roles.items()},
        "Table": resources["Table"],
        "Outlive the stack": {
            name: each["DeletionPolicy"] for name, each in sorted(resources.items()) if "DeletionPolicy" in each
        },
        "Only under a condition": {
            name: each["Condition"] for name, each in sorted(resources.items()) if "Condition" in each
        },
        "Alarms": {
            name: comma([f"{member} {short(alarm[member])}" for member in ALARM_MEMBERS if member in alarm])
            for name, alarm in of_type(resources, "AWS::CloudWatch::Alarm").items()
        },
        "Budget": resources["Budget"]["Properties"],
    }


def role_facts(role: dict) -> dict:
    [trust] = role["AssumeRolePolicyDocument"]["Statement"]
    facts = {"assumed by": trust["Principal"]["Service"]}
    facts |= {"managed": comma(short(role["ManagedPolicyArns"]))} if "ManagedPolicyArns" in role else {}
    return facts | {short(statement)["Sid"]: sentence(statement) for statement in statements(role)}


def only(resources: dict, kind: str) -> str:
    [name] = of_type(resources, kind)
    return name


def faults_of(template: dict) -> list[str]:
    """Faults that no update of the snapshot can allow."""
    resources, faults = template["Resources"], []
    functions, roles = (of_type(resources, f"AWS::{kind}") for kind in ("Lambda::Function", "IAM::Role"))
    users = Counter(short(function["Role"]) for function in functions.values())
    for name, role in roles.items():
        if role.get("ManagedPolicyArns") and name != "ApiGatewayLogRole":
            faults.append(f"{name} has a managed policy.")
        if name != "ApiGatewayLogRole" and users[f"{name}.Arn"] != 1:
            faults.append(f"{name} is the role of {users[f'{name}.Arn']} functions.")
        for statement in map(short, statements(role)):
            wildcards = "*" in (statement["Resource"] if isinstance(statement["Resource"], list) else [statement["Resource"]])
            if wildcards and statement["Action"] != ["xray:PutTelemetryRecords", "xray:PutTraceSegments"]:
                faults.append(f"{name} may {statement['Action']} everywhere.")
    groups = Counter(function["LoggingConfig"]["LogGroup"]["Ref"] for function in functions.values())
    faults += [f"{group} is written to by {count} functions." for group, count in groups.items() if count > 1]
    paths = {re.sub(r"\{\w+\+?\}", "*", f"*{route.partition(' ')[2]}") for route in routes(resources)}
    sources = {short(each["SourceArn"]) for each in of_type(resources, "AWS::Lambda::Permission").values()}
    for path in paths:
        if not any(str(source).endswith(path[1:]) for source in sources):
            faults.append(f"API Gateway may invoke no function at {path[1:]}.")
    faults += [f"{' needs '.join(circle)}." for circle in circles(resources)]
    services = {resource["Type"].split("::")[1].lower() for resource in resources.values()}
    faults += [f"{DEPLOYER.name} may do nothing with {service}." for service in sorted(services - deployers_services())]
    if len(resources) > MOST_RESOURCES or len(json.dumps(template)) > MOST_BYTES:
        faults.append("CloudFormation takes no template of this size.")
    return faults


def deployers_services() -> set[str]:
    """The services with which the role of GitHub's deployments may do something."""
    role = yaml_parse(DEPLOYER.read_text())["Resources"]["Deployer"]["Properties"]
    actions = [statement["Action"] for statement in statements(role)]
    return {action.split(":")[0] for each in actions for action in ([each] if isinstance(each, str) else each)}


def circles(resources: dict) -> list[list[str]]:
    """Circles of resources that need each other, each beginning and ending with the same resource."""
    needs = {name: references(resource) & resources.keys() for name, resource in resources.items()}
    finished: set[str] = set()

    def search(name: str, way: list[str]) -> list[str]:
        if name in way:
            return [*way[way.index(name):], name]
        if name in finished:
            return []
        circle = next((found for need in sorted(needs[name]) if (found := search(need, [*way, name]))), [])
        finished.add(name)
        return circle

    return [circle for name in resources if (circle := search(name, []))]


def references(value: object) -> set[str]:
    if isinstance(value, list):
        return set().union(*map(references, value))
    if isinstance(value, str):
        return set()
    if not isinstance(value, dict):
        return set()
    found = set().union(*map(references, value.values()))
    for name, argument in value.items():
        if name == "Ref" and isinstance(argument, str):
            found.add(argument)
        elif name == "Fn::GetAtt":
            found.add(argument.split(".")[0] if isinstance(argument, str) else argument[0])
        elif name == "Fn::Sub":
            text = argument if isinstance(argument, str) else argument[0]
            found |= {part.split("}")[0].split(".")[0] for part in text.split("${")[1:]}
        elif name == "DependsOn":
            found |= {argument} if isinstance(argument, str) else set(argument)
    return found


def main() -> None:
    template = transformed()
    if faults := faults_of(template):
        sys.exit("\n".join(faults))
    facts = short(facts_of(template["Resources"]))
    text = HEAD + yaml.safe_dump(facts, sort_keys=False, width=sys.maxsize, default_flow_style=False)
    if "--update" in sys.argv:
        SNAPSHOT.write_text(text)
    expected = SNAPSHOT.read_text() if SNAPSHOT.exists() else ""
    difference = difflib.unified_diff(expected.splitlines(), text.splitlines(), SNAPSHOT.name, "template.yaml", lineterm="")
    if lines := list(difference):
        sys.exit("\n".join([*lines, "", "If that is as it should be: .local/ci/bin/python .ci/transform.py --update"]))
    print(f"{len(template['Resources'])} resources, as {SNAPSHOT.name} says.")


if __name__ == "__main__":
    main()
