"""Starts MiniStack with corrections to its IAM, Lambda and CloudWatch."""

import json
import os
import re
import sys
from pathlib import Path
from typing import Any

from ministack import app  # type: ignore[import-untyped]
from ministack.core import iam_actions, lambda_runtime  # type: ignore[import-untyped]

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

    Amazon SQS Developer Guide, "Amazon SQS API permissions": a batch action needs the permission
    for the single action, since IAM has none for the batch.
    """
    action: str | None = _iam_action(*request)
    return action.removesuffix("Batch") if action and action.startswith("sqs:") else action


def extract_resource_arn(*request: Any) -> str:
    """Return the ARN of the resource that a request needs on AWS.

    Service Authorization Reference, "Actions, resources, and condition keys for Amazon
    EventBridge": the ARN of a partner event source has no account. MiniStack takes it for a rule.
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
    """Return pairs of an action and a table's ARN that a request needs instead of its own action.

    Amazon DynamoDB Developer Guide, "IAM security policies with PartiQL for DynamoDB": a batch of
    statements needs the permission for each kind of statement, since IAM has none for the batch.
    MiniStack refuses a batch with an unreadable statement by the batch's own name.
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
    """Return a request's condition keys, with `events:source` for `PutEvents`.

    Amazon EventBridge User Guide, "Using IAM policy conditions": AWS checks `events:source` for
    each entry. Here, entries of several sources match no condition.
    """
    context: dict[str, Any] = _tag_context(service, action, body, parameters)
    if action != "events:PutEvents":
        return context
    sources = {str(entry.get("Source")) for entry in json.loads(body)["Entries"]}
    return {**context, "events:source": ", ".join(sorted(sources))}


def with_steady_time(worker: str) -> str:
    """Return MiniStack's worker program with its deadline measured by the monotonic clock.

    A user may set the machine's clock, and it jumps after a suspension.
    """
    deadline = '_deadline = time.{}() + float(os.environ.get("_LAMBDA_TIMEOUT", "3"))'
    time_left = "(_deadline - time.{}())"
    for line in (deadline, time_left):
        if line.format("time") not in worker:
            raise RuntimeError(f"MiniStack's Python worker no longer says {line.format('time')}")
        worker = worker.replace(line.format("time"), line.format("monotonic"))
    return worker


if __name__ == "__main__":
    iam_actions.extract_iam_action = extract_iam_action
    iam_actions.extract_resource_arn = extract_resource_arn
    iam_actions.dynamodb_transaction_checks = dynamodb_checks
    iam_actions.request_tag_context = request_context
    lambda_runtime._PYTHON_WORKER_SCRIPT = with_steady_time(lambda_runtime._PYTHON_WORKER_SCRIPT)
    # The project is on the path only for this import, and last, so that it hides no other module.
    path = list(sys.path)
    sys.path.append(str(Path(__file__).parents[2]))
    from local.aws import server_metrics

    sys.path[:] = path
    server_metrics.install(Path(os.environ.pop("CLOUDWATCH_CLOCK")))
    app.main()
