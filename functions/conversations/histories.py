"""The histories of all conversations, kept in the ledger's store.

Each conversation has one history. An event first adds to it, and then looks at what it holds. The
first event of a conversation makes the history; each further one replaces the version that it has
just read. What an event has written is therefore all that is known at that moment.

The store carries out the writes of one history one after the other. Of two events that arrive at
the same moment, the one written second therefore sees the other: at least one of them sees both. An
event that came before adds nothing, and sees all that is there.

A conversation's first event costs one write and no read. A conversation that never enters our
queues costs no more than that; its history expires.
"""

from collections.abc import Mapping, Sequence

from conversations.failures import Failed, NoTime
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

HistoryResult = History | Failed | NoTime


class Histories:
    """The histories of conversations.

    Parameters
    ----------
    days
        How long a history is kept after the last addition; how long an end of it counts.
    """

    def __init__(self, store: LedgerStore, *, days: int, now_ms: Clock) -> None:
        self._store = store
        self._keep_seconds = days * SECONDS_PER_DAY
        self._now_ms = now_ms

    def add(self, additions: Mapping[str, History], deadline: Deadline) -> dict[str, HistoryResult]:
        """Add to the histories of conversations; return by conversation all that it then holds."""
        results: dict[str, HistoryResult] = {}
        unknown = list(additions)
        while unknown:
            expires_at = self._expires_at()
            writes = [NewHistory(c, additions[c], expires_at) for c in unknown]
            existing = self._write(writes, results, deadline)
            unknown = self._extend(existing, additions, results, deadline)
        return results

    def read(
        self, conversation_ids: Sequence[str], deadline: Deadline
    ) -> dict[str, History | Failed]:
        """Return the histories of conversations, empty ones where there are none yet."""
        histories: dict[str, History | Failed] = {}
        recorded = self._store.read_histories(conversation_ids, deadline)
        for conversation_id in conversation_ids:
            match recorded[conversation_id]:
                case RecordedHistory(history):
                    histories[conversation_id] = self._unexpired(history)
                case Absent():
                    histories[conversation_id] = History()
                case failed:
                    histories[conversation_id] = failed
        return histories

    def _extend(
        self,
        existing: Sequence[str],
        additions: Mapping[str, History],
        results: dict[str, HistoryResult],
        deadline: Deadline,
    ) -> list[str]:
        """Add to histories that exist; return the conversations whose history has expired since."""
        gone: list[str] = []
        while existing:
            recorded = self._store.read_histories(existing, deadline)
            expires_at = self._expires_at()
            changes: list[ChangedHistory] = []
            for conversation_id in existing:
                match recorded[conversation_id]:
                    case RecordedHistory(history, version):
                        before = self._unexpired(history)
                        after = before.merged_with(additions[conversation_id])
                        if after == before:
                            results[conversation_id] = before
                        else:
                            changes.append(
                                ChangedHistory(conversation_id, after, version, expires_at)
                            )
                    case Absent():
                        gone.append(conversation_id)
                    case failed:
                        results[conversation_id] = failed
            existing = self._write(changes, results, deadline)
        return gone

    def _write(
        self,
        writes: Sequence[NewHistory | ChangedHistory],
        results: dict[str, HistoryResult],
        deadline: Deadline,
    ) -> list[str]:
        """Write histories; return the conversations in which another write came first."""
        overtaken = []
        for write, result in zip(writes, self._store.write(writes, deadline), strict=True):
            match result:
                case WriteStatus.WRITTEN:
                    results[write.conversation_id] = write.history
                case WriteStatus.CONDITION_FAILED:
                    overtaken.append(write.conversation_id)
                case failure:
                    results[write.conversation_id] = failure
        return overtaken

    def _unexpired(self, history: History) -> History:
        now = self._now_ms() // 1000
        ends = {at_ms: end for at_ms, end in history.ends.items() if end.expires_at > now}
        return History(history.queues, ends)

    def _expires_at(self) -> int:
        return self._now_ms() // 1000 + self._keep_seconds
