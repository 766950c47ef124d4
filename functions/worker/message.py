"""A message as Lambda hands it over from SQS."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

# The last moment that a Python datetime can tell, in epoch milliseconds.
_LAST_MS = 253_402_300_799_999


@dataclass(frozen=True, slots=True)
class Message:
    """What the worker needs of a record of the event (AWS: "Using Lambda with Amazon SQS").

    Attributes
    ----------
    sent_at_ms
        When it was sent to the queue, in epoch milliseconds.
    receives
        How often it has been received, this time included.
    attributes
        Its message attributes, spelt as Lambda spells them (`stringValue`, `dataType`, …).
    """

    id: str
    receipt_handle: str
    body: str
    sent_at_ms: int
    receives: int
    attributes: Mapping[str, Mapping[str, Any]]

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> "Message":
        """Return the message in a record; only its id must be there."""
        system = record.get("attributes") or {}
        sent_at_ms = _whole_number(system.get("SentTimestamp"), time.time_ns() // 1_000_000)
        return cls(
            id=record["messageId"],
            receipt_handle=record.get("receiptHandle") or "",
            body=record.get("body") or "",
            sent_at_ms=min(sent_at_ms, _LAST_MS),
            receives=max(1, _whole_number(system.get("ApproximateReceiveCount"), 1)),
            attributes=record.get("messageAttributes") or {},
        )


def _whole_number(text: object, otherwise: int) -> int:
    return int(text) if isinstance(text, str) and text.isascii() and text.isdigit() else otherwise
