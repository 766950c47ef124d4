"""A conversation's history, merged from events that arrive in any order."""

import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

# A history keeps at most this many events of a queue: the latest ones, and the first one. With 50
# queues, the most that a stack can have, a ledger item then stays under its size limit of 400 KB.
MAX_EVENTS_PER_QUEUE = 100
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
        return History(queues, customer_ends)


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
