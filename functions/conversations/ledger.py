"""The ledger records which invocation may deliver an end, and which destinations have the end.

An invocation delivers an end only while it holds the claim on the end. The end's item in the store
records the claim's holder (the invocation's random token) and when the claim's lease expires. Two
invocations never hold claims on the same end at the same time:

- A claim begins with a conditional write: `NewClaim` creates the item, or `Takeover` replaces the
  holder. The store carries out the writes to an item one after the other. Of several new claims,
  only the first finds no item. Of several takeovers from one holder, only the first still finds
  that holder.
- A claim is over before the next claim begins. A lease expires one second after the invocation's
  timeout, when Lambda has already stopped the invocation. An invocation that releases a claim
  earlier has already stopped delivering the end.

After a takeover, the new holder reads the list of destinations that have the end. By then, only the
holder can change this list, because every other invocation's `Mark` fails. An invocation that has
lost its claim finds out when its next mark fails, and then stops.

A write whose response was lost is sent again. If the first attempt to claim an end succeeded, the
second attempt finds the item claimed. Whenever the store refuses a claim, the invocation therefore
reads the item. If the item's holder is the invocation's own token, the invocation holds the claim.
A repeated mark succeeds (see `Mark`).

A destination can still get an end twice: if the destination's response was lost, or if the mark was
not written, for example because the invocation was killed.

A conversation that is re-opened ends again. Each of its ends in a queue has an item of its own,
with its own sequence. An end belongs to the first item whose `ended_at` is within five minutes of
the end's time. If there is no such item, the end gets a new item with the next sequence. The
earlier items then expire together with the new item, so that no sequence is used twice.
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
from conversations.failures import OUT_OF_TIME, Failed, OutOfTime
from conversations.ledger_store import (
    ABSENT,
    SECONDS_PER_DAY,
    Absent,
    EndKey,
    LedgerStore,
    Mark,
    NewClaim,
    RecordedEnd,
    SetExpiry,
    Takeover,
    Write,
    WriteResult,
    WriteStatus,
)
from conversations.parsed import Accepted
from deadline import Clock, Deadline

# How many items a search reads at once if the first item belongs to another end.
READ_AHEAD = 4


class Ledger:
    """Gives each invocation its `Claims`.

    Parameters
    ----------
    days
        How many days an end's item is kept after the last claim on the end.
    now_ms
        Returns the time in epoch milliseconds.
    """

    def __init__(self, store: LedgerStore, *, days: int, now_ms: Clock) -> None:
        self._store = store
        self._keep_seconds = days * SECONDS_PER_DAY
        self._now_ms = now_ms

    def open_claims(self, lease_until: int) -> "Claims":
        """Return a new invocation's claims, with leases until `lease_until` (epoch ms)."""
        return Claims(self._store, lease_until, self._keep_seconds, self._now_ms)


class _Search:
    """The search for an end's item among the items of the same conversation and queue.

    Attributes
    ----------
    key
        The current item's key. The search begins with sequence 1.
    item
        The current item as it was last read; `Absent` if it does not exist or was never read.
    result
        The result of claiming the end; `OUT_OF_TIME` until the result is known.
    """

    __slots__ = ("accepted", "item", "key", "result")

    def __init__(self, accepted: Accepted) -> None:
        self.accepted = accepted
        self.key = EndKey(accepted.end.conversation_id, accepted.end.queue_id)
        self.item: RecordedEnd | Absent | Failed = ABSENT
        self.result: ClaimResult = OUT_OF_TIME

    def key_with(self, sequence: int) -> EndKey:
        return EndKey(self.key.conversation_id, self.key.queue_id, sequence)

    def is_same_end(self, ended_at: int) -> bool:
        """Return whether `accepted` is the recorded end whose time is `ended_at` (epoch ms)."""
        if not self.accepted.has_own_time:
            return True  # without a time to compare, it counts as any recorded end
        return abs(self.accepted.ended_at_ms - ended_at) <= SAME_END_WINDOW_MS

    def keys_to_read(self) -> list[EndKey]:
        """Return the keys of the items to read next, beginning with the current item's key."""
        # Few conversations have a second item, so the first item is read alone.
        sequence = self.key.sequence
        count = 1 if sequence == 1 else READ_AHEAD
        return [self.key_with(sequence + n) for n in range(count)]

    def advance(
        self, items: Mapping[EndKey, RecordedEnd | Absent | Failed]
    ) -> RecordedEnd | Absent | Failed | None:
        """Go through the items that were read; return the item at which the search stops.

        The search stops at the end's own item, at a key without an item, or at an item that could
        not be read. If all items belong to other ends, return None; the search must then read on.
        """
        for key in self.keys_to_read():
            self.key, self.item = key, items[key]
            if not isinstance(self.item, RecordedEnd) or self.is_same_end(self.item.ended_at):
                return self.item
        self.key = self.key_with(self.key.sequence + 1)
        return None


