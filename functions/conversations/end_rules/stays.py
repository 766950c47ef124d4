"""Stays: the times that a conversation has spent in a queue."""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from conversations.end import SAME_END_WINDOW_MS
from conversations.history import UNKNOWN_TOPIC, CustomerEnd, History, QueueEvent, find_previous_end

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

    If only `acw` and `wrapup` events of the queue are known, the earliest counts like a stay for
    the first customer's end that can have caused it.

    Parameters
    ----------
    events
        The queue's events, in order of time.
    ended_at_ms
        The time of one of the history's customer's ends, in epoch milliseconds.
    """
    stays = [*_find_stays(events)]
    if stays:
        return [*_counting(stays, history.customer_ends, ended_at_ms)]
    previous_ms = find_previous_end(history.customer_ends, ended_at_ms)
    return [
        Stay(None, event.at_ms, event)
        for event in events[:1]
        if event.at_ms <= ended_at_ms + SAME_END_WINDOW_MS
        and (previous_ms is None or event.at_ms > previous_ms + SAME_END_WINDOW_MS)
    ]


class _End(NamedTuple):
    """A customer's end, as the stays in a queue see it.

    Attributes
    ----------
    at_ms, previous_ms
        The times of the customer's end and of its previous end (None if there is none), in epoch
        milliseconds.
    ended_queue_before
        Whether a stay in the queue ended between the two ends before this one.
    """

    at_ms: int
    previous_ms: int | None
    ended_queue_before: bool


def _counting(
    stays: Sequence[Stay], ends: Mapping[int, CustomerEnd], ended_at_ms: int
) -> Iterator[Stay]:
    """Yield the stays that count for a customer's end, first those of callbacks."""
    if any(stay.event.is_callback for stay in stays):
        # A callback can already wait in its queue when the caller who asked for it hangs up. So
        # the end of an inbound call does not end a callback.
        ends_of_callbacks = [at_ms for at_ms, end in ends.items() if not _is_inbound_call(end)]
        if ended_at_ms in ends_of_callbacks:
            end = _make_end(ended_at_ms, ends_of_callbacks, stays)
            yield from (stay for stay in stays if stay.event.is_callback and _counts(stay, end))
    end = _make_end(ended_at_ms, ends, stays)
    yield from (stay for stay in stays if not stay.event.is_callback and _counts(stay, end))


def _is_inbound_call(end: CustomerEnd) -> bool:
    return (end.media_type, end.direction) == ("VOICE", "INBOUND")


def _make_end(at_ms: int, end_times: Iterable[int], stays: Iterable[Stay]) -> _End:
    previous_ms = find_previous_end(end_times, at_ms)
    if previous_ms is None:
        return _End(at_ms, None, ended_queue_before=False)
    earlier_ms = find_previous_end(end_times, previous_ms)
    ended_queue_before = any(
        stay.ends_ms <= previous_ms and (earlier_ms is None or stay.ends_ms > earlier_ms)
        for stay in stays
    )
    return _End(at_ms, previous_ms, ended_queue_before)


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


def _counts(stay: Stay, end: _End) -> bool:
    if stay.begins_ms is None and stay.ends_ms > end.at_ms + SAME_END_WINDOW_MS:
        return False
    if stay.begins_ms is not None and stay.begins_ms >= end.at_ms:
        return False
    return end.previous_ms is None or _reaches_beyond(stay, end.previous_ms, end)


def _reaches_beyond(stay: Stay, previous_ms: int, end: _End) -> bool:
    """Return whether a stay reaches beyond the previous end of a customer's end."""
    # What ends so soon after the previous end is only an agent who hangs up after the customer.
    ends_later = stay.ends_ms > previous_ms + SAME_END_WINDOW_MS
    if stay.begins_ms is None:
        return ends_later or (stay.ends_ms > previous_ms and not end.ended_queue_before)
    if stay.begins_ms >= previous_ms:
        return True
    # An agent often closes a callback long after the call.
    is_open_callback = stay.event.is_callback and stay.event.topic == "user.end"
    return ends_later and not is_open_callback
