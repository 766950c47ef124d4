"""A reference for the end rules: the ends of a conversation, derived from all its events at once.

Tests compare the worker with it, which sees the events one by one and in any order. The two share
only the names of topics.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any, NamedTuple

from conversations.topics import CUSTOMER_END, QUEUE_TOPICS, TOPIC_PREFIX

FIVE_MINUTES = 300_000
RULES = ("touched", "last_queue", "queue_leg")


class QueueEnd(NamedTuple):
    """An end of a conversation in a queue, dated in epoch milliseconds."""

    queue_id: str
    at_ms: int


def ends_by(
    rule: str, events: Iterable[Mapping[str, Any]], queue_ids: Collection[str]
) -> list[QueueEnd]:
    """Return the ends that a rule derives from the events of one conversation.

    Parameters
    ----------
    rule
        One of `RULES`.
    events
        Partner events in any order; repeated ones change nothing.
    queue_ids
        Our queues. Events of other queues do not count, since the stack's rules drop them.

    Returns
    -------
    list[QueueEnd]
        The ends by time and queue. Ends in a queue within five minutes count as the first of them.
    """
    parsed = [
        (event["detail-type"].removeprefix(TOPIC_PREFIX), event["detail"]["eventBody"])
        for event in events
    ]
    ours = [
        (topic, body)
        for topic, body in parsed
        if topic in QUEUE_TOPICS and body.get("queueId") in queue_ids
    ]
    if rule == "queue_leg":
        return _apart(
            QueueEnd(body["queueId"], body["eventTime"])
            for topic, body in ours
            if _is_end_of_leg(topic, body)
        )

    found = []
    for topic, body in parsed:
        if topic != CUSTOMER_END or _is_transfer(body):
            continue
        end = body["eventTime"]
        visits = [body for _, body in ours if body["eventTime"] <= end + FIVE_MINUTES]
        if rule == "last_queue":
            visits = sorted(visits, key=lambda body: body["eventTime"])[-1:]
        found += [QueueEnd(body["queueId"], end) for body in visits]
    return _apart(found)


def _is_end_of_leg(topic: str, body: Mapping[str, Any]) -> bool:
    if topic == "acd.end":
        return body.get("acdOutcome") == "ABANDON"
    talked = body.get("interactingDurationMs", 0) > 0
    return topic == "user.end" and talked and not _is_transfer(body)


def _is_transfer(body: Mapping[str, Any]) -> bool:
    return str(body.get("disconnectType", "")).endswith("TRANSFER")


def _apart(ends: Iterable[QueueEnd]) -> list[QueueEnd]:
    """Return ends without those within five minutes of an earlier end in their queue.

    Raises
    ------
    ValueError
        The result depends on the order of the events, so the conversation is no good example.
    """
    kept: dict[str, list[QueueEnd]] = {}
    by_time = sorted(set(ends), key=lambda end: end.at_ms)
    for end in by_time:
        in_queue = kept.setdefault(end.queue_id, [])
        if not in_queue or end.at_ms - in_queue[-1].at_ms > FIVE_MINUTES:
            in_queue.append(end)
    for end in by_time:
        near = [e for e in kept[end.queue_id] if abs(e.at_ms - end.at_ms) <= FIVE_MINUTES]
        if len(near) != 1:
            raise ValueError(f"{end} is within five minutes of two ends: {near}")
    return sorted((end for in_queue in kept.values() for end in in_queue), key=lambda e: e[::-1])
