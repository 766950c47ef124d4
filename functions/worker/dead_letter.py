"""A message for the dead-letter queue: an unchanged body, and the reason as attributes."""

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from conversations.fields import string_or_none
from conversations.parsed import Rejected
from intake.sending import MAX_BYTES
from json_text import REPLACEMENT
from worker.messages import Message

# A limit of SQS (see "Amazon SQS message quotas" in the AWS documentation).
MAX_ATTRIBUTES = 10
# The characters of a message, and the names, types and numbers that a message attribute can have
# (see "SendMessage" in the "Amazon SQS API Reference" and "Amazon SQS message metadata").
_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_NAME = re.compile(r"(?!aws\.|amazon\.|\.)(?!.*\.\.)[a-z0-9_.-]{1,256}(?<!\.)", re.IGNORECASE)
_TYPE = re.compile(r"(String|Number|Binary)(\..{1,200})?")
_NUMBER = re.compile(r"[+-]?([0-9]{1,38}(\.[0-9]{0,38})?|\.[0-9]{1,38})([eE][+-]?[0-9]{1,3})?")


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
    detail = _FORBIDDEN.sub(REPLACEMENT, rejected.detail) or "no detail"
    attributes = {"reason": _string_attribute(rejected.reason), "detail": _string_attribute(detail)}
    if message.id:
        message_id = _FORBIDDEN.sub(REPLACEMENT, message.id)
        attributes["source_message_id"] = _string_attribute(message_id)
    size = len(message.body.encode("utf-8", "surrogatepass"))
    size += sum(_attribute_size(name, attribute) for name, attribute in attributes.items())
    if size > MAX_BYTES:
        kept_bytes = len(detail.encode()) - (size - MAX_BYTES) - len("…".encode())
        if kept_bytes < 0:
            return None
        shortened_detail = detail.encode()[:kept_bytes].decode(errors="ignore") + "…"
        attributes["detail"] = _string_attribute(shortened_detail)
        size = MAX_BYTES
    for name, lambda_attribute in message.attributes.items():
        attribute = _to_sqs_attribute(name, lambda_attribute)
        if attribute is None or name in attributes or len(attributes) == MAX_ATTRIBUTES:
            continue
        attribute_size = _attribute_size(name, attribute)
        if size + attribute_size <= MAX_BYTES:
            attributes[name] = attribute
            size += attribute_size
    return DeadLetter(message, rejected, attributes, size)


def _string_attribute(value: str) -> dict[str, Any]:
    return {"DataType": "String", "StringValue": value}


def _to_sqs_attribute(name: str, lambda_attribute: Mapping[str, Any]) -> dict[str, Any] | None:
    """Convert an attribute from Lambda's format to SQS's; return None if SQS would refuse it."""
    data_type = string_or_none(lambda_attribute.get("dataType")) or ""
    kind = _TYPE.fullmatch(data_type)
    if not kind or _FORBIDDEN.search(data_type) or not _NAME.fullmatch(name):
        return None
    if kind[1] == "Binary":
        try:
            binary = base64.b64decode(lambda_attribute.get("binaryValue") or "", validate=True)
        except (binascii.Error, TypeError, ValueError):
            return None
        return {"DataType": data_type, "BinaryValue": binary} if binary else None
    string = string_or_none(lambda_attribute.get("stringValue"))
    if not string or _FORBIDDEN.search(string):
        return None
    if kind[1] == "Number" and not _NUMBER.fullmatch(string):
        return None
    return {"DataType": data_type, "StringValue": string}


def _attribute_size(name: str, attribute: Mapping[str, Any]) -> int:
    content = attribute.get("StringValue", "").encode() or attribute.get("BinaryValue", b"")
    return len(name.encode()) + len(attribute["DataType"].encode()) + len(content)
