"""The policies of a stack's resources: which caller each statement admits or refuses."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from tests.local.permissions.deployed import Stack
from tests.local.permissions.grants import PLACES, as_list, paths_of

DENY_WITHOUT_TLS = "without TLS"
"""The name in the table of the statements that deny requests over plain http."""
_TYPES = ("AWS::SQS::QueuePolicy", "AWS::SNS::TopicPolicy", "AWS::S3::BucketPolicy")


@dataclass(frozen=True, slots=True, order=True)
class Admission:
    """An action of a statement in a resource's policy.

    Attributes
    ----------
    resource
        The resource's name in the table.
    sid
        The statement's id; `DENY_WITHOUT_TLS` for the statements that have none.
    caller
        Whom the statement admits or refuses.
    """

    resource: str
    sid: str
    action: str
    caller: str


def admissions_of(template: Mapping[str, Any]) -> dict[Admission, str]:
    """Return the admissions of a template, each with the logical id of its resource."""
    found = {}
    paths = paths_of(template)
    ids = {path: logical_id for logical_id, path in paths.items()}
    for logical_id, resource in template["Resources"].items():
        properties = resource["Properties"]
        if resource["Type"] in _TYPES:
            path = paths[logical_id].removesuffix("/Policy")
            for statement in properties["PolicyDocument"]["Statement"]:
                for action in as_list(statement["Action"]):
                    name = statement.get("Sid", DENY_WITHOUT_TLS)
                    caller = _caller(statement["Principal"])
                    found[Admission(PLACES[path], name, action, caller)] = ids[path]
        if resource["Type"] == "AWS::Lambda::Permission":
            caller, name = properties["Principal"], paths[logical_id].rpartition("/")[2]
            function = properties["FunctionName"]["Fn::GetAtt"][0]
            place = PLACES[paths[function]]
            found[Admission(place, name, properties["Action"], caller)] = function
    return found


def _caller(principal: Any) -> str:
    match principal:
        case {"Service": str(service)}:
            return service
        case "*" | {"AWS": "*"}:
            return "everybody without TLS"
    return "Genesys Cloud's account"


def policy_of(stack: Stack, logical_id: str) -> dict[str, Any]:
    """Return the policy document of a deployed resource."""
    match _type_and_id(stack, logical_id):
        case "AWS::SQS::Queue", url:
            attributes = stack.client("sqs").get_queue_attributes(
                QueueUrl=url, AttributeNames=["Policy"]
            )["Attributes"]
            text = attributes["Policy"]
        case "AWS::SNS::Topic", arn:
            text = stack.client("sns").get_topic_attributes(TopicArn=arn)["Attributes"]["Policy"]
        case "AWS::S3::Bucket", bucket:
            text = stack.client("s3").get_bucket_policy(Bucket=bucket)["Policy"]
        case _, name:
            return _function_policy(stack, name)
    found: dict[str, Any] = json.loads(text)
    return found


@contextmanager
def lacking_admission(stack: Stack, admission: Admission, logical_id: str) -> Iterator[None]:
    """Take the statement of an admission from the policy of its resource in the `with` block."""
    before = policy_of(stack, logical_id)
    # A function's permission has an id that CloudFormation makes up, and is the only one.
    is_function = admission.action.startswith("lambda:")
    kept = [
        one
        for one in before["Statement"]
        if not is_function and one.get("Sid", DENY_WITHOUT_TLS) != admission.sid
    ]
    assert len(kept) == len(before["Statement"]) - 1
    _set_policy(stack, logical_id, {**before, "Statement": kept})
    try:
        yield
    finally:
        _set_policy(stack, logical_id, before)


def _set_policy(stack: Stack, logical_id: str, document: Mapping[str, Any]) -> None:
    text = json.dumps(document)
    match _type_and_id(stack, logical_id):
        case "AWS::SQS::Queue", url:
            stack.client("sqs").set_queue_attributes(QueueUrl=url, Attributes={"Policy": text})
        case "AWS::SNS::Topic", arn:
            stack.client("sns").set_topic_attributes(
                TopicArn=arn, AttributeName="Policy", AttributeValue=text
            )
        case "AWS::S3::Bucket", bucket:
            stack.client("s3").put_bucket_policy(Bucket=bucket, Policy=text)
        case _, name:
            _set_function_policy(stack, name, document)


def _set_function_policy(stack: Stack, name: str, document: Mapping[str, Any]) -> None:
    functions = stack.client("lambda")
    for statement in _function_policy(stack, name)["Statement"]:
        functions.remove_permission(FunctionName=name, StatementId=statement["Sid"])
    for statement in document["Statement"]:
        functions.add_permission(
            FunctionName=name,
            StatementId=statement["Sid"],
            Action=statement["Action"],
            Principal=statement["Principal"]["Service"],
            SourceArn=statement["Condition"]["ArnLike"]["AWS:SourceArn"],
        )


def _function_policy(stack: Stack, function_name: str) -> dict[str, Any]:
    """Return the policy of a function; one without statements if it has none."""
    functions = stack.client("lambda")
    try:
        found: dict[str, Any] = json.loads(
            functions.get_policy(FunctionName=function_name)["Policy"]
        )
    except functions.exceptions.ResourceNotFoundException:
        return {"Statement": []}
    return found


def _type_and_id(stack: Stack, logical_id: str) -> tuple[str, str]:
    resource_type: str = stack.template["Resources"][logical_id]["Type"]
    return resource_type, stack.physical_ids[logical_id]
