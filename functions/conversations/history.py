"""A conversation's history, merged from its events in any order."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field

from conversations.end import SAME_END_WINDOW_MS

# The most times that are kept of a queue's events: the first and the latest ones. Agents who do not
# answer for days must not make a history that the ledger's store refuses.
MAX_TIMES_PER_QUEUE = 200


@dataclass(frozen=True, slots=True)
class CustomerEnd:
    """The customer's leaving for good.

    Attributes
    ----------
    latest_ms
        The latest time of the events that tell of it, epoch milliseconds.
    has_own_time
        Whether the event that came first has a time of its own.
    settling
        Whether the worker has sent itself the message that will decide on the queue.
    decided
        The queue decided on; None until then.
    expires_at
        Until when it counts, in epoch seconds; 0 before it is stored. The ledger knows the ends
        that it fired for longer, so that it never fires them again as new ones.
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
    """What the events of a conversation have told so far.

    Attributes
    ----------
    queues
        For each id of a queue of ours, the times of its events in order, epoch milliseconds.
    ends
        The customer's ends by their times, epoch milliseconds. Ends within five minutes of each
        other are one.
    """

    queues: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    ends: Mapping[int, CustomerEnd] = field(default_factory=dict)

    def merged_with(self, other: "History") -> "History":
        """Return this history with all that another one adds to it."""
        queues = dict(self.queues)
        for queue_id, times in other.queues.items():
            first, *later = sorted({*queues.get(queue_id, ()), *times})
            queues[queue_id] = first, *later[1 - MAX_TIMES_PER_QUEUE :]
        ends = dict(self.ends)
        for at_ms, end in sorted(other.ends.items()):
            same = History(ends=ends).same_end_ms(at_ms)
            if same is None:
                ends[at_ms] = end
            else:
                ends[same] = dataclasses.replace(
                    ends[same],
                    latest_ms=max(ends[same].latest_ms, end.latest_ms),
                    settling=ends[same].settling or end.settling,
                    decided_queue_id=ends[same].decided_queue_id or end.decided_queue_id,
                )
        return History(queues, ends)

    def same_end_ms(self, at_ms: int) -> int | None:
        """Return the time of the first end within five minutes of a time; None without one."""
        near = (
            ended_at
            for ended_at in sorted(self.ends)
            if abs(ended_at - at_ms) <= SAME_END_WINDOW_MS
        )
        return next(near, None)

    def latest_event_by_queue(self, ended_at_ms: int) -> dict[str, int]:
        """Return the queues that an end belongs to, each with the time of its latest event.

        Events count up to five minutes after the end: agents' work after the call does, events
        after the conversation was re-opened do not.
        """
        until = self.ends[ended_at_ms].latest_ms + SAME_END_WINDOW_MS
        return {
            queue_id: max(time for time in times if time <= until)
            for queue_id, times in sorted(self.queues.items())
            if times[0] <= until
        }
