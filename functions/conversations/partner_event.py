"""Parses partner events, which arrive through the EventBridge integration.

A message body is one EventBridge event (see "Amazon EventBridge integration" in the Genesys Cloud
documentation). The fields are checked in a fixed order; the first mistake decides on the reason.
"""

import math
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from conversations.fields import (
    describe_type_mismatch,
    from_epoch_ms,
    normalize_id,
    parse_json_object,
    parse_utc,
    require_conversation_id,
    require_string,
    to_epoch_ms,
    word_or_none,
)
from conversations.parsed import Ignored, Rejected, RejectError
from conversations.topics import CUSTOMER_END, QUEUE_TOPICS, TOPIC_PREFIX

# The `detail-type` and the topic of the settle event, which the worker sends to itself (see
# `conversations.end_rules.last_queue`).
SETTLE = "queue-ends.settle"
_TOPICS = frozenset({*QUEUE_TOPICS, CUSTOMER_END})
_TIME_TYPES = "epoch milliseconds or an ISO 8601 time"
_DURATIONS = {
    "acd.end": ("connectedDurationMs",),
    "user.end": (
        "interactingDurationMs",
        "heldDurationMs",
        "alertingDurationMs",
        "contactingDurationMs",
        "dialingDurationMs",
        "callbackDurationMs",
    ),
}
_MAX_DURATION_MS = 100 * 366 * 24 * 3600 * 1000
# With these values of `disconnectType`, no agent has talked with the customer.
_UNANSWERED = ("DND_ENDPOINT", "UNCALLABLE")


@dataclass(frozen=True, slots=True)
class PartnerEvent:
    """An event from Genesys Cloud, or a settle event from the worker itself.

    Attributes
    ----------
    topic
        `CUSTOMER_END`, one of `QUEUE_TOPICS`, or `SETTLE`.
    queue_id
        The id of one of our queues; None if the topic is `CUSTOMER_END` or `SETTLE`.
    at_ms
        The event's time in epoch milliseconds. A settle event's time is that of the customer's end
        for which the rule `last_queue` must choose a queue.
    has_own_time
        Whether the event has a time of its own. If not, `at_ms` is the time at which the message
        was sent.
    media_type, direction, disconnect_type
        The values of the event's participant; None if the event does not have them.
    acd_outcome
        How the wait in the queue ended, such as `ABANDON`; None if the event does not have it.
    duration_ms
        In an `acd.end` or `user.end`, how long the conversation was in the queue; 0 if the event
        does not say so.
    agent_talked
        Whether the event is a `user.end` whose agent talked with the customer.
    raw
        The whole event, unchanged. A settle event has the event that called for it, if that event
        was small enough to be sent along.
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
    duration_ms: int
    agent_talked: bool
    raw: dict[str, Any]

    @property
    def is_transfer(self) -> bool:
        """Whether the participant left because of a transfer."""
        return (self.disconnect_type or "").endswith("TRANSFER")

    @property
    def ends_conversation(self) -> bool:
        """Whether the event says that the customer has left for good."""
        return self.topic == CUSTOMER_END and not self.is_transfer


def parse_partner_event(
    body: str | None, sent_at_ms: int, queue_ids: Collection[str]
) -> PartnerEvent | Ignored | Rejected:
    """Return the partner event in a message body, or the reason why there is none; never raise.

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


