"""What Lambda calls the worker with: records of SQS messages, and the time it has left."""

import base64
import time
from typing import Any

SENT_AT = 1_795_428_005_000
"""When messages were sent unless a test says otherwise: 2026-11-23T10:00:05Z, epoch ms."""


def record(
    body: str | None,
    message_id: str = "m-1",
    *,
    receives: int = 1,
    sent_at: int = SENT_AT,
    attributes: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Return a record as in "Using Lambda with Amazon SQS"; its receipt handle is `r:<id>`."""
    return {
        "messageId": message_id,
        "receiptHandle": f"r:{message_id}",
        "body": body,
        "attributes": {
            "ApproximateReceiveCount": str(receives),
            "SentTimestamp": str(sent_at),
            "SenderId": "AIDAIENQZJOLO23YVJ4VO",
            "ApproximateFirstReceiveTimestamp": str(sent_at + 1),
        },
        "messageAttributes": attributes or {},
        "md5OfBody": "e4e68fb7bd0e697a0ae8f1bb342846b3",
        "eventSource": "aws:sqs",
        "eventSourceARN": "arn:aws:sqs:eu-west-1:111122223333:queue-ends-dev-intake",
        "awsRegion": "eu-west-1",
    }


def records(*bodies: str | None) -> list[dict[str, Any]]:
    """Return a record for each body, with the ids `m-1`, `m-2`, …"""
    return [record(body, f"m-{number}") for number, body in enumerate(bodies, 1)]


def text(value: str, data_type: str = "String") -> dict[str, Any]:
    """Return a message attribute that is text or a number, as Lambda spells it."""
    return {"stringValue": value, "dataType": data_type} | _NO_LISTS


def binary(value: bytes, data_type: str = "Binary") -> dict[str, Any]:
    """Return a message attribute that is binary, as Lambda spells it."""
    return {"binaryValue": base64.b64encode(value).decode(), "dataType": data_type} | _NO_LISTS


_NO_LISTS: dict[str, Any] = {"stringListValues": [], "binaryListValues": []}


class Countdown:
    """An invocation's context whose time really passes."""

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds
        self.aws_request_id = "00000000-0000-4000-8000-000000000000"

    def get_remaining_time_in_millis(self) -> int:
        return int((self._end - time.monotonic()) * 1000)
