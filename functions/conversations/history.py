"""What is known of a conversation so far, gathered from its events in whatever order they come.

Each conversation has one item in the ledger's table, under the sort key `#join`. An event adds to
it before it looks at it: an INSERT if it is the first to come, else an UPDATE that demands the
`version` that was just read, so that what was added to is exactly what is known afterwards. The
writes of one item follow one another, so of two events at the same moment the one whose write is
the later sees the other's: at least one of them sees both. An event whose news is in the item
already, because it came twice, has nothing to add and sees what is there.

An event that is the first of its conversation costs one write and no read. That is all that a
conversation costs which never touches our queues; its item expires.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from conversations.ledger import DAY, SAME_END_MS
from conversations.ledger_statements import Values, insert, update
from conversations.ledger_table import (
    CONDITION_FAILED,
    DONE,
    DUPLICATE,
    NO_TIME,
    LedgerTable,
    Statement,
)
from deadline import Clock, Deadline

SORT_KEY = "#join"
# So many times of a queue's events are kept at most: the first and the latest ones. Agents who do
# not answer for days must not make an item that DynamoDB refuses.
MOST_TIMES = 200


@dataclass(frozen=True, slots=True)
class CustomerEnd:
    """A customer who has left for good.

    Attributes
    ----------
    latest_ms
        The latest time of the ends that are this one, epoch milliseconds.
    settling
        Whether the worker has told itself to decide on it later.
    decided
        The queue that was decided on; None as long as none was.
    expires_at
        Until when it is known, epoch seconds; 0 as long as it is not written down. What is fired
        by then the ledger knows for longer, so that it never fires again as something new.
    """

    latest_ms: int
    dated: bool = True
    media_type: str | None = None
    direction: str | None = None
    disconnect_type: str | None = None
    settling: bool = False
    decided: str | None = None
    expires_at: int = 0


@dataclass(frozen=True, slots=True)
class History:
    """What is known of a conversation.

    Attributes
    ----------
    queues
        By id of a queue of ours, the times of its events in order, epoch milliseconds.
    ends
        By its time in epoch milliseconds, each end; those within five minutes are one.
    """

    queues: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    ends: Mapping[int, CustomerEnd] = field(default_factory=dict)

    def and_also(self, news: "History") -> "History":
        """Return it with what another one has to add."""
        queues = dict(self.queues)
        for queue_id, times in news.queues.items():
            first, *later = sorted({*queues.get(queue_id, ()), *times})
            queues[queue_id] = first, *later[1 - MOST_TIMES :]
        ends = dict(self.ends)
        for at_ms, left in sorted(news.ends.items()):
            same = History(ends=ends).end_at(at_ms)
            if same is None:
                ends[at_ms] = left
            else:
                ends[same] = dataclasses.replace(
                    ends[same],
                    latest_ms=max(ends[same].latest_ms, left.latest_ms),
                    settling=ends[same].settling or left.settling,
                    decided=ends[same].decided or left.decided,
                )
        return History(queues, ends)

    def end_at(self, at_ms: int) -> int | None:
        """Return the time of the end that an end at a time is the same as."""
        near = (known for known in sorted(self.ends) if abs(known - at_ms) <= SAME_END_MS)
        return next(near, None)

    def touched_by(self, ended_at_ms: int) -> dict[str, int]:
        """Return the queues that have an event dated no later than five minutes after an end.

        Agents' work after it counts; what came when the conversation was re-opened does not. With
        each queue comes the time of its latest such event.
        """
        until = self.ends[ended_at_ms].latest_ms + SAME_END_MS
        return {
            queue_id: max(time for time in times if time <= until)
            for queue_id, times in sorted(self.queues.items())
            if times[0] <= until
        }


@dataclass(frozen=True, slots=True)
class Unknown:
    """The table did not answer: DynamoDB's word for it, or empty for want of time."""

    error: str = ""


