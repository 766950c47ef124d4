"""A reference implementation of the end rules, which sees all events of a conversation at once.

Tests compare its results with those of the worker, which sees the events one by one and in any
order. The two implementations share only the names of the topics.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any, NamedTuple

from conversations.topics import CUSTOMER_END, QUEUE_TOPICS, TOPIC_PREFIX

FIVE_MINUTES = 300_000
RULES = ("touched", "last_queue", "queue_leg")


class QueueEnd(NamedTuple):
    """An end of a conversation in a queue. `at_ms` is its time in epoch milliseconds."""

    queue_id: str
    at_ms: int


def derive_ends(
    rule: str, events: Iterable[Mapping[str, Any]], queue_ids: Collection[str]
) -> list[QueueEnd]:
    """Return the ends that a rule derives from the events of one conversation.

    Parameters
    ----------
    rule
        One of `RULES`.
    events
        Partner events in any order. Repeated events change nothing.
    queue_ids
        The ids of our queues. Events in other queues do not count, because the stack's EventBridge
        rules drop them.

    Returns
    -------
    list[QueueEnd]
        The ends, sorted by time and queue. Of the ends of a queue that lie within five minutes, the
        list has only the first.
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
        return _merge_same_ends(
            QueueEnd(body["queueId"], body["eventTime"])
            for topic, body in ours
            if _is_leg_end(topic, body)
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
    return _merge_same_ends(found)


def _is_leg_end(topic: str, body: Mapping[str, Any]) -> bool:
    if topic == "acd.end":
        return body.get("acdOutcome") == "ABANDON"
    talked = body.get("interactingDurationMs", 0) > 0
    return topic == "user.end" and talked and not _is_transfer(body)


def _is_transfer(body: Mapping[str, Any]) -> bool:
    return str(body.get("disconnectType", "")).endswith("TRANSFER")


def _merge_same_ends(ends: Iterable[QueueEnd]) -> list[QueueEnd]:
    """Return the ends without repeats, which follow an end of the same queue within five minutes.

    Raises
    ------
    ValueError
        The result would depend on the order of the events, so the conversation is no good example.
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
