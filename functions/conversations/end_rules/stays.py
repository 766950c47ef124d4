"""Stays: the times that a conversation has spent in a queue."""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from conversations.end import SAME_END_WINDOW_MS
from conversations.history import UNKNOWN_TOPIC, History, QueueEvent

_START_TOPICS = {"acd.end": "acd.start", "user.end": "user.start"}


class Stay(NamedTuple):
    """A time that a conversation has spent in a queue.

    Attributes
    ----------
    begins_ms, ends_ms
        The beginning (None if unknown) and the end, in epoch milliseconds.
    event
        The event that shows the stay.
    start
        The start event that `event` belongs to; None if `event` is itself one, or has none.
    """

    begins_ms: int | None
    ends_ms: int
    event: QueueEvent
    start: QueueEvent | None = None


def find_counting_stays(
    history: History, events: Sequence[QueueEvent], ended_at_ms: int
) -> list[Stay]:
    """Return the stays in a queue that count for a customer's end.

    If only `acw` and `wrapup` events of the queue are known, each counts like a stay for the first
    customer's end that can have caused it.

    Parameters
    ----------
    events
        The queue's events, in order of time.
    ended_at_ms
        The time of the customer's end, in epoch milliseconds.
    """
    previous_end_ms = history.previous_end_ms(ended_at_ms)
    stays = [*_find_stays(events)]
    if stays:
        return [stay for stay in stays if _counts(stay, ended_at_ms, previous_end_ms)]
    return [
        Stay(None, event.at_ms, event)
        for event in events
        if event.at_ms <= ended_at_ms + SAME_END_WINDOW_MS
        and (previous_end_ms is None or event.at_ms > previous_end_ms + SAME_END_WINDOW_MS)
    ]


def _find_stays(events: Iterable[QueueEvent]) -> Iterator[Stay]:
    by_topic: dict[str, list[QueueEvent]] = {}
    for event in events:
        by_topic.setdefault(event.topic, []).append(event)
    for topic in ("acd.start", "user.start"):
        for event in by_topic.get(topic, ()):
            yield Stay(event.at_ms, event.at_ms, event)
    for topic, start_topic in _START_TOPICS.items():
        yield from _find_ended_stays(by_topic.get(topic, ()), by_topic.get(start_topic, ()))
    for event in by_topic.get(UNKNOWN_TOPIC, ()):
        yield Stay(None, event.at_ms, event)


def _find_ended_stays(ends: Sequence[QueueEvent], starts: Sequence[QueueEvent]) -> Iterator[Stay]:
    """Yield the stays that `acd.end` or `user.end` events show. Both arguments are sorted."""
    start_times = [start.at_ms for start in starts]
    previous_stop_ms: int | None = None
    for position, event in enumerate(ends):
        if position and ends[position - 1].at_ms < event.at_ms:
            previous_stop_ms = ends[position - 1].at_ms
        index = bisect_left(start_times, event.at_ms) - 1
        start = starts[index] if index >= 0 else None
        if start and previous_stop_ms is not None and start.at_ms < previous_stop_ms:
            start = None
        beginnings = [event.at_ms - event.duration_ms] if event.duration_ms else []
        if start:
            beginnings.append(start.at_ms)
        yield Stay(min(beginnings, default=None), event.at_ms, event, start)


def _counts(stay: Stay, ended_at_ms: int, previous_end_ms: int | None) -> bool:
    if stay.begins_ms is None:
        return stay.ends_ms <= ended_at_ms + SAME_END_WINDOW_MS and (
            previous_end_ms is None or stay.ends_ms > previous_end_ms
        )
    if stay.begins_ms >= ended_at_ms:
        return False
    if previous_end_ms is None or stay.begins_ms >= previous_end_ms:
        return True
    # An agent often closes a callback long after the call.
    is_open_callback = stay.event.is_callback and stay.event.topic == "user.end"
    return stay.ends_ms > previous_end_ms + SAME_END_WINDOW_MS and not is_open_callback
