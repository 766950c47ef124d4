"""A conversation's history, merged from events that arrive in any order."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field

from conversations.end import SAME_END_WINDOW_MS

# A history keeps at most this many event times for a queue: the latest times, and the first time,
# which shows since when the conversation has been in the queue. A conversation that no agent
# answers for days has so many events that all their times would exceed the size limit of a ledger
# item.
MAX_TIMES_PER_QUEUE = 200


@dataclass(frozen=True, slots=True)
class CustomerEnd:
    """A customer's end: the customer has left the conversation for good.

    A customer's end has no queue. The first `customer.end` event to arrive creates it. A further
    `customer.end` event reports the same customer's end if the times of the two events are at most
    five minutes apart.

    Attributes
    ----------
    latest_report_ms
        The latest time of the `customer.end` events that report this customer's end, in epoch
        milliseconds.
    has_own_time
        Whether the `customer.end` event that arrived first had a time of its own. If not, the
        customer's end has the time at which the event's message was sent.
    media_type, direction, disconnect_type
        The values of the `customer.end` event that arrived first.
    settling
        Whether the worker has sent itself a settle event for this customer's end (see `LastQueue`).
    decided_queue_id
        The queue that the rule `last_queue` has chosen; None before this decision.
    expires_at
        When this customer's end is dropped from the history, in epoch seconds. The store sets this
        value at the first write; until then it is 0. The resulting ends stay in the ledger after
        this time.
    """

    latest_report_ms: int
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
        The customer's ends, keyed by the time of the `customer.end` event that arrived first, in
        epoch milliseconds.
    """

    queues: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    customer_ends: Mapping[int, CustomerEnd] = field(default_factory=dict)

    def merged_with(self, other: "History") -> "History":
        """Return this history, extended by `other`, the history of events that arrived later."""
        queues = dict(self.queues)
        for queue_id, times in other.queues.items():
            first, *later = sorted({*queues.get(queue_id, ()), *times})
            queues[queue_id] = first, *later[1 - MAX_TIMES_PER_QUEUE :]
        customer_ends = dict(self.customer_ends)
        for at_ms, new_end in sorted(other.customer_ends.items()):
            known_ms = _find_customer_end_ms(customer_ends, at_ms)
            if known_ms is None:
                customer_ends[at_ms] = new_end
            else:
                known_end = customer_ends[known_ms]
                customer_ends[known_ms] = dataclasses.replace(
                    known_end,
                    latest_report_ms=max(known_end.latest_report_ms, new_end.latest_report_ms),
                    settling=known_end.settling or new_end.settling,
                    decided_queue_id=known_end.decided_queue_id or new_end.decided_queue_id,
                )
        return History(queues, customer_ends)

    def find_customer_end_ms(self, at_ms: int) -> int | None:
        """Return the key of the earliest customer's end within five minutes of a time, or None."""
        return _find_customer_end_ms(self.customer_ends, at_ms)

    def latest_event_ms_by_queue(self, ended_at_ms: int) -> dict[str, int]:
        """Return the time of each queue's latest event that counts for a customer's end.

        An event counts up to five minutes after `latest_report_ms` of the customer's end, because
        it can be an agent's work after the call. Later events belong to the re-opened conversation.

        Parameters
        ----------
        ended_at_ms
            The key of the customer's end.

        Returns
        -------
        dict[str, int]
            The times in epoch milliseconds, keyed by queue id. A queue without such an event has no
            entry.
        """
        until_ms = self.customer_ends[ended_at_ms].latest_report_ms + SAME_END_WINDOW_MS
        return {
            queue_id: max(time for time in times if time <= until_ms)
            for queue_id, times in sorted(self.queues.items())
            if times[0] <= until_ms
        }


def _find_customer_end_ms(customer_ends: Mapping[int, CustomerEnd], at_ms: int) -> int | None:
    candidates = (
        ended_at_ms
        for ended_at_ms in sorted(customer_ends)
        if abs(ended_at_ms - at_ms) <= SAME_END_WINDOW_MS
    )
    return next(candidates, None)
