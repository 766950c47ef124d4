"""Fields of a message body: each is read and checked, or rejected with a reason."""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from conversations.parsed import Reject, RejectReason

# The bytes that the key of the ledger's store can hold; Genesys Cloud's ids have 36.
LONGEST_ID = 2048

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def json_object(body: str | None) -> dict[str, Any]:
    """Return the JSON object in a body."""
    if not body:
        raise Reject("empty_body", "expected a JSON object, got an empty body")
    try:
        event = msgspec.json.decode(body)
    except msgspec.DecodeError as error:
        raise Reject("not_json", f"expected a JSON object: {error}") from None
    except UnicodeEncodeError:
        raise Reject("not_json", "expected a JSON object, got text that is no Unicode") from None
    except RecursionError:
        raise Reject("not_json", "expected a JSON object, got one nested too deeply") from None
    if not isinstance(event, dict):
        raise Reject("not_an_object", expected("$", "an object", event))
    return event


def text(holder: dict[str, Any], key: str, missing: RejectReason, path: str) -> str:
    """Return a field that must be a string."""
    value = holder.get(key)
    if value is None:
        raise Reject(missing, f"{path}.{key}: expected a string, got nothing")
    if not isinstance(value, str):
        raise Reject("invalid_field", expected(f"{path}.{key}", "a string", value))
    return value


def identifier(holder: dict[str, Any], key: str, missing: RejectReason, path: str) -> str:
    """Return a field that must be a string, and not an empty one."""
    value = text(holder, key, missing, path)
    if not value:
        raise Reject(missing, f"{path}.{key}: expected an id, got an empty string")
    return value


def conversation_id(holder: dict[str, Any], path: str) -> str:
    """Return the conversation's id, which must fit into the ledger's key."""
    found = identifier(holder, "conversationId", "missing_conversation_id", path)
    if len(found.encode()) > LONGEST_ID:
        raise Reject(
            "invalid_field",
            f"{path}.conversationId: expected an id of at most {LONGEST_ID} bytes",
        )
    return found


def utc(event_time: str, path: str) -> datetime:
    """Return an ISO 8601 time in UTC."""
    try:
        time = datetime.fromisoformat(event_time)
        # Genesys Cloud writes UTC: a time without a zone is taken as UTC.
        return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    except (ValueError, OverflowError):
        raise Reject(
            "invalid_field", f"{path}: expected an ISO 8601 time, got text that is none"
        ) from None


def to_ms(time: datetime) -> int:
    """Return a time in epoch milliseconds."""
    return (time - _EPOCH) // timedelta(milliseconds=1)


def from_ms(milliseconds: int) -> datetime:
    """Return the time, in UTC, at epoch milliseconds; raises OverflowError beyond year 9999."""
    return _EPOCH + timedelta(milliseconds=milliseconds)


def iso(time: datetime) -> str:
    """Return a time in UTC in the format of `ended_at`: `2026-11-23T10:00:00.000Z`."""
    return time.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def list_or_empty(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def string_or_none(value: object) -> str | None:
    return value if isinstance(value, str) else None


_JSON_TYPES = {
    type(None): "nothing",
    bool: "a boolean",
    int: "a number",
    float: "a number",
    str: "a string",
    list: "an array",
    dict: "an object",
}


def expected(path: str, what: str, value: object) -> str:
    """Return a sentence on the value that was expected at a path, and the type of that found."""
    # It leaves the value out: details are logged, and a body can hold personal data.
    return f"{path}: expected {what}, got {_JSON_TYPES[type(value)]}"
