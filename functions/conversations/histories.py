"""The histories of conversations, which the ledger's store keeps.

The end rules `touched` and `last_queue` add each event to its conversation's history, and then
decide from the merged history which ends the event completes.

To add an event, the worker reads the history. If there is none, the worker creates a history with
this event. If the event is not in the history yet, the worker writes the extended history. The
store refuses a write if the history has been created or changed since the read; the worker then
reads it again.

If two invocations add an event at the same moment, the store therefore refuses the second write.
The second invocation then reads the other's event, and decides from both events.

A new event costs one read and one write, and a repeated event only the read.
"""

from collections.abc import Mapping, Sequence

from conversations.failures import OUT_OF_TIME, Failed, OutOfTime
from conversations.history import History
from conversations.ledger_store import (
    SECONDS_PER_DAY,
    Absent,
    ChangedHistory,
    LedgerStore,
    NewHistory,
    RecordedHistory,
    WriteStatus,
)
from deadline import Clock, Deadline

HistoryResult = History | Failed | OutOfTime
"""A conversation's history, or why it could not be read or written."""


class Histories:
    """Extends and reads the histories of conversations.

    Parameters
    ----------
    days
        How many days a history is kept after its last change. A history drops an entry of
        `customer_ends` this many days after the entry was added, and the queues' events up to this
        customer's end.
    now_ms
        Returns the time in epoch milliseconds.
    """

    def __init__(self, store: LedgerStore, *, days: int, now_ms: Clock) -> None:
        self._store = store
        self._keep_seconds = days * SECONDS_PER_DAY
        self._now_ms = now_ms

    def add(self, additions: Mapping[str, History], deadline: Deadline) -> dict[str, HistoryResult]:
        """Merge new events into the stored histories, and return the merged histories.

        An addition is a history that contains only new events. The additions and the result are
        keyed by conversation id.
        """
        if deadline.passed():
            return dict.fromkeys(additions, OUT_OF_TIME)
        results: dict[str, HistoryResult] = {}
        pending_ids = list(additions)
        while pending_ids:
            # Histories that cannot be read leave time to write the other ones.
            items = self._store.read_histories(pending_ids, deadline.within(deadline.left() / 2))
            expires_at = self._expires_at()
            writes: list[NewHistory | ChangedHistory] = []
            for conversation_id in pending_ids:
                addition = additions[conversation_id]
                match items[conversation_id]:
                    case Absent():
                        writes.append(NewHistory(conversation_id, addition, expires_at))
                    case RecordedHistory(history, version):
                        before = self._without_expired(history)
                        after = before.merged_with(addition)
                        if after == before:
                            results[conversation_id] = before
                        else:
                            writes.append(
                                ChangedHistory(conversation_id, after, version, expires_at)
                            )
                    case failure:
                        results[conversation_id] = failure
            pending_ids = self._write(writes, results, deadline)
        return results

    def read(
        self, conversation_ids: Sequence[str], deadline: Deadline
    ) -> dict[str, History | Failed]:
        """Return the conversations' histories, keyed by conversation id.

        A conversation that has no stored history gets an empty one.
        """
        histories: dict[str, History | Failed] = {}
        items = self._store.read_histories(conversation_ids, deadline)
        for conversation_id in conversation_ids:
            match items[conversation_id]:
                case RecordedHistory(history):
                    histories[conversation_id] = self._without_expired(history)
                case Absent():
                    histories[conversation_id] = History()
                case failure:
                    histories[conversation_id] = failure
        return histories

    def _write(
        self,
        writes: Sequence[NewHistory | ChangedHistory],
        results: dict[str, HistoryResult],
        deadline: Deadline,
    ) -> list[str]:
        """Write histories, and add each written history and each failure to `results`.

        Return the ids of the conversations whose write the store has refused, because another
        write came first.
        """
        refused_ids = []
        for write, result in zip(writes, self._store.write(writes, deadline), strict=True):
            match result:
                case WriteStatus.WRITTEN:
                    results[write.conversation_id] = write.history
                case WriteStatus.CONDITION_FAILED:
                    refused_ids.append(write.conversation_id)
                case failure:
                    results[write.conversation_id] = failure
        return refused_ids

    def _without_expired(self, history: History) -> History:
        """Return a history without its expired customer's ends, and without what they ended."""
        now_seconds = self._now_ms() // 1000
        expired_times = {
            at_ms for at_ms, end in history.customer_ends.items() if end.expires_at <= now_seconds
        }
        return history.without_ends(expired_times) if expired_times else history

    def _expires_at(self) -> int:
        return self._now_ms() // 1000 + self._keep_seconds
