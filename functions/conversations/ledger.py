"""The ledger: the ends of conversations, who may deliver each, and the destinations that have it.

An invocation delivers an end only while it holds the claim on it. The end's item names the holder,
a random token of the invocation, and the moment at which its lease ends. Two invocations can never
both hold the claim:

- A claim is taken in one of two ways. A new claim makes the item, and fails where there is one. A
  takeover changes the holder, and demands that the holder is still the one just read, that the end
  is not done, and that the lease is over. The store carries out the writes of one item one after
  the other: of several new claims one succeeds, and of several takeovers from one holder only the
  first still finds that holder.
- After a takeover the holder reads, consistently, which destinations have the end. From then on
  nobody else changes that: each mark, completion and release demands that its writer is the holder.
  An invocation that has lost its claim finds out by its next write, and stops.
- A lease ends one second after the timeout of the invocation that took it. Lambda has ended the
  invocation by then, so that nobody delivers without a claim.

A write whose answer was lost is sent again. A new claim or a takeover then meets an item that
names its own token: it has succeeded. The other writes change nothing the second time.

A write may also be carried out late, after later writes of its holder. It then fails: each write of
a holder shortens the lease by a millisecond, and demands that the lease is not shorter already.

What remains is at-least-once. A destination gets an end again if the invocation was killed before
it could mark the delivery, or if the destination's answer was lost. No other destination does.

A conversation that is re-opened ends again. Its ends in a queue have items of their own, numbered
in sequence. An end belongs to the first item within five minutes of it; if there is none, it makes
the next item. The items before are kept as long as that one, so that no number is given twice.
"""

import uuid
from collections.abc import Mapping, Sequence

from conversations.claim import (
    AlreadyDone,
    Claim,
    ClaimLost,
    ClaimResult,
    HeldByOther,
    Marked,
    MarkResult,
)
from conversations.end import SAME_END_WINDOW_MS
from conversations.failures import NO_TIME, Failed, NoTime
from conversations.ledger_store import (
    ABSENT,
    DAY,
    Absent,
    Effect,
    EndKey,
    Keep,
    LedgerStore,
    Mark,
    NewClaim,
    RecordedEnd,
    Takeover,
    Write,
    WriteResult,
)
from conversations.parsed import Accepted
from deadline import Clock, Deadline

# The items of a re-opened conversation that are read at a time.
READ_AHEAD = 4


class Ledger:
    """The ledger of all ends.

    Parameters
    ----------
    days
        How long an end is remembered after it was last claimed.
    now_ms
        Returns the time in epoch milliseconds.
    """

    def __init__(self, store: LedgerStore, *, days: int, now_ms: Clock) -> None:
        self._store = store
        self._keep_seconds = days * DAY
        self._now_ms = now_ms

    def claims(self, lease_until: int) -> "Claims":
        """Return the claims of a new invocation, whose leases end at `lease_until`, epoch ms."""
        return Claims(self._store, lease_until, self._keep_seconds, self._now_ms)


class _Search:
    """An end on its way through the items of its conversation and queue.

    Attributes
    ----------
    key
        The item that it has come to.
    item
        That item as it was read last; `Absent` until it was.
    """

    __slots__ = ("accepted", "item", "key", "result")

    def __init__(self, accepted: Accepted) -> None:
        self.accepted = accepted
        self.key = EndKey(accepted.end.conversation_id, accepted.end.queue_id)
        self.item: RecordedEnd | Absent | Failed = ABSENT
        self.result: ClaimResult = NO_TIME

    def key_of(self, sequence: int) -> EndKey:
        return EndKey(self.key.conversation_id, self.key.queue_id, sequence)

    def belongs_to(self, ended_at: int) -> bool:
        apart = abs(self.accepted.ended_at_ms - ended_at)
        return apart <= SAME_END_WINDOW_MS or not self.accepted.has_own_time

    def keys_to_read(self) -> list[EndKey]:
        """Return the next keys: the first alone, as few conversations have a second item."""
        here = self.key.sequence
        return [self.key] if here == 1 else [self.key_of(here + n) for n in range(READ_AHEAD)]

    def go_on(
        self, recorded: Mapping[EndKey, RecordedEnd | Absent | Failed]
    ) -> RecordedEnd | Absent | Failed | None:
        """Go on to the end's item, or to its free place; return that, None if it lies further."""
        for key in self.keys_to_read():
            self.key, self.item = key, recorded[key]
            if not isinstance(self.item, RecordedEnd) or self.belongs_to(self.item.ended_at):
                return self.item
        self.key = self.key_of(self.key.sequence + 1)
        return None


