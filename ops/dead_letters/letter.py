"""A dead letter: a message of the dead-letter queue or of the undelivered queue."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

RECEIVES_EXHAUSTED = "receives_exhausted"
"""The reason of a message that SQS moved after its last receive. No attribute holds this word."""

# The attributes with which the worker rejects a message, and those that EventBridge adds to an
# event that it could not deliver (see "Using dead-letter queues" in the EventBridge User Guide).
_REASON, _DETAIL = "reason", "detail"
_ERROR_CODE, _ERROR_MESSAGE = "ERROR_CODE", "ERROR_MESSAGE"


@dataclass(frozen=True, slots=True)
class Letter:
    """A message as SQS returned it.

    Attributes
    ----------
    attributes
        The message attributes, in the format of `ReceiveMessage`.
    system_attributes
        The attributes that SQS adds, such as `SentTimestamp`.
    """

    id: str
    receipt_handle: str
    body: str
    attributes: Mapping[str, Mapping[str, Any]]
    system_attributes: Mapping[str, str]

    @classmethod
    def from_message(cls, message: Mapping[str, Any]) -> "Letter":
        return cls(
            message["MessageId"],
            message["ReceiptHandle"],
            message.get("Body", ""),
            message.get("MessageAttributes", {}),
            message.get("Attributes", {}),
        )

    @property
    def reason(self) -> str:
        """Why the message is dead: a word of the worker, a code of EventBridge, or exhaustion."""
        if self.is_exhausted:
            return RECEIVES_EXHAUSTED
        return self._text(_REASON) or self._text(_ERROR_CODE)

    @property
    def error(self) -> str:
        """The explanation that the message carries; empty if SQS moved the message."""
        if self.is_exhausted:
            return ""
        return self._text(_DETAIL) or self._text(_ERROR_MESSAGE)

    @property
    def is_exhausted(self) -> bool:
        """Whether SQS moved the message, after its last receive.

        SQS then names the queue that the message came from. A redriven message keeps the reason of
        its first death, so the reason alone does not tell.
        """
        if "DeadLetterQueueSourceArn" in self.system_attributes:
            return True
        return not (self._text(_REASON) or self._text(_ERROR_CODE))

    @property
    def sent_at_ms(self) -> int:
        """When the message was sent, in epoch milliseconds.

        SQS keeps this time if it moves the message. If the worker rejects the message, the time is
        that of the reject.
        """
        return _whole_number(self.system_attributes.get("SentTimestamp"))

    @property
    def sent_at(self) -> str:
        """The time `sent_at_ms` in UTC, in ISO 8601."""
        return utc(self.sent_at_ms)

    def as_json(self) -> dict[str, Any]:
        """Return all that the message holds; binary attributes are in base64."""
        return {
            "id": self.id,
            "reason": self.reason,
            "error": self.error,
            "sent_at": self.sent_at,
            "system_attributes": dict(self.system_attributes),
            "attributes": {name: _readable(value) for name, value in self.attributes.items()},
            "body": self.body,
        }

    def _text(self, attribute: str) -> str:
        return str(self.attributes.get(attribute, {}).get("StringValue", ""))


def utc(epoch_ms: int) -> str:
    """Return epoch milliseconds as a time in UTC, such as `2026-11-23T10:00:05Z`."""
    return datetime.fromtimestamp(epoch_ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _readable(attribute: Mapping[str, Any]) -> dict[str, str]:
    value = {"type": attribute["DataType"]}
    if "BinaryValue" in attribute:
        return {**value, "base64": base64.b64encode(attribute["BinaryValue"]).decode()}
    return {**value, "value": attribute.get("StringValue", "")}


def _whole_number(text: str | None) -> int:
    return int(text) if text and text.isascii() and text.isdigit() else 0
