"""A conversation's history, merged from events that arrive in any order."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field

from conversations.end import SAME_END_WINDOW_MS

# A history keeps the time of a queue's first event and the times of its latest events, at most this
# many. If no agent answers for days, all times together would exceed the item size limit of the
# ledger's store.
MAX_TIMES_PER_QUEUE = 200


@dataclass(frozen=True, slots=True)
class CustomerEnd:
    """The customer's end of a conversation: the customer has left for good.

    It has no queue. `customer.end` events within five minutes of each other report the same end.

    Attributes
    ----------
    latest_ms
        The time of the latest of these events, in epoch milliseconds.
    has_own_time, media_type, direction, disconnect_type
        The values of the event that arrived first.
    settling
        Whether the worker has sent itself the settle event, which makes the rule `last_queue`
        decide.
    decided_queue_id
        The queue in which the conversation ended, as the rule `last_queue` decided; None before.
    expires_at
        When the history drops this end, in epoch seconds; 0 before it is stored. The ledger
        remembers an end for longer, so a history never completes an end that the ledger has
        forgotten.
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
    """The queues and the customer's ends that a conversation's events have reported so far.

    Attributes
    ----------
    queues
        By queue id, the sorted times of the queue's events, in epoch milliseconds.
    ends
        The customer's ends by time, in epoch milliseconds. Ends within five minutes of each other
        are one end, at the time of the event that arrived first.
    """

    queues: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    ends: Mapping[int, CustomerEnd] = field(default_factory=dict)

    def merged_with(self, other: "History") -> "History":
        """Return this history, extended by another history of the same conversation."""
        queues = dict(self.queues)
        for queue_id, times in other.queues.items():
            first, *later = sorted({*queues.get(queue_id, ()), *times})
            queues[queue_id] = first, *later[1 - MAX_TIMES_PER_QUEUE :]
        ends = dict(self.ends)
        for at_ms, end in sorted(other.ends.items()):
            known_ms = History(ends=ends).same_end_ms(at_ms)
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

    def same_end_ms(self, at_ms: int) -> int | None:
        """Return the time of the earliest end within five minutes of a time; else None."""
        candidates = (
            ended_at_ms
            for ended_at_ms in sorted(self.ends)
            if abs(ended_at_ms - at_ms) <= SAME_END_WINDOW_MS
        )
        return next(candidates, None)

    def latest_event_by_queue(self, ended_at_ms: int) -> dict[str, int]:
        """Return by queue id the time of the queue's latest event that counts for an end.

        Events up to five minutes after the end count, because they can be the agents' work after
        the call. Later events belong to the re-opened conversation. Times are epoch milliseconds.
        """
        until_ms = self.ends[ended_at_ms].latest_ms + SAME_END_WINDOW_MS
        return {
            queue_id: max(time for time in times if time <= until_ms)
            for queue_id, times in sorted(self.queues.items())
            if times[0] <= until_ms
        }
