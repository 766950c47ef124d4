"""Synthesised stacks, and helpers to read their templates."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aws_cdk import App
from aws_cdk.assertions import Template

from infra.packaging import Asset
from infra.settings.settings import Settings
from infra.stack import QueueEndsStack

PROJECT = Path(__file__).parents[2]
QUEUES = ("a1b2c3d4-e5f6-7890-1234-567890abcdef", "b2c3d4e5-f6a7-4901-8345-67890abcdef1")

Statement = dict[str, Any]


@dataclass(frozen=True)
class Stack:
    """A synthesised stack; `ids` maps construct paths below the stack to logical ids."""

    construct: QueueEndsStack
    settings: Settings
    template: dict[str, Any]
    ids: dict[str, str]

    @property
    def resources(self) -> list[dict[str, Any]]:
        return list(self.template["Resources"].values())

    def of_type(self, resource_type: str) -> list[dict[str, Any]]:
        return [resource for resource in self.resources if resource["Type"] == resource_type]

    def resource(self, path: str) -> dict[str, Any]:
        found: dict[str, Any] = self.template["Resources"][self.ids[path]]
        return found

    def properties(self, path: str) -> dict[str, Any]:
        found: dict[str, Any] = self.resource(path)["Properties"]
        return found

    def ref(self, path: str) -> dict[str, Any]:
        return {"Ref": self.ids[path]}

    def arn(self, path: str) -> dict[str, Any]:
        return self.attribute(path, "Arn")

    def attribute(self, path: str, name: str) -> dict[str, Any]:
        return {"Fn::GetAtt": [self.ids[path], name]}

    def environment(self, path: str) -> dict[str, Any]:
        """Return the environment variables of the function below a path."""
        found: dict[str, Any] = self.properties(f"{path}/Function")["Environment"]["Variables"]
        return found

    def role_statements(self, path: str) -> list[Statement]:
        """Return the policy statements of the role below a path."""
        (policy,) = self.properties(f"{path}/Role")["Policies"]
        found: list[Statement] = policy["PolicyDocument"]["Statement"]
        return found

    def policy_statements(self, path: str) -> list[Statement]:
        """Return the statements of the resource policy of a queue, an SNS topic or a bucket."""
        found: list[Statement] = self.properties(f"{path}/Policy")["PolicyDocument"]["Statement"]
        return found

    def dependencies_of(self, path: str) -> set[str]:
        """Return the paths of all resources on which a resource depends, also indirectly.

        CloudFormation creates them before the resource and deletes them after it.
        """
        resources, dependencies, todo = self.template["Resources"], set[str](), [self.ids[path]]
        while todo:
            references = set(strings_in(resources[todo.pop()])) & resources.keys()
            todo += references - dependencies
            dependencies |= references
        return {name for name, logical_id in self.ids.items() if logical_id in dependencies} - {
            path
        }

    def wildcards(self) -> list[str]:
        """Return the template's strings that contain a wildcard, sorted, without the dashboard."""
        others = [r for r in self.resources if r["Type"] != "AWS::CloudWatch::Dashboard"]
        return sorted(string for string in strings_in(others) if "*" in string or "?" in string)


def synthesise_stack(
    asset: Asset, outdir: Path, more_context: Mapping[str, object], **settings: Any
) -> Stack:
    # The context that the CDK CLI passes: cdk.json's, with construct paths in the template.
    context = json.loads((PROJECT / "cdk.json").read_text())["context"] | more_context
    context |= {"aws:cdk:enable-path-metadata": True, "aws:cdk:version-reporting": False}
    # The CDK's own validation takes seconds to start; test_synthesis.py covers it.
    app = App(context=context, outdir=str(outdir), builtin_cloud_formation_validation=False)
    chosen = Settings(**({"stage": "dev", "queue_ids": QUEUES} | settings))
    construct = QueueEndsStack(app, chosen, asset)
    template = dict(Template.from_stack(construct).to_json())
    ids = {path_of(resource): logical_id for logical_id, resource in template["Resources"].items()}
    assert len(ids) == len(template["Resources"])
    return Stack(construct, chosen, template, ids)


