"""From a message body to the end of a conversation, or to the reason why it is none.

The body is the one that Genesys Cloud's event subscription sends for `event:conversation:end`.
Checks run in a fixed order and the first that fails decides, so that a body always has the same
one outcome, whatever else is wrong with it.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import msgspec

from conversations.end import ConversationEnd

EVENT_TYPE = "event:conversation:end"
# Bytes that the key of an item in DynamoDB can hold; Genesys Cloud's ids have 36.
LONGEST_ID = 2048

RejectReason = Literal[
    "empty_body",
    "not_json",
    "not_an_object",
    "missing_event_type",
    "missing_conversation_id",
    "missing_queue_id",
    "invalid_field",
    "destination_refused",
]
IgnoreReason = Literal["other_event_type", "other_queue"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Accepted:
    """An end of ours.

    Attributes
    ----------
    end
        What destinations get.
    ended_at_ms
        When it ended, in epoch milliseconds.
    dated
        Whether the event has a time of its own; otherwise the message's sent time stands in.
    """

    end: ConversationEnd
    ended_at_ms: int
    dated: bool


@dataclass(frozen=True, slots=True)
class Ignored:
    """A sound event that is not for us."""

    reason: IgnoreReason


@dataclass(frozen=True, slots=True)
class Rejected:
    """A body that can never be processed: a fixed word, and what was expected where."""

    reason: RejectReason
    detail: str


class _Reject(Exception):
    def __init__(self, reason: RejectReason, detail: str) -> None:
        self.rejected = Rejected(reason, detail)


def parse(
    body: str | None, sent_at_ms: int, queue_ids: Collection[str]
) -> Accepted | Ignored | Rejected:
    """Return what a message body is.

    Parameters
    ----------
    body
        The message's body.
    sent_at_ms
        When the message was sent (SQS `SentTimestamp`, epoch milliseconds): the end's time where
        the event has none.
    queue_ids
        The ids of our queues.

    Returns
    -------
    Accepted | Ignored | Rejected
        Exactly one of them for every input; never raises.
    """
    try:
        return _parse(body, sent_at_ms, queue_ids)
    except _Reject as reject:
        return reject.rejected


def _parse(body: str | None, sent_at_ms: int, queue_ids: Collection[str]) -> Accepted | Ignored:
    event = _object(body)

    event_type = _text(event, "eventType", "missing_event_type", "$")
    if event_type != EVENT_TYPE:
        return Ignored("other_event_type")

    attributes = event.get("attributes")
    if not isinstance(attributes, dict):
        raise _Reject("invalid_field", _expected("$.attributes", "an object", attributes))
    conversation_id = _identifier(
        attributes, "conversationId", "missing_conversation_id", "$.attributes"
    )
    if len(conversation_id.encode()) > LONGEST_ID:
        raise _Reject(
            "invalid_field",
            f"$.attributes.conversationId: expected an id of at most {LONGEST_ID} bytes",
        )
    queue_id = _queue_id(attributes)
    ended_at, dated = _ended_at(event.get("eventTime"), sent_at_ms)
    if queue_id not in queue_ids:
        return Ignored("other_queue")

    participants = _list(attributes.get("participants"))
    customer = _customer(participants)
    queue = attributes.get("queue")
    end = ConversationEnd(
        conversation_id=conversation_id,
        queue_id=queue_id,
        queue_name=_string_or_none(queue.get("name")) if isinstance(queue, dict) else None,
        ended_at=ended_at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        media_type=_string_or_none(customer.get("mediaType")),
        direction=_string_or_none(customer.get("direction")),
        disconnect_type=_string_or_none(customer.get("disconnectType")),
        participants=participants,
        metrics=_list(attributes.get("metrics")),
        source="subscription",
        sequence=1,
        raw=event,
    )
    return Accepted(end, (ended_at - _EPOCH) // timedelta(milliseconds=1), dated)


def _object(body: str | None) -> dict[str, Any]:
    if not body:
        raise _Reject("empty_body", "expected a JSON object, got an empty body")
    try:
        event = msgspec.json.decode(body)
    except msgspec.DecodeError as error:
        raise _Reject("not_json", f"expected a JSON object: {error}") from None
    except UnicodeEncodeError:
        raise _Reject("not_json", "expected a JSON object, got text that is no Unicode") from None
    except RecursionError:
        raise _Reject("not_json", "expected a JSON object, got one nested too deeply") from None
    if not isinstance(event, dict):
        raise _Reject("not_an_object", _expected("$", "an object", event))
    return event


def _text(holder: dict[str, Any], key: str, missing: RejectReason, path: str) -> str:
    value = holder.get(key)
    if value is None:
        raise _Reject(missing, f"{path}.{key}: expected a string, got nothing")
    if not isinstance(value, str):
        raise _Reject("invalid_field", _expected(f"{path}.{key}", "a string", value))
    return value


def _identifier(holder: dict[str, Any], key: str, missing: RejectReason, path: str) -> str:
    value = _text(holder, key, missing, path)
    if not value:
        raise _Reject(missing, f"{path}.{key}: expected an id, got an empty string")
    return value


def _queue_id(attributes: dict[str, Any]) -> str:
    if attributes.get("queueId") in (None, "") and attributes.get("queue") is not None:
        queue = attributes["queue"]
        if not isinstance(queue, dict):
            raise _Reject("invalid_field", _expected("$.attributes.queue", "an object", queue))
        return _identifier(queue, "id", "missing_queue_id", "$.attributes.queue")
    return _identifier(attributes, "queueId", "missing_queue_id", "$.attributes")


def _ended_at(event_time: object, sent_at_ms: int) -> tuple[datetime, bool]:
    """Return the end's time in UTC, and whether it is the event's own."""
    if event_time is None:
        return _EPOCH + timedelta(milliseconds=sent_at_ms), False
    if not isinstance(event_time, str):
        raise _Reject("invalid_field", _expected("$.eventTime", "an ISO 8601 time", event_time))
    try:
        time = datetime.fromisoformat(event_time)
        # Genesys Cloud writes UTC; a time that does not say its zone is taken as that.
        time = time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    except (ValueError, OverflowError):
        raise _Reject(
            "invalid_field", "$.eventTime: expected an ISO 8601 time, got text that is none"
        ) from None
    return time, True


def _customer(participants: list[Any]) -> dict[str, Any]:
    """Return the customer's participant, else the first one, else an empty one."""
    known = [participant for participant in participants if isinstance(participant, dict)]
    for participant in known:
        if participant.get("purpose") in ("customer", "external"):
            return participant
    return known[0] if known else {}


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _string_or_none(value: object) -> str | None:
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


def _expected(path: str, what: str, value: object) -> str:
    # The value itself stays out: details are logged, and a body can hold personal data.
    return f"{path}: expected {what}, got {_JSON_TYPES[type(value)]}"
