"""Events on their way to a contender's queue, with the time at which they were sent."""

import json
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

_MESSAGES_PER_CALL = 10


def send(sqs: Any, queue_url: str, bodies: Sequence[str]) -> None:
    """Send events that end now."""
    for start in range(0, len(bodies), _MESSAGES_PER_CALL):
        entries = [
            {"Id": str(number), "MessageBody": _ending_now(body)}
            for number, body in enumerate(bodies[start : start + _MESSAGES_PER_CALL])
        ]
        response = sqs.send_message_batch(QueueUrl=queue_url, Entries=entries)
        if response.get("Failed"):
            raise RuntimeError(f"{queue_url} refused messages: {response['Failed']}")


def milliseconds_since_end(event: Any, until: float | None = None) -> int:
    """Return the milliseconds from an event's time until a time in epoch seconds, or until now."""
    ended = datetime.fromisoformat(event["eventTime"]).timestamp()
    return round(((until or time.time()) - ended) * 1000)


def _ending_now(body: str) -> str:
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    return json.dumps({**json.loads(body), "eventTime": now})
