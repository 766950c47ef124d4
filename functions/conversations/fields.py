"""Reads and validates the fields of a message body.

Each function whose name starts with `parse_` or `require_` returns a valid value, or raises
`RejectError` with the reason.
"""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from conversations.parsed import RejectError, RejectReason
from json_text import decode_json

# The limit of the ledger's partition key, the conversation id. Genesys Cloud's ids have 36 bytes.
MAX_ID_BYTES = 2048
# The longest of Genesys Cloud's words, `NOT_AVAILABLE_TRANSFER`, has 22 bytes.
MAX_WORD_BYTES = 64

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_UUID = re.compile(r"[0-9A-Fa-f]{8}-(?:[0-9A-Fa-f]{4}-){3}[0-9A-Fa-f]{12}")


def parse_json_object(body: str | None) -> dict[str, Any]:
    """Return the JSON object that a body contains."""
    if not body:
        raise RejectError("empty_body", "expected a JSON object, got an empty body")
    try:
        event = decode_json(body)
    except msgspec.DecodeError as error:
        raise RejectError("not_json", f"expected a JSON object: {error}") from None
    if not isinstance(event, dict):
        raise RejectError("not_an_object", describe_type_mismatch("$", "an object", event))
    return event


def require_string(
    parent: dict[str, Any], key: str, missing_reason: RejectReason, parent_path: str
) -> str:
    """Return the value of a field that must be a string.

    Parameters
    ----------
    parent, parent_path
        The object that should have the field, and this object's path in the body, such as
        `$.detail`.
    missing_reason
        The reason for the rejection if the field is missing.
    """
    value = parent.get(key)
    if value is None:
        raise RejectError(missing_reason, f"{parent_path}.{key}: expected a string, got nothing")
    if not isinstance(value, str):
        raise RejectError(
            "invalid_field", describe_type_mismatch(f"{parent_path}.{key}", "a string", value)
        )
    return value


def require_identifier(
    parent: dict[str, Any], key: str, missing_reason: RejectReason, parent_path: str
) -> str:
    """Return the value of a field that must be a non-empty string.

    An empty string counts as missing. The parameters are those of `require_string`.
    """
    value = require_string(parent, key, missing_reason, parent_path)
    if not value:
        raise RejectError(
            missing_reason, f"{parent_path}.{key}: expected an id, got an empty string"
        )
    return value


def normalize_id(value: str) -> str:
    """Return an id as Genesys Cloud writes it: a UUID in lower case, any other id unchanged."""
    # Nearly all ids are in lower case already, so the regular expression rarely runs.
    if value.islower() or not _UUID.fullmatch(value):
        return value
    return value.lower()


def require_conversation_id(parent: dict[str, Any], parent_path: str) -> str:
    """Return the normalized `conversationId`, which must be short enough for the ledger's key."""
    conversation_id = normalize_id(
        require_identifier(parent, "conversationId", "missing_conversation_id", parent_path)
    )
    if len(conversation_id.encode()) > MAX_ID_BYTES:
        raise RejectError(
            "invalid_field",
            f"{parent_path}.conversationId: expected an id of at most {MAX_ID_BYTES} bytes",
        )
    return conversation_id


def parse_utc(iso_time: str, field_path: str) -> datetime:
    """Return the ISO 8601 time of a field as a datetime in UTC."""
    try:
        time = datetime.fromisoformat(iso_time)
        # Genesys Cloud's times are UTC, so a time without a zone is UTC too.
        return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    except (ValueError, OverflowError):
        raise RejectError(
            "invalid_field", f"{field_path}: expected an ISO 8601 time, got another string"
        ) from None


def to_epoch_ms(time: datetime) -> int:
    """Return a datetime as epoch milliseconds, rounded down."""
    since = time - _EPOCH
    # A division by a timedelta would take five times as long.
    return (since.days * 86_400 + since.seconds) * 1000 + since.microseconds // 1000


def from_epoch_ms(milliseconds: int) -> datetime:
    """Return epoch milliseconds as a datetime in UTC.

    Raises
    ------
    OverflowError
        The time lies outside of the years 1 to 9999.
    """
    return _EPOCH + timedelta(milliseconds=milliseconds)


def format_utc(time: datetime) -> str:
    """Return a datetime in UTC as an ISO 8601 string such as `2026-11-23T10:00:00.000Z`."""
    return time.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def list_or_empty(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def string_or_none(value: object) -> str | None:
    return value if isinstance(value, str) else None


def word_or_none(value: object) -> str | None:
    """Return a word such as `ENDPOINT`; None for anything else, and for an absurdly long text.

    Of such words, a history can hold hundreds.
    """
    if not isinstance(value, str) or len(value.encode()) > MAX_WORD_BYTES:
        return None
    return value


_JSON_TYPES = {
    type(None): "nothing",
    bool: "a boolean",
    int: "a number",
    float: "a number",
    str: "a string",
    list: "an array",
    dict: "an object",
}


def describe_type_mismatch(field_path: str, expected_type: str, value: object) -> str:
    """Return a rejection's `detail`, which names the field, the expected type and the actual type.

    `value` is the field's value; None if the field is missing.
    """
    # The detail omits the value, because the log must not contain personal data.
    return f"{field_path}: expected {expected_type}, got {_JSON_TYPES[type(value)]}"
