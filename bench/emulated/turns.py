"""The turns of the contenders: a full queue, or a trickle of events."""

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from bench.emulated.entrants import Entrant
from bench.emulated.events import send
from local.aws.emulator import Emulator
from local.polling import polls

_MAX_SECONDS = 120.0
_POLL_SECONDS = 0.025
# Longer than the emulator waits before it looks again: into a mapping's queue, or into the file.
_PAUSE_SECONDS = 0.2
_LAST = 10


@contextmanager
def calls_that_wait(aws: Emulator, seconds: Mapping[str, float]) -> Iterator[None]:
    """Make the emulator's answers wait, by the prefix of the calls' header `X-Amz-Target`."""
    file = aws.log_file.with_name("call-latency")  # as local/aws/server.py names it
    complete = file.with_suffix(".new")
    complete.write_text(json.dumps(seconds))
    complete.replace(file)
    time.sleep(_PAUSE_SECONDS)
    try:
        yield
    finally:
        file.unlink()
        time.sleep(_PAUSE_SECONDS)


def drain(aws: Emulator, entrant: Entrant, bodies: Sequence[str]) -> float:
    """Fill a contender's queue, then let the contender drain it; return the ends per second.

    The last events are sent when it begins, as only then does the emulator look into the queue at
    once.
    """
    sqs = aws.client("sqs")
    send(sqs, entrant.queue_url, bodies[:-_LAST])
    time.sleep(_PAUSE_SECONDS)
    began = time.monotonic()
    entrant.start(len(bodies))
    send(sqs, entrant.queue_url, bodies[-_LAST:])
    _wait_until_empty(sqs, entrant.queue_url)
    seconds = time.monotonic() - began
    entrant.stop()
    return len(bodies) / seconds


def trickle(
    aws: Emulator, entrant: Entrant, bodies: Sequence[str], *, per_second: float
) -> list[float]:
    """Send a contender one event after the other, at a steady rate; return the latencies."""
    sqs = aws.client("sqs")
    began = time.monotonic()
    entrant.start(len(bodies))
    for number, body in enumerate(bodies):
        time.sleep(max(0.0, began + number / per_second - time.monotonic()))
        send(sqs, entrant.queue_url, [body])
    _wait_until_empty(sqs, entrant.queue_url)
    return entrant.stop()


def _wait_until_empty(sqs: Any, queue_url: str) -> None:
    for _ in polls(_MAX_SECONDS, interval=_POLL_SECONDS):
        if _is_empty(sqs, queue_url):
            return
    raise RuntimeError(f"{queue_url} is not empty after {_MAX_SECONDS:.0f} s.")


def _is_empty(sqs: Any, queue_url: str) -> bool:
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    response = sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=names)
    return all(response["Attributes"][name] == "0" for name in names)


def count_done(dynamodb: Any, table: str, attribute: str, value: str) -> int:
    """Return the number of items in a table whose attribute has this value."""
    pages = dynamodb.get_paginator("scan").paginate(
        TableName=table,
        Select="COUNT",
        FilterExpression="#attribute = :value",
        ExpressionAttributeNames={"#attribute": attribute},
        ExpressionAttributeValues={":value": {"S": value}},
    )
    return sum(page["Count"] for page in pages)
