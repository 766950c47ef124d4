"""Starts MiniStack with what it gets wrong about IAM, Lambda and CloudWatch put right."""

import json
import os
import re
import sys
from pathlib import Path
from typing import Any

from ministack import app  # type: ignore[import-untyped]
from ministack.core import iam_actions, lambda_runtime  # type: ignore[import-untyped]

asked_for = iam_actions.extract_iam_action
arn_asked_for = iam_actions.extract_resource_arn
checks_asked_for = iam_actions.dynamodb_transaction_checks
context_asked_for = iam_actions.request_tag_context

_STATEMENT = re.compile(
    r"\s*(?P<kind>INSERT\s+INTO|UPDATE|DELETE\s+FROM|SELECT\s.*?\sFROM)\s+\"?(?P<table>[\w.-]+)",
    re.IGNORECASE | re.DOTALL,
)


def extract_iam_action(*request: Any) -> str | None:
    """Return the IAM action that a request needs, as AWS has it.

    Amazon SQS Developer Guide, "Amazon SQS API permissions": the batch actions need the permission
    for the single one; IAM knows none of their own.
    """
    action: str | None = asked_for(*request)
    return action.removesuffix("Batch") if action and action.startswith("sqs:") else action


def extract_resource_arn(*request: Any) -> str:
    """Return the ARN of the resource that a request is about, as AWS has it.

    Service Authorization Reference, "Actions, resources, and condition keys for Amazon
    EventBridge": a partner event source is a resource of its own, in no account; here it would be
    taken for a rule.
    """
    *asked, region, _ = request
    if extract_iam_action(*asked) == "events:DescribeEventSource":
        name = json.loads(asked[4])["Name"]
        return f"arn:aws:events:{region}::event-source/{name}"
    arn: str = arn_asked_for(*request)
    return arn


def dynamodb_checks(
    action: str, body: bytes, region: str, account_id: str
) -> list[tuple[str, str]]:
    """Return the (action, ARN of a table) that a request needs apart from an action of its name.

    Amazon DynamoDB Developer Guide, "IAM security policies with PartiQL for DynamoDB": a batch of
    statements needs the permission for each kind of statement in it; IAM knows none for the batch.
    One with a statement that cannot be read is left to be refused under the batch's own name.
    """
    if action != "dynamodb:BatchExecuteStatement":
        checks: list[tuple[str, str]] = checks_asked_for(action, body, region, account_id)
        return checks
    needed = set()
    for statement in json.loads(body)["Statements"]:
        read = _STATEMENT.match(statement["Statement"])
        if not read:
            return []
        kind = read["kind"].split()[0].capitalize()
        table = f"arn:aws:dynamodb:{region}:{account_id}:table/{read['table']}"
        needed.add((f"dynamodb:PartiQL{kind}", table))
    return sorted(needed)


def request_context(
    service: str, action: str, body: bytes, parameters: dict[str, Any]
) -> dict[str, Any]:
    """Return the condition keys that a request carries, with the source of events.

    Amazon EventBridge User Guide, "Using IAM policy conditions": `events:source` can be a
    condition of `PutEvents`, which AWS checks for each entry; a mixture here matches nothing.
    """
    context: dict[str, Any] = context_asked_for(service, action, body, parameters)
    if action != "events:PutEvents":
        return context
    sources = {str(entry.get("Source")) for entry in json.loads(body)["Entries"]}
    return {**context, "events:source": ", ".join(sorted(sources))}


def with_steady_time(worker: str) -> str:
    """Return the program that runs a function, its time left independent of the machine's clock.

    Here somebody may set that clock, or it jumps when a suspended machine goes on.
    """
    begins = '_deadline = time.{}() + float(os.environ.get("_LAMBDA_TIMEOUT", "3"))'
    left = "(_deadline - time.{}())"
    for line in (begins, left):
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
    # Last on the path, and only for this, so that nothing here stands in for a module elsewhere.
    before = list(sys.path)
    sys.path.append(str(Path(__file__).parents[2]))
    from local.aws import server_metrics

    sys.path[:] = before
    server_metrics.install(Path(os.environ.pop("CLOUDWATCH_CLOCK")))
    app.main()