class Claims:
    """The claims of one invocation.

    Attributes
    ----------
    holder
        The invocation's token.
    marks_per_call
        The number of marks that cost one call.
    """

    def __init__(
        self, store: LedgerStore, lease_until: int, keep_seconds: int, now_ms: Clock
    ) -> None:
        self.holder = uuid.uuid4().hex
        self.marks_per_call = store.writes_per_call
        self._store = store
        self._lease_until = lease_until
        self._keep_seconds = keep_seconds
        self._now_ms = now_ms
        self._held: dict[EndKey, Claim] = {}

    def claim(self, ends: Sequence[Accepted], deadline: Deadline) -> list[ClaimResult]:
        """Claim ends, and return a result for each.

        Ends that turn out to be one and the same have the same `Claim` object.
        """
        searches = [_Search(accepted) for accepted in ends]
        waiting: dict[EndKey, list[_Search]] = {}
        # An end without a time belongs to the first item, whichever that is: others make it first.
        for search in sorted(searches, key=lambda search: not search.accepted.has_own_time):
            waiting.setdefault(search.key, []).append(search)
        # Ends of one conversation and queue in turn: each may be the one that the next belongs to.
        while waiting:
            self._claim_distinct([ends.pop(0) for ends in waiting.values()], deadline)
            waiting = {key: ends for key, ends in waiting.items() if ends}
        return [search.result for search in searches]

    def mark(
        self, claims: Sequence[Claim], complete: Sequence[bool], deadline: Deadline
    ) -> list[MarkResult]:
        """Write down which destinations have the claimed ends; return a result for each claim.

        Parameters
        ----------
        complete
            For each claim whether its end is done with that.
        """
        marks = []
        for claim, done in zip(claims, complete, strict=True):
            claim.lease_until = 0 if done else claim.lease_until - 1
            marks.append(self._mark(claim, done=done))
        return [_mark_result(result) for result in self._store.write(marks, deadline)]

    def release(self, claims: Sequence[Claim], deadline: Deadline) -> None:
        """Give claims up, so that a retry need not wait until their leases are over.

        A retry waits if that fails. What is delivered is written again, in case a mark failed.
        """
        for claim in claims:
            claim.lease_until = 0
        self._store.write([self._mark(claim, done=False) for claim in claims], deadline)

    def _claim_distinct(self, searches: Sequence[_Search], deadline: Deadline) -> None:
        """Claim ends of which no two have the same conversation and queue."""
        free: list[_Search] = []
        further: list[_Search] = []
        for search in searches:
            held = self._held.get(search.key)
            if held is None:
                free.append(search)
            elif search.belongs_to(held.ended_at):
                search.result = held
            else:
                search.key = search.key_of(2)
                further.append(search)
        free += self._look_up(further, deadline)
        while free:
            free = self._look_up(self._write(free, deadline), deadline)

    def _write(self, free: Sequence[_Search], deadline: Deadline) -> list[_Search]:
        """Try to claim ends; return those whose items must be read now."""
        now = self._now_ms()
        expires_at = now // 1000 + self._keep_seconds
        writes: list[Write] = [self._attempt(search, now, expires_at) for search in free]
        for search in free:
            earlier = range(1, search.key.sequence)
            writes += [Keep(search.key_of(sequence), expires_at) for sequence in earlier]
        results = self._store.write(writes, deadline)[: len(free)]
        to_read = []
        for search, result in zip(free, results, strict=True):
            if isinstance(result, Failed | NoTime):
                search.result = result
            elif result is Effect.WRITTEN and isinstance(search.item, Absent):
                search.result = self._hold(search.key, search.accepted.ended_at_ms, ())
            else:  # taken over, so that what is delivered has to be read; or claimed by another
                to_read.append(search)
        return to_read

    def _attempt(self, search: _Search, now: int, expires_at: int) -> NewClaim | Takeover:
        key, item, lease_until = search.key, search.item, self._lease_until
        if isinstance(item, RecordedEnd):
            return Takeover(key, self.holder, lease_until, expires_at, item.holder, now)
        accepted = search.accepted
        return NewClaim(
            key, self.holder, lease_until, accepted.ended_at_ms, accepted.end.source, expires_at
        )

    def _look_up(self, searches: Sequence[_Search], deadline: Deadline) -> list[_Search]:
        """Read the items of ends; return the ends that are free to be claimed."""
        free: list[_Search] = []
        while searches:
            # Of one conversation and queue there is one end at a time, so no key is there twice.
            keys = [key for search in searches for key in search.keys_to_read()]
            recorded = self._store.read_ends(keys, deadline)
            further = []
            for search in searches:
                match search.go_on(recorded):
                    case None:
                        further.append(search)
                    case Failed() as failed:
                        search.result = failed
                    case RecordedEnd(done=True):
                        search.result = AlreadyDone()
                    case RecordedEnd(holder=self.holder, ended_at=ended_at, delivered=delivered):
                        search.result = self._hold(search.key, ended_at, delivered)
                    case RecordedEnd(lease_until=until) if until >= self._now_ms():
                        search.result = HeldByOther(until)
                    case _:
                        free.append(search)
            searches = further
        return free

    def _hold(self, key: EndKey, ended_at: int, delivered: Sequence[str]) -> Claim:
        return self._held.setdefault(key, Claim(key, ended_at, self._lease_until, list(delivered)))

    def _mark(self, claim: Claim, *, done: bool) -> Mark:
        return Mark(claim.key, self.holder, claim.lease_until, claim.delivered, done)


def _mark_result(result: WriteResult) -> MarkResult:
    if isinstance(result, Failed | NoTime):
        return result
    return Marked() if result is Effect.WRITTEN else ClaimLost()
