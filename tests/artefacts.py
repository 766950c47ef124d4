"""All that a deployed stack, its deploys and its run leave where an operator can read it.

Secrets Manager, where the secrets belong, is left out.
"""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from local.aws.emulator import Emulator
from local.aws.log_events import log_events

Artefact = tuple[str, bytes]
"""Where an artefact is, and its content."""


def files(folder: Path) -> Iterator[Artefact]:
    """Yield the files of a project: `cdk.out` with templates, assets and manifests, and outputs."""
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.is_symlink():
            yield str(path), path.read_bytes()


def _stacks(aws: Emulator) -> Iterator[Artefact]:
    """Yield templates, outputs and events, also of stacks that were deleted or rolled back."""
    cloudformation = aws.client("cloudformation")
    for stack in _all(cloudformation, "list_stacks", "StackSummaries"):
        name = stack["StackId"]
        yield _said(name, stack)
        for operation in ("get_template", "describe_stacks", "describe_stack_events"):
            yield _answer(cloudformation, operation, StackName=name)
        yield _answer(cloudformation, "describe_stack_resources", StackName=name)


def _functions(aws: Emulator) -> Iterator[Artefact]:
    functions = aws.client("lambda")
    for function in _all(functions, "list_functions", "Functions"):
        yield _answer(functions, "get_function", FunctionName=function["FunctionName"])
    yield _answer(functions, "list_event_source_mappings")


def _logs(aws: Emulator) -> Iterator[Artefact]:
    logs = aws.client("logs")
    for group in _all(logs, "describe_log_groups", "logGroups"):
        name = group["logGroupName"]
        lines = (f"{event['logStreamName']} {event['message']}" for event in log_events(logs, name))
        yield f"log group {name}", "\n".join(lines).encode()


def _queues(aws: Emulator) -> Iterator[Artefact]:
    """Yield the messages in all queues, with their attributes, and leave them there."""
    sqs = aws.client("sqs")
    for url in _all(sqs, "list_queues", "QueueUrls"):
        yield _answer(sqs, "get_queue_attributes", QueueUrl=url, AttributeNames=["All"])
        seen: list[dict[str, Any]] = []
        while messages := sqs.receive_message(
            QueueUrl=url,
            MaxNumberOfMessages=10,
            MessageAttributeNames=["All"],
            AttributeNames=["All"],
            VisibilityTimeout=30,
        ).get("Messages"):
            seen += messages
        for message in seen:
            yield _said(f"message in {url}", message)
            sqs.change_message_visibility(
                QueueUrl=url, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=0
            )


def _tables(aws: Emulator) -> Iterator[Artefact]:
    dynamodb = aws.client("dynamodb")
    for table in _all(dynamodb, "list_tables", "TableNames"):
        for item in _all(dynamodb, "scan", "Items", TableName=table):
            yield _said(f"item in {table}", item)


def _buckets(aws: Emulator) -> Iterator[Artefact]:
    s3 = aws.client("s3")
    for bucket in s3.list_buckets()["Buckets"]:
        name = bucket["Name"]
        for listed in _all(s3, "list_objects_v2", "Contents", Bucket=name):
            held = s3.get_object(Bucket=name, Key=listed["Key"])
            yield f"s3://{name}/{listed['Key']}", held["Body"].read()
            yield _said(f"metadata of s3://{name}/{listed['Key']}", held["Metadata"])


def _topics(aws: Emulator) -> Iterator[Artefact]:
    sns = aws.client("sns")
    for topic in _all(sns, "list_topics", "Topics"):
        yield _answer(sns, "get_topic_attributes", TopicArn=topic["TopicArn"])
    yield _answer(sns, "list_subscriptions")


def _monitoring(aws: Emulator) -> Iterator[Artefact]:
    """Yield the alarms with their reasons, the dashboards, and the dimensions of metrics."""
    cloudwatch = aws.client("cloudwatch")
    for operation in ("describe_alarms", "describe_alarm_history", "list_metrics"):
        yield _answer(cloudwatch, operation)
    for dashboard in _all(cloudwatch, "list_dashboards", "DashboardEntries"):
        name = dashboard["DashboardName"]
        yield _answer(cloudwatch, "get_dashboard", DashboardName=name)


def _events(aws: Emulator) -> Iterator[Artefact]:
    events = aws.client("events")
    for bus in events.list_event_buses()["EventBuses"]:
        yield _said(bus["Arn"], bus)
        for rule in events.list_rules(EventBusName=bus["Name"])["Rules"]:
            yield _said(rule["Arn"], rule)
            yield _answer(
                events, "list_targets_by_rule", Rule=rule["Name"], EventBusName=bus["Name"]
            )


def _parameters(aws: Emulator) -> Iterator[Artefact]:
    ssm = aws.client("ssm")
    for parameter in _all(ssm, "get_parameters_by_path", "Parameters", Path="/", Recursive=True):
        yield _said(parameter["Name"], parameter)


def _roles(aws: Emulator) -> Iterator[Artefact]:
    yield _answer(aws.client("iam"), "get_account_authorization_details")


def _streams(aws: Emulator) -> Iterator[Artefact]:
    firehose = aws.client("firehose")
    for name in firehose.list_delivery_streams()["DeliveryStreamNames"]:
        yield _answer(firehose, "describe_delivery_stream", DeliveryStreamName=name)


def _output(aws: Emulator) -> Iterator[Artefact]:
    """Yield the emulator's own output, which includes what functions print."""
    yield str(aws.log_file), aws.log_file.read_bytes()


KINDS: dict[str, Callable[[Emulator], Iterator[Artefact]]] = {
    "stacks": _stacks,
    "functions": _functions,
    "logs": _logs,
    "queues": _queues,
    "tables": _tables,
    "buckets": _buckets,
    "topics": _topics,
    "monitoring": _monitoring,
    "events": _events,
    "parameters": _parameters,
    "roles": _roles,
    "streams": _streams,
    "output": _output,
}
"""What AWS, or the emulator in its place, has of a stack, by kind."""


def _all(client: Any, operation: str, key: str, **parameters: Any) -> Iterator[Any]:
    """Yield the entries of all pages of a list."""
    for page in client.get_paginator(operation).paginate(**parameters):
        yield from page.get(key, [])


def _answer(client: Any, operation: str, **parameters: Any) -> Artefact:
    """Return the answer to a call; what was deleted meanwhile answers with an error."""
    try:
        answer = getattr(client, operation)(**parameters)
    except ClientError as error:
        answer = error.response
    return _said(f"{operation} {parameters}", answer)


def _said(name: str, answer: Any) -> Artefact:
    return name, json.dumps(answer, default=_as_text, ensure_ascii=False).encode()


def _as_text(value: object) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)
