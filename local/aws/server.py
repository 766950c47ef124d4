"""Starts MiniStack with corrections to its IAM, Lambda, CloudWatch and DynamoDB."""

import json
import os
import re
import sys
from pathlib import Path
from typing import Any

from ministack import app  # type: ignore[import-untyped]
from ministack.core import iam_actions, lambda_runtime  # type: ignore[import-untyped]
from ministack.services import dynamodb  # type: ignore[import-untyped]

_iam_action = iam_actions.extract_iam_action
_resource_arn = iam_actions.extract_resource_arn
_transaction_checks = iam_actions.dynamodb_transaction_checks
_tag_context = iam_actions.request_tag_context

_STATEMENT = re.compile(
    r"\s*(?P<kind>INSERT\s+INTO|UPDATE|DELETE\s+FROM|SELECT\s.*?\sFROM)\s+\"?(?P<table>[\w.-]+)",
    re.IGNORECASE | re.DOTALL,
)


def extract_iam_action(*request: Any) -> str | None:
    """Return the IAM action that a request needs on AWS.

    A batch action of SQS or SNS needs the permission for the single action, because IAM has no
    permission for the batch action (see "Amazon SQS API permissions" and "Amazon SNS API
    permissions" in the services' developer guides).
    """
    action: str | None = _iam_action(*request)
    if action and action.startswith(("sqs:", "sns:")):
        return action.removesuffix("Batch")
    return action


def extract_resource_arn(*request: Any) -> str:
    """Return the ARN of the resource that a request needs on AWS.

    The ARN of a partner event source has no account (see "Actions, resources, and condition keys
    for Amazon EventBridge" in the Service Authorization Reference). MiniStack would return the ARN
    of a rule.
    """
    *call, region, _ = request
    if extract_iam_action(*call) == "events:DescribeEventSource":
        name = json.loads(call[4])["Name"]
        return f"arn:aws:events:{region}::event-source/{name}"
    arn: str = _resource_arn(*request)
    return arn


def dynamodb_checks(
    action: str, body: bytes, region: str, account_id: str
) -> list[tuple[str, str]]:
    """Return the permissions that a request needs, each as an action and a table's ARN.

    `BatchExecuteStatement` needs the permission for each kind of its statements, because IAM has no
    permission for the call itself (see "IAM security policies with PartiQL for DynamoDB" in the
    Amazon DynamoDB Developer Guide). If a statement cannot be parsed, return an empty list.
    MiniStack then refuses the call.
    """
    if action != "dynamodb:BatchExecuteStatement":
        checks: list[tuple[str, str]] = _transaction_checks(action, body, region, account_id)
        return checks
    needed = set()
    for statement in json.loads(body)["Statements"]:
        parsed = _STATEMENT.match(statement["Statement"])
        if not parsed:
            return []
        kind = parsed["kind"].split()[0].capitalize()
        table = f"arn:aws:dynamodb:{region}:{account_id}:table/{parsed['table']}"
        needed.add((f"dynamodb:PartiQL{kind}", table))
    return sorted(needed)


def request_context(
    service: str, action: str, body: bytes, parameters: dict[str, Any]
) -> dict[str, Any]:
    """Return a request's condition keys, with those of `PutEvents` and of DynamoDB.

    AWS checks `events:source` for each entry (see "Using IAM policy conditions" in the Amazon
    EventBridge User Guide). Here, if the entries have several sources, no condition matches.
    """
    context: dict[str, Any] = _tag_context(service, action, body, parameters)
    if action == "events:PutEvents":
        sources = {str(entry.get("Source")) for entry in json.loads(body)["Entries"]}
        context |= {"events:source": ", ".join(sorted(sources))}
    if action in ("dynamodb:GetItem", "dynamodb:UpdateItem"):
        context |= {"dynamodb:LeadingKeys": _leading_keys(json.loads(body))}
    return context


def _leading_keys(request: dict[str, Any]) -> list[str]:
    """Return the value of the partition key of the item that a request is about."""
    table = dynamodb._tables.get(request["TableName"]) or {"KeySchema": []}
    names = [one["AttributeName"] for one in table["KeySchema"] if one["KeyType"] == "HASH"]
    return [value for name in names for value in request["Key"].get(name, {}).values()]


def use_monotonic_clock(worker_source: str) -> str:
    """Return the source of MiniStack's Python worker, with a deadline by the monotonic clock.

    The machine's clock jumps when a user sets it and after the machine was suspended.
    """
    deadline = '_deadline = time.{}() + float(os.environ.get("_LAMBDA_TIMEOUT", "3"))'
    time_left = "(_deadline - time.{}())"
    for line in (deadline, time_left):
        if line.format("time") not in worker_source:
            raise RuntimeError(f"MiniStack's Python worker no longer says {line.format('time')}")
        worker_source = worker_source.replace(line.format("time"), line.format("monotonic"))
    return worker_source


if __name__ == "__main__":
    iam_actions.extract_iam_action = extract_iam_action
    iam_actions.extract_resource_arn = extract_resource_arn
    iam_actions.dynamodb_transaction_checks = dynamodb_checks
    iam_actions.request_tag_context = request_context
    lambda_runtime._PYTHON_WORKER_SCRIPT = use_monotonic_clock(lambda_runtime._PYTHON_WORKER_SCRIPT)
    # The project is on the path for this import only. It comes last, so that it shadows no module.
    old_path = list(sys.path)
    sys.path.append(str(Path(__file__).parents[2]))
    from local.aws import server_latency, server_metrics, server_partiql, server_permissions

    sys.path[:] = old_path
    clock_file = Path(os.environ.pop("CLOUDWATCH_CLOCK"))
    server_metrics.install(clock_file)
    server_latency.install(clock_file.with_name("call-latency"))
    server_partiql.install()
    server_permissions.install()
    app.main()
