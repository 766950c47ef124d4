"""The histories of conversations, which the ledger's store keeps.

The end rules `touched` and `last_queue` add each event to its conversation's history, and then
decide from the merged history which ends the event completes.

To add an event, the worker first tries to create a history with this event. If the conversation
already has a history, the store refuses this write, and the worker reads the history. If the event
is not in the history yet, the worker writes the extended history. The store refuses this write if
the history has changed since the read; the worker then reads it again.

If two invocations add an event at the same moment, the store therefore refuses the second write.
The second invocation then reads the other's event, and decides from both events.

A conversation's first event costs one write and no read. A conversation that never enters our
queues costs only this write, because the worker gets only its `customer.end`.
"""

from collections.abc import Mapping, Sequence

from conversations.end import SAME_END_WINDOW_MS
from conversations.failures import Failed, OutOfTime
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
        results: dict[str, HistoryResult] = {}
        ids_to_create = list(additions)
        while ids_to_create:
            expires_at = self._expires_at()
            writes = [
                NewHistory(conversation_id, additions[conversation_id], expires_at)
                for conversation_id in ids_to_create
            ]
            existing_ids = self._write(writes, results, deadline)
            # A history can expire between the refused write and the read.
            ids_to_create = self._extend(existing_ids, additions, results, deadline)
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

    def _extend(
        self,
        existing_ids: Sequence[str],
        additions: Mapping[str, History],
        results: dict[str, HistoryResult],
        deadline: Deadline,
    ) -> list[str]:
        """Merge additions into existing histories; add merged histories and failures to `results`.

        Return the ids of the conversations whose history has expired meanwhile.
        """
        expired_ids: list[str] = []
        while existing_ids:
            items = self._store.read_histories(existing_ids, deadline)
            expires_at = self._expires_at()
            changes: list[ChangedHistory] = []
            for conversation_id in existing_ids:
                match items[conversation_id]:
                    case RecordedHistory(history, version):
                        before = self._without_expired(history)
                        after = before.merged_with(additions[conversation_id])
                        if after == before:
                            results[conversation_id] = before
                        else:
                            changes.append(
                                ChangedHistory(conversation_id, after, version, expires_at)
                            )
                    case Absent():
                        expired_ids.append(conversation_id)
                    case failure:
                        results[conversation_id] = failure
            # A history that has changed since the read is read again.
            existing_ids = self._write(changes, results, deadline)
        return expired_ids

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
        customer_ends = {
            at_ms: customer_end
            for at_ms, customer_end in history.customer_ends.items()
            if customer_end.expires_at > now_seconds
        }
        expired_times = history.customer_ends.keys() - customer_ends.keys()
        if not expired_times:
            return history
        # A later customer's end would take the queues of an expired one for its own.
        ended_until_ms = max(expired_times) + SAME_END_WINDOW_MS
        queues = {
            queue_id: tuple(event for event in events if event.at_ms > ended_until_ms)
            for queue_id, events in history.queues.items()
        }
        return History({id_: events for id_, events in queues.items() if events}, customer_ends)

    def _expires_at(self) -> int:
        return self._now_ms() // 1000 + self._keep_seconds