def path_of(resource: dict[str, Any]) -> str:
    """Return a resource's construct path below the construct `QueueEnds`."""
    _, path = resource["Metadata"]["aws:cdk:path"].split("/Default/", 1)
    return str(path).removesuffix("/Resource")


def strings_in(node: Any) -> Iterator[str]:
    """Yield every string in a part of a template, keys included."""
    match node:
        case dict():
            for key, value in node.items():
                yield key
                yield from strings_in(value)
        case list():
            for value in node:
                yield from strings_in(value)
        case str():
            yield node


def deny_without_tls(arn: Any, action: str = "sqs:*", principal: Any = None) -> Statement:
    """Return the statement that denies all access without TLS."""
    return {
        "Action": action,
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        "Effect": "Deny",
        "Principal": principal or {"AWS": "*"},
        "Resource": arn,
    }


def allow_statement(sid: str, action: str | list[str], arn: Any, **more: Any) -> Statement:
    """Return a statement that allows the action on the resource."""
    return {"Sid": sid, "Effect": "Allow", "Action": action, "Resource": arn, **more}


def secret_read_statement(name: str, sid: str = "ReadGenesysCredentials") -> Statement:
    """Return the expected statement that lets a function read one secret."""
    service = [{"Ref": "AWS::Partition"}, ":secretsmanager:"]
    account = [{"Ref": "AWS::Region"}, ":", {"Ref": "AWS::AccountId"}]
    arn = {"Fn::Join": ["", ["arn:", *service, *account, f":secret:{name}-??????"]]}
    return allow_statement(sid, "secretsmanager:GetSecretValue", arn)


def stack_read_statement(name: str = "QueueEnds-dev") -> Statement:
    """Return the expected statement that lets a function read the status of its own stack."""
    parts = ["arn:", {"Ref": "AWS::Partition"}, ":cloudformation:", {"Ref": "AWS::Region"}]
    parts += [":", {"Ref": "AWS::AccountId"}, f":stack/{name}/*"]
    arn = {"Fn::Join": ["", parts]}
    return allow_statement("ReadOwnStackStatus", "cloudformation:DescribeStacks", arn)


def with_account_and_region(text: str) -> dict[str, Any]:
    """Return a text that ends with the stack's account and region, as the template has it."""
    parts = [f"{text} (account ", {"Ref": "AWS::AccountId"}, ", region ", {"Ref": "AWS::Region"}]
    return {"Fn::Join": ["", [*parts, ")"]]}


def log_write_statement(stack: Stack, path: str) -> Statement:
    """Return the expected statement that lets the function below a path write its log."""
    actions = ["logs:CreateLogStream", "logs:PutLogEvents"]
    return allow_statement("WriteLogs", actions, stack.arn(f"{path}/Logs"))


def lease_statement(stack: Stack) -> Statement:
    """Return the statement that lets the watchdog take its lease."""
    condition = {"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": ["#watchdog"]}}
    table = stack.arn("Ledger/Table")
    return allow_statement("TakeLease", "dynamodb:UpdateItem", table, Condition=condition)


def backfill_statements(stack: Stack, *, sends: bool) -> list[Statement]:
    """Return the statements that let the watchdog run the backfill."""
    table = stack.arn("Ledger/Table")
    keys = {"dynamodb:LeadingKeys": ["#backfill", "#requests"]}
    statements = [
        allow_statement("LookUpEnds", "dynamodb:BatchGetItem", table),
        allow_statement(
            "KeepBackfillCursors",
            ["dynamodb:GetItem", "dynamodb:UpdateItem"],
            table,
            Condition={"ForAllValues:StringEquals": keys},
        ),
    ]
    if sends:
        queue = stack.arn("Intake/Queue")
        statements.append(allow_statement("SendMissedEnds", "sqs:SendMessage", queue))
    return statements
