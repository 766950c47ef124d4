"""A conversation's history, merged from events that arrive in any order."""

import dataclasses
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from conversations.end import SAME_END_WINDOW_MS

# A history keeps at most this many queues, those with the latest events. A stack cannot have more
# at a time. It keeps at most this many events of a queue: the latest ones, and the first one. If
# there are more customer's ends, it forgets first the repeats among them and then the earliest. The
# ledger item of the largest history, with the longest ids and values, has 352 KB. The limit is 400.
MAX_QUEUES = 50
MAX_EVENTS_PER_QUEUE = 100
MAX_CUSTOMER_ENDS = 300
# The topic of an event that a version before 2026-12 has recorded. It kept only the time.
UNKNOWN_TOPIC = ""


@dataclass(frozen=True, slots=True, order=True)
class QueueEvent:
    """The part of an event with a queue id that the end rules need.

    Attributes
    ----------
    at_ms
        The event's time, in epoch milliseconds.
    topic
        One of `QUEUE_TOPICS`, or `UNKNOWN_TOPIC`.
    duration_ms
        How long the conversation had been in the queue, as the event says; 0 if it does not say so.
    agent_talked
        Whether the event is a `user.end` whose agent talked with the customer.
    is_callback
        Whether the event belongs to a session of the media type `CALLBACK`.
    """

    at_ms: int
    topic: str
    duration_ms: int = 0
    agent_talked: bool = False
    is_callback: bool = False


@dataclass(frozen=True, slots=True)
class CustomerEnd:
    """A customer's end: the customer has left the conversation for good.

    Attributes
    ----------
    has_own_time
        Whether the `customer.end` event has a time of its own. If not, the customer's end has the
        time at which the event's message was sent.
    media_type, direction, disconnect_type
        The event's values; None if the event does not have them.
    decided_queue_id
        The queue that the rule `last_queue` has chosen; None before this decision.
    expires_at
        When this customer's end is dropped from the history, in epoch seconds. The store sets this
        value at the first write; until then it is 0. The resulting ends stay in the ledger after
        this time.
    """

    has_own_time: bool = True
    media_type: str | None = None
    direction: str | None = None
    disconnect_type: str | None = None
    decided_queue_id: str | None = None
    expires_at: int = 0


@dataclass(frozen=True, slots=True)
class History:
    """What a conversation's events have reported so far.

    Attributes
    ----------
    queues
        The events of each queue, in order of time, keyed by queue id.
    customer_ends
        The customer's ends, keyed by their times in epoch milliseconds.
    """

    queues: Mapping[str, tuple[QueueEvent, ...]] = field(default_factory=dict)
    customer_ends: Mapping[int, CustomerEnd] = field(default_factory=dict)

    def merged_with(self, other: "History") -> "History":
        """Return this history, extended by `other`, the history of events that arrived later."""
        queues = dict(self.queues)
        for queue_id, events in other.queues.items():
            queues[queue_id] = _merge_events((*queues.get(queue_id, ()), *events))
        customer_ends = dict(self.customer_ends)
        for at_ms, new_end in other.customer_ends.items():
            known_end = customer_ends.get(at_ms, new_end)
            decided_queue_id = known_end.decided_queue_id or new_end.decided_queue_id
            customer_ends[at_ms] = dataclasses.replace(known_end, decided_queue_id=decided_queue_id)
        return _bounded(History(queues, customer_ends))

    def without_ends(self, end_times: Collection[int]) -> "History":
        """Return this history without some of its earliest customer's ends (a non-empty list).

        A later customer's end would take the queues that these have ended for its own. So the
        queues' events up to the last of them are left out, too.
        """
        ended_until_ms = max(end_times) + SAME_END_WINDOW_MS
        queues = {
            queue_id: later_events
            for queue_id, events in self.queues.items()
            if (later_events := tuple(event for event in events if event.at_ms > ended_until_ms))
        }
        customer_ends = {
            at_ms: end for at_ms, end in self.customer_ends.items() if at_ms not in end_times
        }
        return History(queues, customer_ends)

    def completable_end_times(self) -> list[int]:
        """Return the times of the customer's ends that an event can complete, in order.

        If the history may have forgotten earlier ends, the first end that it still has is not one
        of them. It would take the queues of the forgotten ends for its own.
        """
        times = sorted(self.customer_ends)
        return times[1:] if len(times) >= MAX_CUSTOMER_ENDS else times


def _bounded(history: History) -> History:
    """Return a history without the parts for which a ledger item has no room."""
    if len(history.customer_ends) > MAX_CUSTOMER_ENDS:
        history = dataclasses.replace(history, customer_ends=_without_repeats(history))
    if len(history.customer_ends) > MAX_CUSTOMER_ENDS:
        forgotten_times = sorted(history.customer_ends)[:-MAX_CUSTOMER_ENDS]
        history = history.without_ends(frozenset(forgotten_times))
    if len(history.queues) > MAX_QUEUES:
        latest_last = sorted(history.queues.items(), key=lambda queue: (queue[1][-1], queue[0]))
        history = dataclasses.replace(history, queues=dict(latest_last[-MAX_QUEUES:]))
    return history


def _without_repeats(history: History) -> dict[int, CustomerEnd]:
    """Return the customer's ends that are more than five minutes after the one before.

    The ledger takes the others for repeats.
    """
    kept: dict[int, CustomerEnd] = {}
    previous_ms: int | None = None
    for at_ms, end in sorted(history.customer_ends.items(), key=lambda item: item[0]):
        if previous_ms is None or at_ms - previous_ms > SAME_END_WINDOW_MS:
            kept[at_ms] = end
            previous_ms = at_ms
    return kept


def find_previous_end(end_times: Iterable[int], ended_at_ms: int) -> int | None:
    """Return the latest of the times of customer's ends before `ended_at_ms`; None without one."""
    return max((at_ms for at_ms in end_times if at_ms < ended_at_ms), default=None)


def _merge_events(events: Iterable[QueueEvent]) -> tuple[QueueEvent, ...]:
    known_times = {event.at_ms for event in events if event.topic != UNKNOWN_TOPIC}
    first, *later = sorted(
        event
        for event in {*events}
        # A repeated event makes up for what was not recorded of it.
        if event.topic != UNKNOWN_TOPIC or event.at_ms not in known_times
    )
    return first, *later[1 - MAX_EVENTS_PER_QUEUE :]
