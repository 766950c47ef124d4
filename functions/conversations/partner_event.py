"""Reads the events of the EventBridge integration: one event of a conversation a message.

The body is the EventBridge event as it is (Genesys Cloud: "Amazon EventBridge integration"). Checks
run in a fixed order, and the first that fails decides, as with the subscription's bodies.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from conversations.fields import (
    conversation_id,
    expected,
    from_ms,
    json_object,
    string_or_none,
    text,
    to_ms,
    utc,
)
from conversations.parsed import Ignored, Reject, Rejected
from conversations.topics import CUSTOMER_END, QUEUE_TOPICS, TOPIC_PREFIX

# The type of the event that the worker sends itself; see `conversations.end_rules.LastQueue`.
SETTLE = "queue-ends.settle"
_TOPICS = frozenset({*QUEUE_TOPICS, CUSTOMER_END})
_TIME = "epoch milliseconds or an ISO 8601 time"


@dataclass(frozen=True, slots=True)
class PartnerEvent:
    """An event of a conversation.

    Attributes
    ----------
    topic
        The last part of its topic: `customer.end`, `acd.end`, … or `SETTLE`.
    queue_id
        The queue of ours that it names; None with `customer.end` and `SETTLE`.
    at_ms
        The event's time in epoch milliseconds; with `SETTLE` that of the end to decide on.
    has_own_time
        Whether the event has a time of its own; otherwise the message's sent time stands in.
    interacting_ms
        How long an agent talked or wrote with the customer; 0 where the event does not say.
    raw
        The whole event as it came.
    """

    conversation_id: str
    topic: str
    queue_id: str | None
    at_ms: int
    has_own_time: bool
    media_type: str | None
    direction: str | None
    disconnect_type: str | None
    acd_outcome: str | None
    interacting_ms: float
    raw: dict[str, Any]

    @property
    def is_transfer(self) -> bool:
        """Whether the participant left because the conversation went on elsewhere."""
        return (self.disconnect_type or "").endswith("TRANSFER")

    @property
    def ends_conversation(self) -> bool:
        """Whether the customer has left for good."""
        return self.topic == CUSTOMER_END and not self.is_transfer


def parse_partner_event(
    body: str | None, sent_at_ms: int, queue_ids: Collection[str]
) -> PartnerEvent | Ignored | Rejected:
    """Return the event in a message body, or why there is none for us.

    Parameters
    ----------
    sent_at_ms
        When the message was sent, in epoch milliseconds: the event's time where it has none.
    queue_ids
        The ids of our queues.

    Returns
    -------
    PartnerEvent | Ignored | Rejected
        Exactly one of them for every input; never raises.
    """
    try:
        return _parse(body, sent_at_ms, queue_ids)
    except Reject as reject:
        return reject.rejected


def _parse(body: str | None, sent_at_ms: int, queue_ids: Collection[str]) -> PartnerEvent | Ignored:
    event = json_object(body)
    event_type = text(event, "detail-type", "missing_event_type", "$")
    topic = event_type.removeprefix(TOPIC_PREFIX)
    if event_type == SETTLE:
        return _settle(event)
    if topic == event_type or topic not in _TOPICS:
        return Ignored("other_event_type")

    detail = _object(event, "detail", "$")
    fields, path = _object(detail, "eventBody", "$.detail"), "$.detail.eventBody"
    conversation = conversation_id(fields, path)
    queue_id = None
    # A customer's end has no queue, and an agent's has none in a call that came through no queue.
    if topic != CUSTOMER_END and fields.get("queueId") is not None:
        queue_id = text(fields, "queueId", "missing_queue_id", path)
    own_time = _time(fields, "eventTime", path)
    if topic != CUSTOMER_END and queue_id not in queue_ids:
        return Ignored("other_queue")
    return PartnerEvent(
        conversation_id=conversation,
        topic=topic,
        queue_id=queue_id,
        at_ms=sent_at_ms if own_time is None else own_time,
        has_own_time=own_time is not None,
        media_type=string_or_none(fields.get("mediaType")),
        direction=string_or_none(fields.get("direction")),
        disconnect_type=string_or_none(fields.get("disconnectType")),
        acd_outcome=string_or_none(fields.get("acdOutcome")),
        interacting_ms=_number_or_zero(fields.get("interactingDurationMs")),
        raw=event,
    )


def _settle(event: dict[str, Any]) -> PartnerEvent:
    detail, path = _object(event, "detail", "$"), "$.detail"
    conversation = conversation_id(detail, path)
    at_ms = _time(detail, "endedAt", path)
    if at_ms is None:
        raise Reject("invalid_field", expected(f"{path}.endedAt", _TIME, None))
    return PartnerEvent(
        conversation, SETTLE, None, at_ms, True, None, None, None, None, 0, event
    )  # fmt: skip


def _object(holder: dict[str, Any], key: str, path: str) -> dict[str, Any]:
    value = holder.get(key)
    if not isinstance(value, dict):
        raise Reject("invalid_field", expected(f"{path}.{key}", "an object", value))
    return value


def _time(holder: dict[str, Any], key: str, path: str) -> int | None:
    """Return a field that is a time in epoch milliseconds; None where there is none.

    Detail events have epoch milliseconds, other topics ISO 8601.
    """
    time = holder.get(key)
    if time is None:
        return None
    if isinstance(time, str):
        return to_ms(utc(time, f"{path}.{key}"))
    if isinstance(time, int | float) and not isinstance(time, bool):
        try:
            return to_ms(from_ms(int(time)))
        except OverflowError:
            pass
    raise Reject("invalid_field", expected(f"{path}.{key}", _TIME, time))


def _number_or_zero(value: object) -> float:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else 0
