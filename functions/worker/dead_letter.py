"""A message for the dead-letter queue: an unchanged body, and the reason as attributes."""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from conversations.parsed import Rejected
from intake.sending import MAX_BYTES
from worker.messages import Message

# A limit of SQS (see "Amazon SQS message quotas" in the AWS documentation).
MAX_ATTRIBUTES = 10


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message to send to the dead-letter queue.

    Attributes
    ----------
    size
        The size of the body and the attributes, in bytes as SQS counts them.
    """

    message: Message
    rejected: Rejected
    attributes: dict[str, Any]
    size: int


def make_dead_letter(message: Message, rejected: Rejected) -> DeadLetter | None:
    """Return a dead letter within the size limit; None if the body leaves no room for the reason.

    The detail is shortened if necessary. The message keeps as many of its own attributes as fit.
    """
    detail = rejected.detail
    attributes = {
        "reason": _string_attribute(rejected.reason),
        "detail": _string_attribute(detail),
        "source_message_id": _string_attribute(message.id),
    }
    size = len(message.body.encode("utf-8", "surrogatepass"))
    size += sum(_attribute_size(name, attribute) for name, attribute in attributes.items())
    if size > MAX_BYTES:
        # The detail is ASCII, so each character that is cut saves one byte.
        kept_length = len(detail) - (size - MAX_BYTES) - len("…".encode())
        if kept_length < 0:
            return None
        attributes["detail"] = _string_attribute(detail[:kept_length] + "…")
        size = MAX_BYTES
    for name, lambda_attribute in message.attributes.items():
        attribute = _to_sqs_attribute(lambda_attribute)
        if attribute is None or name in attributes or len(attributes) == MAX_ATTRIBUTES:
            continue
        attribute_size = _attribute_size(name, attribute)
        if size + attribute_size <= MAX_BYTES:
            attributes[name] = attribute
            size += attribute_size
    return DeadLetter(message, rejected, attributes, size)


def _string_attribute(value: str) -> dict[str, Any]:
    return {"DataType": "String", "StringValue": value}


def _to_sqs_attribute(lambda_attribute: Mapping[str, Any]) -> dict[str, Any] | None:
    """Convert an attribute from Lambda's format to SQS's; return None if SQS would refuse it."""
    data_type = lambda_attribute.get("dataType")
    if not data_type:
        return None
    if string := lambda_attribute.get("stringValue"):
        return {"DataType": data_type, "StringValue": string}
    try:
        binary = base64.b64decode(lambda_attribute.get("binaryValue") or "", validate=True)
    except (binascii.Error, TypeError, ValueError):
        return None
    return {"DataType": data_type, "BinaryValue": binary} if binary else None


def _attribute_size(name: str, attribute: Mapping[str, Any]) -> int:
    content = attribute.get("StringValue", "").encode() or attribute.get("BinaryValue", b"")
    return len(name.encode()) + len(attribute["DataType"].encode()) + len(content)
