"""Lambda entry point of the contender that is built with Powertools."""

import json
import os
import time
from typing import Any

import boto3

from bench.contenders.powertools import idempotent_batch_processor
from bench.emulated.events import milliseconds_since_end

dynamodb = boto3.client("dynamodb")
eventbridge = boto3.client("events") if os.environ["USES_BUS"] == "true" else None
process = idempotent_batch_processor(dynamodb, eventbridge)
completed_at: list[float] = []
# The utility updates its record of an end as soon as the end has been handled.
dynamodb.meta.events.register(
    "after-call.dynamodb.UpdateItem", lambda **_: completed_at.append(time.time())
)


def handler(event: dict[str, Any], context: Any) -> Any:
    """Process a batch, and log one line with its latencies, as the worker does."""
    completed_at.clear()
    response = process(event, context)
    latencies = [
        milliseconds_since_end(json.loads(record["body"]), until)
        for record, until in zip(event["Records"], completed_at, strict=True)
    ]
    print(json.dumps({"EndToEndLatency": latencies}))
    return response