class Claims:
    """The claims of one invocation.

    Attributes
    ----------
    holder
        The invocation's token, which the ledger records as the holder of these claims.
    marks_per_call
        How many marks the store can write with one call to the database; `mark` accepts more.
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
        """Claim ends, and return the results in order.

        Two ends that belong to the same item get the same `Claim` object.
        """
        searches = [_Search(accepted) for accepted in ends]
        groups: dict[EndKey, list[_Search]] = {}
        # Ends with a time of their own come first, so that a new item gets one of their times.
        for search in sorted(searches, key=lambda search: not search.accepted.has_own_time):
            groups.setdefault(search.key, []).append(search)
        # Each round claims one end per conversation and queue, because the next end may belong to
        # the same item.
        while groups:
            self._claim_distinct([group.pop(0) for group in groups.values()], deadline)
            groups = {key: group for key, group in groups.items() if group}
        return [search.result for search in searches]

    def mark(
        self, claims: Sequence[Claim], done_flags: Sequence[bool], deadline: Deadline
    ) -> list[MarkResult]:
        """Record which destinations have the claimed ends, and return the results in order.

        Parameters
        ----------
        done_flags
            For each claim, whether every destination now has the claimed end.
        """
        marks = []
        for claim, done in zip(claims, done_flags, strict=True):
            # Each mark has a lower `lease_until` than the mark before, so that the store refuses a
            # mark that arrives after a newer one (see `Mark`).
            claim.lease_until = 0 if done else claim.lease_until - 1
            marks.append(self._make_mark(claim, done=done))
        return [_mark_result(result) for result in self._store.write(marks, deadline)]

    def release(self, claims: Sequence[Claim], deadline: Deadline) -> None:
        """Give up claims before their leases expire, so that a retry need not wait.

        If a release fails, the retry waits until the lease expires. A release also records the
        destinations that have the end, in case a mark has failed.
        """
        for claim in claims:
            claim.lease_until = 0
        self._store.write([self._make_mark(claim, done=False) for claim in claims], deadline)

    def _claim_distinct(self, searches: Sequence[_Search], deadline: Deadline) -> None:
        """Claim ends, no two of which have the same conversation and queue.

        The claim on a first item is written before the item is read, because most ends are new.
        """
        claimable: list[_Search] = []
        unread: list[_Search] = []
        for search in searches:
            held = self._held.get(search.key)
            if held is None:
                claimable.append(search)
            elif search.is_same_end(held.ended_at):
                search.result = held
            else:
                search.key = search.key_with(2)
                unread.append(search)
        claimable += self._read_items(unread, deadline)
        # Most ends take one round. A takeover or a further sequence can take more, because the
        # existing items must be read first.
        while claimable:
            claimable = self._read_items(self._write_claims(claimable, deadline), deadline)

    def _write_claims(self, searches: Sequence[_Search], deadline: Deadline) -> list[_Search]:
        """Write claims on ends; return the searches whose current item must be read."""
        now = self._now_ms()
        expires_at = now // 1000 + self._keep_seconds
        claims: list[Write] = [self._make_claim(search, now, expires_at) for search in searches]
        expiry_changes: list[Write] = []
        for search in searches:
            earlier_sequences = range(1, search.key.sequence)
            expiry_changes += [SetExpiry(search.key_with(n), expires_at) for n in earlier_sequences]
        claim_results = self._store.write(claims + expiry_changes, deadline)[: len(claims)]
        unread = []
        for search, result in zip(searches, claim_results, strict=True):
            if isinstance(result, Failed | OutOfTime):
                search.result = result
            elif result is WriteStatus.WRITTEN and isinstance(search.item, Absent):
                search.result = self._hold(search.key, search.accepted.ended_at_ms, ())
            else:
                # After a takeover, the read finds the destinations that have the end. After a
                # failed condition, the read finds the holder.
                unread.append(search)
        return unread

    def _make_claim(self, search: _Search, now: int, expires_at: int) -> NewClaim | Takeover:
        key, item, lease_until = search.key, search.item, self._lease_until
        if isinstance(item, RecordedEnd):
            return Takeover(key, self.holder, lease_until, expires_at, item.holder, now)
        accepted = search.accepted
        return NewClaim(
            key, self.holder, lease_until, accepted.ended_at_ms, accepted.end.source, expires_at
        )

    def _read_items(self, searches: Sequence[_Search], deadline: Deadline) -> list[_Search]:
        """Read items and set the results; return the searches whose claim can be written now."""
        claimable: list[_Search] = []
        while searches:
            # The searches differ in conversation or queue, so no key occurs twice.
            keys = [key for search in searches for key in search.keys_to_read()]
            items = self._store.read_ends(keys, deadline)
            unread = []
            for search in searches:
                match search.advance(items):
                    case None:
                        unread.append(search)
                    case Failed() as failure:
                        search.result = failure
                    case RecordedEnd(done=True):
                        search.result = AlreadyDone()
                    case RecordedEnd(holder=self.holder, ended_at=ended_at, delivered=delivered):
                        search.result = self._hold(search.key, ended_at, delivered)
                    case RecordedEnd(lease_until=until) if until >= self._now_ms():
                        search.result = HeldByOther(until)
                    case _:  # no item, or an expired or released claim
                        claimable.append(search)
            searches = unread
        return claimable

    def _hold(self, key: EndKey, ended_at: int, delivered: Sequence[str]) -> Claim:
        return self._held.setdefault(key, Claim(key, ended_at, self._lease_until, list(delivered)))

    def _make_mark(self, claim: Claim, *, done: bool) -> Mark:
        return Mark(claim.key, self.holder, claim.lease_until, claim.delivered, done)


def _mark_result(result: WriteResult) -> MarkResult:
    if isinstance(result, Failed | OutOfTime):
        return result
    return Marked() if result is WriteStatus.WRITTEN else ClaimLost()