class Histories:
    """What is known of conversations, in the ledger's table.

    Parameters
    ----------
    days
        How long it is kept after it was last added to; an end of it, after it became known.
    """

    def __init__(self, table: LedgerTable, *, days: int, now_ms: Clock) -> None:
        self._table = table
        self._keep_seconds = days * DAY
        self._now_ms = now_ms

    def add(self, news: Mapping[str, History], deadline: Deadline) -> dict[str, History | Unknown]:
        """Add to what is known of conversations; return all that is known of each then."""
        known: dict[str, History | Unknown] = {}
        first = list(news)
        while first:
            codes = self._table.write([self._insert(c, news[c]) for c in first], deadline)
            there = []
            for conversation_id, code in zip(first, codes, strict=True):
                if code == DONE:
                    known[conversation_id] = news[conversation_id]
                elif code == DUPLICATE:
                    there.append(conversation_id)
                else:
                    known[conversation_id] = _unknown(code)
            first = self._add_to(there, news, known, deadline)
        return known

    def look(
        self, conversation_ids: Sequence[str], deadline: Deadline
    ) -> dict[str, History | Unknown]:
        """Return what is known of conversations; nothing of one that has no item."""
        items = self._table.read_items([(c, SORT_KEY) for c in conversation_ids], deadline)
        return {
            c: self._known(items[c, SORT_KEY])[0] if (c, SORT_KEY) in items else Unknown("Unread")
            for c in conversation_ids
        }

    def _add_to(
        self,
        there: Sequence[str],
        news: Mapping[str, History],
        known: dict[str, History | Unknown],
        deadline: Deadline,
    ) -> list[str]:
        """Add to items that are there; return the conversations whose item is gone by now."""
        gone: list[str] = []
        while there:
            items = self._table.read_items([(c, SORT_KEY) for c in there], deadline)
            merged: dict[str, History] = {}
            updates = []
            for c in there:
                if (c, SORT_KEY) not in items:
                    known[c] = Unknown("Unread")
                    continue
                item = items[c, SORT_KEY]
                if item is None:
                    gone.append(c)
                    continue
                before, version = self._known(item)
                after = before.and_also(news[c])
                if after == before:
                    known[c] = before
                else:
                    merged[c] = after
                    updates.append(self._update(c, after, version))
            codes = self._table.write(updates, deadline)
            there = []
            for (c, after), code in zip(merged.items(), codes, strict=True):
                if code == DONE:
                    known[c] = after
                elif code == CONDITION_FAILED:
                    there.append(c)
                else:
                    known[c] = _unknown(code)
        return gone

    def _insert(self, conversation_id: str, news: History) -> Statement:
        return insert(self._table.name, (conversation_id, SORT_KEY), self._values(news, 1))

    def _update(self, conversation_id: str, known: History, version: int) -> Statement:
        values = self._values(known, version + 1)
        demanded = {"version": {"N": str(version)}}
        return update(self._table.name, (conversation_id, SORT_KEY), values, demanded)

    def _values(self, known: History, version: int) -> Values:
        expires_at = self._now_ms() // 1000 + self._keep_seconds
        queues = {
            queue_id: {"L": [{"N": str(time)} for time in times]}
            for queue_id, times in known.queues.items()
        }
        ends = {
            str(at_ms): {"M": _left_values(left, left.expires_at or expires_at)}
            for at_ms, left in known.ends.items()
        }
        return {
            "queues": {"M": queues},
            "ends": {"M": ends},
            "version": {"N": str(version)},
            "expires_at": {"N": str(expires_at)},
        }

    def _known(self, item: Mapping[str, Any] | None) -> tuple[History, int]:
        """Return what an item tells, and its version."""
        if item is None:
            return History(), 0
        queues = {
            queue_id: tuple(int(time["N"]) for time in times["L"])
            for queue_id, times in item["queues"]["M"].items()
        }
        ends = {int(at_ms): _left(values["M"]) for at_ms, values in item["ends"]["M"].items()}
        now = self._now_ms() // 1000
        known = {at_ms: left for at_ms, left in ends.items() if left.expires_at > now}
        return History(queues, known), int(item["version"]["N"])


def _unknown(code: str) -> Unknown:
    return Unknown("" if code == NO_TIME else code)


def _left_values(left: CustomerEnd, expires_at: int) -> dict[str, dict[str, Any]]:
    texts = {
        "media_type": left.media_type,
        "direction": left.direction,
        "disconnect_type": left.disconnect_type,
        "decided": left.decided,
    }
    values: dict[str, dict[str, Any]] = {name: {"S": text} for name, text in texts.items() if text}
    values["latest_ms"] = {"N": str(left.latest_ms)}
    values["expires_at"] = {"N": str(expires_at)}
    values["dated"] = {"BOOL": left.dated}
    values["settling"] = {"BOOL": left.settling}
    return values


def _left(values: Mapping[str, Any]) -> CustomerEnd:
    texts = ("media_type", "direction", "disconnect_type", "decided")
    return CustomerEnd(
        latest_ms=int(values["latest_ms"]["N"]),
        expires_at=int(values["expires_at"]["N"]),
        dated=values["dated"]["BOOL"],
        settling=values["settling"]["BOOL"],
        **{name: values[name]["S"] for name in texts if name in values},
    )
