"""Journeys of AWS's services, which act with the roles of the stack.

The emulator has no X-Ray and no private networks. For these, the journeys evaluate the role's
policy for the requests that AWS's documentation names.
"""

import json
from collections.abc import Sequence
from typing import Any

from local.aws import policies
from tests.local.permissions.deployed import Stack
from tests.local.permissions.grants import as_list

NETWORK_ACTIONS = (
    "ec2:AssignPrivateIpAddresses",
    "ec2:CreateNetworkInterface",
    "ec2:DeleteNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "ec2:UnassignPrivateIpAddresses",
)
"""See "Giving Lambda functions access to resources in an Amazon VPC"."""
INTERFACE = "arn:aws:ec2:us-east-1:111122223333:network-interface/eni-0a1b2c3d4e5f60718"
CREATE = "ec2:CreateNetworkInterface"


def is_logged(stack: Stack, role: str) -> None:
    """Lambda writes the function's log into its log group."""
    function = stack.client("lambda").get_function_configuration(FunctionName=stack.function(role))
    group = function["LoggingConfig"]["LogGroup"]
    before = _count_streams(stack, group)
    stack.invoke(role, _event(stack, role))
    assert _count_streams(stack, group) > before


def _event(stack: Stack, role: str) -> dict[str, Any]:
    """Return an event that a function is done with at once."""
    if role == "worker":
        return {"Records": []}
    if role == "watchdog":
        return {}
    bucket = {"Bucket": stack.deployment.outputs["ArchiveBucketName"], "Key": "answer"}
    url = stack.client("s3").generate_presigned_url("put_object", Params=bucket)
    return {
        "RequestType": "Delete",
        "PhysicalResourceId": "nothing-created/journey",
        "ResponseURL": url,
        "StackId": stack.name,
        "RequestId": "journey",
        "LogicalResourceId": "Journey",
    }


def _count_streams(stack: Stack, group: str) -> int:
    pages = stack.client("logs").get_paginator("describe_log_streams").paginate(logGroupName=group)
    return sum(len(page["logStreams"]) for page in pages)


def firehose_writes(stack: Stack) -> None:
    """Firehose writes records to the bucket."""
    bucket, s3 = stack.deployment.outputs["ArchiveBucketName"], stack.client("s3")
    before = s3.list_objects_v2(Bucket=bucket)["KeyCount"]
    _put_record(stack)
    assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] > before


def firehose_reports(stack: Stack) -> None:
    """Firehose logs that it could not write records to the bucket."""
    policy = stack.policy("Firehose")
    kept = [one for one in policy["Statement"] if "s3:PutObject" not in as_list(one["Action"])]
    before = len(_firehose_errors(stack))
    with stack.role_with("Firehose", {**policy, "Statement": kept}):
        _put_record(stack)
    assert len(_firehose_errors(stack)) > before


def _put_record(stack: Stack) -> None:
    name = stack.variables("worker")["ARCHIVE_STREAM"]
    answer = stack.client("firehose").put_record_batch(
        DeliveryStreamName=name, Records=[{"Data": b"{}\n"}]
    )
    assert answer["FailedPutCount"] == 0


def _firehose_errors(stack: Stack) -> list[str]:
    name = stack.variables("worker")["ARCHIVE_STREAM"]
    described = stack.client("firehose").describe_delivery_stream(DeliveryStreamName=name)
    (destination,) = described["DeliveryStreamDescription"]["Destinations"]
    options = destination["ExtendedS3DestinationDescription"]["CloudWatchLoggingOptions"]
    events = stack.client("logs").get_log_events(
        logGroupName=options["LogGroupName"], logStreamName=options["LogStreamName"]
    )["events"]
    return [event["message"] for event in events]


def sends_traces(stack: Stack, role: str) -> None:
    """Lambda may send traces to X-Ray."""
    for action in ("xray:PutTraceSegments", "xray:PutTelemetryRecords"):
        assert _may(stack, role, action, ["*"])


def connects_to_network(stack: Stack, role: str) -> None:
    """Lambda may make, find and delete the function's network interfaces."""
    settings, base = stack.world.changed, "arn:aws:ec2:us-east-1:111122223333"
    places = [f"{base}:subnet/{one}" for one in settings["vpc_subnet_ids"]]
    places += [f"{base}:security-group/{one}" for one in settings["vpc_security_group_ids"]]
    for action in NETWORK_ACTIONS:
        resources = [INTERFACE, *places] if action == CREATE else [INTERFACE]
        assert _may(stack, role, action, ["*"] if "Describe" in action else resources), action


def code_stays_off_network(stack: Stack, role: str) -> None:
    """The function's code may not touch network interfaces."""
    for action in NETWORK_ACTIONS:
        assert not _may(stack, role, action, [INTERFACE], of_code=True), action


def _may(
    stack: Stack, role: str, action: str, resources: Sequence[str], *, of_code: bool = False
) -> bool:
    """Return whether a role allows an action on all of these resources."""
    arn = f"arn:aws:lambda:us-east-1:111122223333:function:{stack.function(role)}"
    context = {"lambda:SourceFunctionArn": arn} if of_code else {}
    document = json.dumps(stack.policy(role))
    return all(policies.role_may([document], action, each, context) for each in resources)
