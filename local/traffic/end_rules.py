"""A reference implementation of the end rules, to be read next to `docs/genesys.md`.

Tests compare its ends with those of the worker. The two share only the names of the topics.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any, NamedTuple

from conversations.topics import CUSTOMER_END, TOPIC_PREFIX
from local.traffic.recorded_ends import FIVE_MINUTES, QueueEnd, RecordedEnds

RULES = ("touched", "last_queue", "queue_leg")
STAY_TOPICS = ("acd.start", "acd.end", "user.start", "user.end")
PAPERWORK = ("acw", "wrapup")
UNANSWERED = ("alertingDurationMs", "contactingDurationMs", "dialingDurationMs")
ANSWERED = ("heldDurationMs", "callbackDurationMs")
DURATIONS = {
    "acd.end": ("connectedDurationMs",),
    "user.end": ("interactingDurationMs", *UNANSWERED, *ANSWERED),
}


def derive_ends(
    rule: str, batches: Iterable[Iterable[Mapping[str, Any]]], queue_ids: Collection[str]
) -> list[QueueEnd]:
    """Return the ends that the worker delivers for one conversation.

    Parameters
    ----------
    rule
        One of `RULES`. With `last_queue`, a customer's end settles from the first event after which
        a stay counts for it. All of them are decided after the last event, in this order.
    batches
        Partner events in the order of their arrival. The events of a batch arrive together: each
        is decided when all of them are known, and their ends are claimed in order of time.
    queue_ids
        The ids of our queues. Events of other queues never reach the worker.

    Returns
    -------
    list[QueueEnd]
        The ends, sorted by time and queue. An end has the time that its ledger item recorded first.
    """
    known = _Conversation()
    recorded = RecordedEnds()
    # The times of the customer's ends that settle, in the order of their decisions.
    settling: dict[int, None] = {}
    for batch in batches:
        arrived = [_Event.parse(event) for event in batch if _reaches_worker(event, queue_ids)]
        known.add(arrived)
        # The settle messages for a batch's customer's ends are sent before those for its queues.
        arrived.sort(key=lambda event: not event.is_customers_end())
        ends = [end for event in arrived for end in known.completed_ends(rule, event)]
        if rule == "last_queue":
            settling.update(dict.fromkeys(end.at_ms for end in ends))
        else:
            recorded.claim(ends)
    for end_ms in settling:
        recorded.claim(known.last_queue(end_ms))
    return sorted(recorded.ends(), key=lambda end: end[::-1])


def _reaches_worker(event: Mapping[str, Any], queue_ids: Collection[str]) -> bool:
    is_customers_end = event["detail-type"] == TOPIC_PREFIX + CUSTOMER_END
    return is_customers_end or event["detail"]["eventBody"].get("queueId") in queue_ids


class _Event(NamedTuple):
    """An event, with its durations in milliseconds; missing ones are left out."""

    topic: str
    queue_id: str
    at_ms: int
    how: str
    media_type: str
    direction: str
    durations: Mapping[str, int]

    @classmethod
    def parse(cls, event: Mapping[str, Any]) -> _Event:
        body = event["detail"]["eventBody"]
        return cls(
            event["detail-type"].removeprefix(TOPIC_PREFIX),
            body.get("queueId", ""),
            body["eventTime"],
            body.get("acdOutcome") or body.get("disconnectType") or "",
            body.get("mediaType", ""),
            body.get("direction", ""),
            {name: ms for name, ms in body.items() if name.endswith("DurationMs")},
        )

    def is_customers_end(self) -> bool:
        return self.topic == CUSTOMER_END and not self.how.endswith("TRANSFER")

    def is_caller(self) -> bool:
        return (self.media_type, self.direction) == ("VOICE", "INBOUND")

    def duration(self, names: Iterable[str]) -> int:
        return sum(self.durations.get(name, 0) for name in names)

    def has_talk(self) -> bool:
        """Return whether an agent talked with the customer in this leg."""
        if self.topic != "user.end":
            return False
        if "interactingDurationMs" in self.durations:
            return self.duration(["interactingDurationMs"]) > 0
        nobody_answered = self.duration(UNANSWERED) > 0 and self.duration(ANSWERED) == 0
        return self.how not in ("DND_ENDPOINT", "UNCALLABLE") and not nobody_answered

    def is_leg_end(self) -> bool:
        if self.topic == "acd.end":
            return self.how == "ABANDON"
        return self.has_talk() and not self.how.endswith("TRANSFER")


class _Conversation:
    """A conversation's events and customer's ends, without repeats, in order of arrival.

    The customer's ends are keyed by time. Each has the event that was the first to report it.
    """

    def __init__(self) -> None:
        self.events: list[_Event] = []
        self.customer_ends: dict[int, _Event] = {}

    def add(self, arrived: Iterable[_Event]) -> None:
        for event in arrived:
            if event not in self.events:
                self.events.append(event)
            if event.is_customers_end():
                self.customer_ends.setdefault(event.at_ms, event)

    def completed_ends(self, rule: str, event: _Event) -> list[QueueEnd]:
        """Return the ends that an event completes when it arrives."""
        if rule == "queue_leg":
            return [QueueEnd(event.queue_id, event.at_ms)] if event.is_leg_end() else []
        if event.is_customers_end():
            return [QueueEnd(one.queue_id, event.at_ms) for one in self.counting(event.at_ms)]
        return [
            QueueEnd(event.queue_id, end_ms)
            for end_ms in sorted(self.customer_ends)
            for one in self.counting(end_ms)
            if one == event or self.start_of(one) == event
        ]

    def last_queue(self, end_ms: int) -> set[QueueEnd]:
        """Return the end in the last of the queues in which `touched` ends the conversation."""
        by_queue: dict[str, list[_Event]] = {}
        for event in self.counting(end_ms):
            by_queue.setdefault(event.queue_id, []).append(event)

        def rank(queue_id: str) -> tuple[bool, int, bool, int, str]:
            stays = by_queue[queue_id]
            return (
                any(stay.topic in STAY_TOPICS for stay in stays),
                max(min(stay.at_ms, end_ms + FIVE_MINUTES) for stay in stays),
                any(stay.has_talk() for stay in stays),
                max(self.beginning_of(stay) or 0 for stay in stays),
                queue_id,
            )

        return {QueueEnd(max(by_queue, key=rank), end_ms)} if by_queue else set()

    def counting(self, end_ms: int) -> list[_Event]:
        """Return the events whose stays, or which themselves, count for a customer's end."""
        return [event for event in self.events if self.counts(event, end_ms)]

    def counts(self, event: _Event, end_ms: int) -> bool:
        in_queue = [one for one in self.events if one.queue_id == event.queue_id]
        stays = [one for one in in_queue if one.topic in STAY_TOPICS]
        if event.topic in PAPERWORK:
            candidates = [end for end in self.customer_ends if event.at_ms - end <= FIVE_MINUTES]
            is_earliest = event.at_ms == min(one.at_ms for one in in_queue)
            return not stays and is_earliest and min(candidates, default=None) == end_ms
        if event.topic not in STAY_TOPICS:
            return False
        ends = [*self.customer_ends]
        if event.media_type == "CALLBACK":
            ends = [ms for ms, end in self.customer_ends.items() if not end.is_caller()]
        if end_ms not in ends:
            return False
        previous = max((end for end in ends if end < end_ms), default=None)
        began = self.beginning_of(event)
        if began is None:
            if event.at_ms > end_ms + FIVE_MINUTES:
                return False
            if previous is None or event.at_ms > previous + FIVE_MINUTES:
                return True
            earlier = max((end for end in ends if end < previous), default=0)
            has_other_stay = any(earlier < stay.at_ms <= previous for stay in stays)
            return event.at_ms > previous and not has_other_stay
        if began >= end_ms:
            return False
        if previous is None or began >= previous:
            return True
        is_callback = event.topic == "user.end" and event.media_type == "CALLBACK"
        return event.at_ms > previous + FIVE_MINUTES and not is_callback

    def beginning_of(self, event: _Event) -> int | None:
        """Return when the stay of an event began; None if nobody knows."""
        if event.topic not in DURATIONS:
            return event.at_ms if event.topic in STAY_TOPICS else None
        duration, start = event.duration(DURATIONS[event.topic]), self.start_of(event)
        known = [event.at_ms - duration] if duration else []
        return min(known + ([start.at_ms] if start else []), default=None)

    def start_of(self, event: _Event) -> _Event | None:
        """Return the start of the stay that an `acd.end` or `user.end` ends, if it has arrived."""
        if event.topic not in DURATIONS:
            return None
        in_queue = [one for one in self.events if one.queue_id == event.queue_id]
        stops = [e.at_ms for e in in_queue if e.topic == event.topic and e.at_ms < event.at_ms]
        last_stop, start_topic = max(stops, default=0), event.topic.replace("end", "start")
        starts = [
            one
            for one in in_queue
            if one.topic == start_topic and last_stop <= one.at_ms < event.at_ms
        ]
        return max(starts, key=lambda start: start.at_ms, default=None)
