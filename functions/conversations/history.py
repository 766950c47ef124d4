"""A conversation's history, merged from events that arrive in any order."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field

from conversations.end import SAME_END_WINDOW_MS

# The maximum number of event times that a history keeps for a queue: the first time and the latest
# ones. A conversation that no agent answers for days has so many events that all their times would
# exceed the size limit of a ledger item.
MAX_TIMES_PER_QUEUE = 200


@dataclass(frozen=True, slots=True)
class CustomerEnd:
    """A customer's end: the customer has left the conversation for good.

    A customer's end has no queue. One or more `customer.end` events report it: the event that
    arrives first, and all others within five minutes of the first event's time.

    Attributes
    ----------
    latest_ms
        The latest time of these `customer.end` events, in epoch milliseconds.
    has_own_time, media_type, direction, disconnect_type
        The values of the event that arrived first.
    settling
        Whether the worker has sent itself a settle event for this customer's end.
    decided_queue_id
        The queue that the rule `last_queue` has chosen; None before this decision.
    expires_at
        When the history drops this customer's end, in epoch seconds; 0 until it is stored. The
        ledger keeps the ends that it completes for longer, so the history never completes an end
        that the ledger has already forgotten.
    """

    latest_ms: int
    has_own_time: bool = True
    media_type: str | None = None
    direction: str | None = None
    disconnect_type: str | None = None
    settling: bool = False
    decided_queue_id: str | None = None
    expires_at: int = 0


@dataclass(frozen=True, slots=True)
class History:
    """The queues and customer's ends that a conversation's events have reported so far.

    Attributes
    ----------
    queues
        The times of each queue's events, sorted, in epoch milliseconds, keyed by queue id.
    customer_ends
        The customer's ends. Each has as its key the time of its `customer.end` event that arrived
        first, in epoch milliseconds.
    """

    queues: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    customer_ends: Mapping[int, CustomerEnd] = field(default_factory=dict)

    def merged_with(self, other: "History") -> "History":
        """Return this history, extended by another history of the same conversation."""
        queues = dict(self.queues)
        for queue_id, times in other.queues.items():
            first, *later = sorted({*queues.get(queue_id, ()), *times})
            queues[queue_id] = first, *later[1 - MAX_TIMES_PER_QUEUE :]
        ends = dict(self.customer_ends)
        for at_ms, end in sorted(other.customer_ends.items()):
            known_ms = History(customer_ends=ends).find_end_ms(at_ms)
            if known_ms is None:
                ends[at_ms] = end
            else:
                known = ends[known_ms]
                ends[known_ms] = dataclasses.replace(
                    known,
                    latest_ms=max(known.latest_ms, end.latest_ms),
                    settling=known.settling or end.settling,
                    decided_queue_id=known.decided_queue_id or end.decided_queue_id,
                )
        return History(queues, ends)

    def find_end_ms(self, at_ms: int) -> int | None:
        """Return the key of the earliest customer's end within five minutes of a time, or None."""
        candidates = (
            ended_at_ms
            for ended_at_ms in sorted(self.customer_ends)
            if abs(ended_at_ms - at_ms) <= SAME_END_WINDOW_MS
        )
        return next(candidates, None)

    def latest_event_ms_by_queue(self, ended_at_ms: int) -> dict[str, int]:
        """Return the time of each queue's latest event that counts for a customer's end.

        An event up to five minutes after the customer's end counts, because it can be an agent's
        work after the call. Later events belong to the re-opened conversation.

        Parameters
        ----------
        ended_at_ms
            The key of the customer's end.

        Returns
        -------
        dict[str, int]
            The times in epoch milliseconds, keyed by queue id. A queue without such an event is
            missing.
        """
        until_ms = self.customer_ends[ended_at_ms].latest_ms + SAME_END_WINDOW_MS
        return {
            queue_id: max(time for time in times if time <= until_ms)
            for queue_id, times in sorted(self.queues.items())
            if times[0] <= until_ms
        }
