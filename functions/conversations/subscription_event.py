"""Reads the events of the subscription: one end of a conversation a message.

Genesys Cloud's event subscription sends such a body for each `event:conversation:end`. Checks run
in a fixed order, and the first that fails decides. A body therefore always has the same outcome,
whatever else is wrong with it.
"""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from conversations.end import ConversationEnd
from conversations.fields import (
    conversation_id,
    expected,
    from_ms,
    identifier,
    iso,
    json_object,
    list_or_empty,
    string_or_none,
    text,
    to_ms,
    utc,
)
from conversations.parsed import Accepted, Ignored, Reject, Rejected

EVENT_TYPE = "event:conversation:end"


def parse_subscription_event(
    body: str | None, sent_at_ms: int, queue_ids: Collection[str]
) -> Accepted | Ignored | Rejected:
    """Return the end in a message body, or why there is none for us.

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
    except Reject as reject:
        return reject.rejected


def _parse(body: str | None, sent_at_ms: int, queue_ids: Collection[str]) -> Accepted | Ignored:
    event = json_object(body)

    event_type = text(event, "eventType", "missing_event_type", "$")
    if event_type != EVENT_TYPE:
        return Ignored("other_event_type")

    attributes = event.get("attributes")
    if not isinstance(attributes, dict):
        raise Reject("invalid_field", expected("$.attributes", "an object", attributes))
    conversation = conversation_id(attributes, "$.attributes")
    queue_id = _queue_id(attributes)
    ended_at, dated = _ended_at(event.get("eventTime"), sent_at_ms)
    if queue_id not in queue_ids:
        return Ignored("other_queue")

    participants = list_or_empty(attributes.get("participants"))
    customer = _customer(participants)
    queue = attributes.get("queue")
    end = ConversationEnd(
        conversation_id=conversation,
        queue_id=queue_id,
        queue_name=string_or_none(queue.get("name")) if isinstance(queue, dict) else None,
        ended_at=iso(ended_at),
        media_type=string_or_none(customer.get("mediaType")),
        direction=string_or_none(customer.get("direction")),
        disconnect_type=string_or_none(customer.get("disconnectType")),
        participants=participants,
        metrics=list_or_empty(attributes.get("metrics")),
        source="subscription",
        sequence=1,
        raw=event,
    )
    return Accepted(end, to_ms(ended_at), dated)


def _queue_id(attributes: dict[str, Any]) -> str:
    if attributes.get("queueId") in (None, "") and attributes.get("queue") is not None:
        queue = attributes["queue"]
        if not isinstance(queue, dict):
            raise Reject("invalid_field", expected("$.attributes.queue", "an object", queue))
        return identifier(queue, "id", "missing_queue_id", "$.attributes.queue")
    return identifier(attributes, "queueId", "missing_queue_id", "$.attributes")


def _ended_at(event_time: object, sent_at_ms: int) -> tuple[datetime, bool]:
    """Return the end's time in UTC, and whether it is the event's own."""
    if event_time is None:
        return from_ms(sent_at_ms), False
    if not isinstance(event_time, str):
        raise Reject("invalid_field", expected("$.eventTime", "an ISO 8601 time", event_time))
    return utc(event_time, "$.eventTime"), True


def _customer(participants: list[Any]) -> dict[str, Any]:
    """Return the customer's participant, else the first one, else an empty one."""
    known = [participant for participant in participants if isinstance(participant, dict)]
    for participant in known:
        if participant.get("purpose") in ("customer", "external"):
            return participant
    return known[0] if known else {}
