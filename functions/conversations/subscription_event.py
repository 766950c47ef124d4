"""Parses subscription events, which Genesys Cloud's event subscription sends.

A message body is one `event:conversation:end` event, which reports that a conversation has ended in
a queue. The fields are checked in a fixed order; the first mistake decides on the reason.
"""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from conversations.end import ConversationEnd, make_end_id
from conversations.fields import (
    describe_type_mismatch,
    format_utc,
    from_epoch_ms,
    list_or_empty,
    normalize_id,
    parse_json_object,
    parse_utc,
    require_conversation_id,
    require_identifier,
    require_string,
    string_or_none,
    to_epoch_ms,
)
from conversations.parsed import Accepted, Ignored, Rejected, RejectError

EVENT_TYPE = "event:conversation:end"


def parse_subscription_event(
    body: str | None, sent_at_ms: int, queue_ids: Collection[str]
) -> Accepted | Ignored | Rejected:
    """Return the end in a message body, or the reason why there is none; never raise.

    Parameters
    ----------
    sent_at_ms
        When the message was sent, in epoch milliseconds. It replaces a missing event time.
    queue_ids
        The ids of our queues.
    """
    try:
        return _parse(body, sent_at_ms, queue_ids)
    except RejectError as error:
        return error.rejected


def _parse(body: str | None, sent_at_ms: int, queue_ids: Collection[str]) -> Accepted | Ignored:
    event = parse_json_object(body)

    event_type = require_string(event, "eventType", "missing_event_type", "$")
    if event_type != EVENT_TYPE:
        return Ignored("other_event_type")

    attributes = event.get("attributes")
    if not isinstance(attributes, dict):
        raise RejectError(
            "invalid_field", describe_type_mismatch("$.attributes", "an object", attributes)
        )
    conversation_id = require_conversation_id(attributes, "$.attributes")
    queue_id = normalize_id(_require_queue_id(attributes))
    ended_at, has_own_time = _parse_end_time(event.get("eventTime"), sent_at_ms)
    if queue_id not in queue_ids:
        return Ignored("other_queue")

    ended_at_ms = to_epoch_ms(ended_at)
    participants = list_or_empty(attributes.get("participants"))
    customer = _find_customer(participants)
    queue = attributes.get("queue")
    end = ConversationEnd(
        conversation_id=conversation_id,
        queue_id=queue_id,
        queue_name=string_or_none(queue.get("name")) if isinstance(queue, dict) else None,
        ended_at=format_utc(ended_at),
        media_type=string_or_none(customer.get("mediaType")),
        direction=string_or_none(customer.get("direction")),
        disconnect_type=string_or_none(customer.get("disconnectType")),
        participants=participants,
        metrics=list_or_empty(attributes.get("metrics")),
        source="subscription",
        sequence=1,
        end_id=make_end_id(conversation_id, queue_id, ended_at_ms),
        details="none",
        conversation_start=None,
        raw=event,
    )
    return Accepted(end, ended_at_ms, has_own_time)


def _require_queue_id(attributes: dict[str, Any]) -> str:
    """Return the queue's id, which is in `queueId` or in `queue.id`."""
    if attributes.get("queueId") in (None, "") and attributes.get("queue") is not None:
        queue = attributes["queue"]
        if not isinstance(queue, dict):
            raise RejectError(
                "invalid_field", describe_type_mismatch("$.attributes.queue", "an object", queue)
            )
        return require_identifier(queue, "id", "missing_queue_id", "$.attributes.queue")
    return require_identifier(attributes, "queueId", "missing_queue_id", "$.attributes")


def _parse_end_time(event_time: object, sent_at_ms: int) -> tuple[datetime, bool]:
    """Return the end's time in UTC, and whether the event has a time of its own."""
    if event_time is None:
        return from_epoch_ms(sent_at_ms), False
    if not isinstance(event_time, str):
        raise RejectError(
            "invalid_field", describe_type_mismatch("$.eventTime", "an ISO 8601 time", event_time)
        )
    return parse_utc(event_time, "$.eventTime"), True


def _find_customer(participants: list[Any]) -> dict[str, Any]:
    """Return the first participant who is a customer or another external person.

    If there is none, return the first participant; if there are no participants, {}.
    """
    valid_participants = [
        participant for participant in participants if isinstance(participant, dict)
    ]
    for participant in valid_participants:
        if participant.get("purpose") in ("customer", "external"):
            return participant
    return valid_participants[0] if valid_participants else {}