def _parse(body: str | None, sent_at_ms: int, queue_ids: Collection[str]) -> PartnerEvent | Ignored:
    event = parse_json_object(body)
    event_type = require_string(event, "detail-type", "missing_event_type", "$")
    if event_type == SETTLE:
        return _parse_settle_event(event)
    topic = event_type.removeprefix(TOPIC_PREFIX)
    if not event_type.startswith(TOPIC_PREFIX) or topic not in _TOPICS:
        return Ignored("other_event_type")

    detail = _require_object(event, "detail", "$")
    event_body = _require_object(detail, "eventBody", "$.detail")
    event_body_path = "$.detail.eventBody"
    conversation_id = require_conversation_id(event_body, event_body_path)
    queue_id = None
    # If a call did not come through a queue, its `user.start` and `user.end` have no queue id.
    if topic != CUSTOMER_END and event_body.get("queueId") is not None:
        queue_id = normalize_id(
            require_string(event_body, "queueId", "missing_queue_id", event_body_path)
        )
    own_time_ms = _parse_time(event_body, "eventTime", event_body_path)
    if topic != CUSTOMER_END and queue_id not in queue_ids:
        return Ignored("other_queue")
    disconnect_type = word_or_none(event_body.get("disconnectType"))
    durations = _parse_durations(event_body, _DURATIONS.get(topic, ()))
    return PartnerEvent(
        conversation_id=conversation_id,
        topic=topic,
        queue_id=queue_id,
        at_ms=sent_at_ms if own_time_ms is None else own_time_ms,
        has_own_time=own_time_ms is not None,
        media_type=word_or_none(event_body.get("mediaType")),
        direction=word_or_none(event_body.get("direction")),
        disconnect_type=disconnect_type,
        acd_outcome=word_or_none(event_body.get("acdOutcome")),
        duration_ms=math.ceil(min(sum(durations.values()), _MAX_DURATION_MS)),
        agent_talked=topic == "user.end" and _has_agent_talked(durations, disconnect_type),
        raw=event,
    )


def _parse_settle_event(event: dict[str, Any]) -> PartnerEvent:
    detail = _require_object(event, "detail", "$")
    conversation_id = require_conversation_id(detail, "$.detail")
    ended_at_ms = _parse_time(detail, "endedAt", "$.detail")
    if ended_at_ms is None:
        raise RejectError(
            "invalid_field", describe_type_mismatch("$.detail.endedAt", _TIME_TYPES, None)
        )
    return PartnerEvent(
        conversation_id=conversation_id,
        topic=SETTLE,
        queue_id=None,
        at_ms=ended_at_ms,
        has_own_time=True,
        media_type=None,
        direction=None,
        disconnect_type=None,
        acd_outcome=None,
        duration_ms=0,
        agent_talked=False,
        raw=cause if isinstance(cause := detail.get("event"), dict) else event,
    )


def _require_object(parent: dict[str, Any], key: str, parent_path: str) -> dict[str, Any]:
    value = parent.get(key)
    if not isinstance(value, dict):
        raise RejectError(
            "invalid_field", describe_type_mismatch(f"{parent_path}.{key}", "an object", value)
        )
    return value


def _parse_time(parent: dict[str, Any], key: str, parent_path: str) -> int | None:
    """Return the value of a time field in epoch milliseconds; None if there is no such field.

    In the events of `_TOPICS`, Genesys Cloud writes times in epoch milliseconds. ISO 8601, which
    Genesys Cloud uses in its other events, is accepted too.
    """
    time = parent.get(key)
    if time is None:
        return None
    if isinstance(time, str):
        return to_epoch_ms(parse_utc(time, f"{parent_path}.{key}"))
    if isinstance(time, int | float) and not isinstance(time, bool):
        try:
            # The conversion to a datetime and back rejects times outside of the years 1 to 9999.
            return to_epoch_ms(from_epoch_ms(int(time)))
        except OverflowError:
            pass
    raise RejectError(
        "invalid_field", describe_type_mismatch(f"{parent_path}.{key}", _TIME_TYPES, time)
    )


def _parse_durations(event_body: dict[str, Any], names: Collection[str]) -> dict[str, float]:
    """Return the durations that an event body has, in milliseconds, keyed by field name."""
    durations: dict[str, float] = {}
    for name in names:
        value: Any = event_body.get(name)
        if type(value) in (int, float):
            durations[name] = max(value, 0)
    return durations


def _has_agent_talked(durations: dict[str, float], disconnect_type: str | None) -> bool:
    """Return whether the agent of a `user.end` talked with the customer (see docs/genesys.md)."""
    if "interactingDurationMs" in durations:
        return durations["interactingDurationMs"] > 0
    if disconnect_type in _UNANSWERED:
        return False
    has_rung = any(
        durations.get(name)
        for name in ("alertingDurationMs", "contactingDurationMs", "dialingDurationMs")
    )
    return not has_rung or any(durations.get(n) for n in ("heldDurationMs", "callbackDurationMs"))
