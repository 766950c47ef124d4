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
  earlier has already stopped delivering the end. Only calls that it has abandoned can still arrive.

After a takeover, the new holder reads the list of destinations that have the end. By then, only the
holder can change this list, because every other invocation's `Mark` fails. An invocation that has
lost its claim finds out when its next mark fails, and changes nothing.

A write whose response was lost is sent again. If the first attempt to claim an end succeeded, the
second attempt finds the item claimed. Whenever the store refuses a claim, the invocation therefore
reads the item. If the item's holder is the invocation's own token, the invocation holds the claim.
A repeated mark succeeds (see `Mark`).

A destination can still get an end twice: if the destination's response was lost, or if the mark was
not written, for example because the invocation was killed.

A conversation that is re-opened ends again. Each of its ends in a queue has its own item, with its
own sequence (see `end_search`). If an end gets a new item, the earlier items expire with it.

An item's span grows when an event reports the end with a time outside the span. The claim's holder
records the longer span with its next mark or release. If the end is done, the span is written
before the event counts as a duplicate. Otherwise the next event could not be recognized.

If an end's details are not there yet, the invocation sends a delayed message, which will deliver
the end, and then releases the claim. The release records the delayed message's number of attempts.
So a message with fewer attempts need not deliver the end: it repeats an event, or was sent before.
"""

import uuid
from collections import defaultdict
from collections.abc import Mapping, Sequence

from conversations.claim import (
    AlreadyDone,
    AwaitsDetails,
    Claim,
    ClaimLost,
    ClaimResult,
    HeldByOther,
    Marked,
    MarkResult,
)
from conversations.end_search import EndSearch
from conversations.failures import Failed, OutOfTime
from conversations.ledger_store import (
    SECONDS_PER_DAY,
    EndKey,
    ExtendSpan,
    LedgerStore,
    Mark,
    NewClaim,
    RecordedEnd,
    SetExpiry,
    Span,
    Takeover,
    WriteResult,
    WriteStatus,
)
from conversations.parsed import Accepted
from deadline import Clock, Deadline


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
        # The held claims by sequence, keyed by the key of sequence 1.
        self._held: defaultdict[EndKey, dict[int, Claim]] = defaultdict(dict)

    def claim(self, ends: Sequence[Accepted], deadline: Deadline) -> list[ClaimResult]:
        """Claim ends, and return the results in order.

        Two ends that belong to the same item get the same `Claim` object.
        """
        results: dict[int, ClaimResult] = {}
        groups: defaultdict[EndKey, list[int]] = defaultdict(list)
        # In the order of their times, ends that lie close to one another become one end. Ends
        # without a time of their own come last, so that a new item gets the time of another end.
        for position, _ in sorted(enumerate(ends), key=lambda item: _time_order(item[1])):
            end = ends[position].end
            groups[EndKey(end.conversation_id, end.queue_id)].append(position)
        # Each round claims one end per conversation and queue, because the next end may belong to
        # the same item.
        while groups:
            positions = {key: group.pop(0) for key, group in groups.items()}
            round_ends = {key: ends[position] for key, position in positions.items()}
            round_results = self._claim_distinct(round_ends, deadline)
            results |= {position: round_results[key] for key, position in positions.items()}
            groups = defaultdict(list, {key: group for key, group in groups.items() if group})
        return [results[position] for position in range(len(ends))]

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

    def release(self, claims: Sequence[Claim], deadline: Deadline) -> list[MarkResult]:
        """Give up claims before their leases expire, and return the results in order.

        If a release fails, the retry waits until the lease expires. A release also records the
        destinations that have the end, in case a mark has failed.
        """
        for claim in claims:
            claim.lease_until = 0
        marks = [self._make_mark(claim, done=False) for claim in claims]
        return [_mark_result(result) for result in self._store.write(marks, deadline)]

    def _claim_distinct(
        self, ends: Mapping[EndKey, Accepted], deadline: Deadline
    ) -> dict[EndKey, ClaimResult]:
        """Claim ends. The keys, of sequence 1, also key the results."""
        # Most ends are new and the first of their conversation and queue, so no item is read first.
        unheld_ends = {key: end for key, end in ends.items() if key not in self._held}
        results = self._claim_first(unheld_ends, deadline)
        searches = {
            key: EndSearch(end, self._held[key]) for key, end in ends.items() if key not in results
        }
        unfinished = [*searches.values()]
        # A takeover, a longer span or a further sequence can take several rounds.
        while unfinished:
            unfinished = self._write(self._read(unfinished, deadline), deadline)
        return results | {key: search.result for key, search in searches.items()}

    def _claim_first(
        self, ends: Mapping[EndKey, Accepted], deadline: Deadline
    ) -> dict[EndKey, ClaimResult]:
        """Claim ends as the first ones of their conversations and queues.

        Return no result for an end if there already is a first one.
        """
        expires_at = self._now_ms() // 1000 + self._keep_seconds
        writes = [self._make_new_claim(key, end, expires_at) for key, end in ends.items()]
        results: dict[EndKey, ClaimResult] = {}
        for write, result in zip(writes, self._store.write(writes, deadline), strict=True):
            if isinstance(result, Failed | OutOfTime):
                results[write.key] = result
            elif result is WriteStatus.WRITTEN:
                claim = _make_claim(write)
                results[write.key] = self._held[write.key][1] = claim
        return results

    def _read(self, searches: Sequence[EndSearch], deadline: Deadline) -> list[EndSearch]:
        """Read items and set the results; return the searches that need a write now."""
        writable: list[EndSearch] = []
        while searches:
            # The searches differ in conversation or queue, so no key occurs twice.
            keys = [key for search in searches for key in search.keys_to_read]
            items = self._store.read_ends(keys, deadline) if keys else {}
            unfinished = []
            for search in searches:
                if failure := search.add(items):
                    search.result = failure
                elif search.keys_to_read:
                    unfinished.append(search)
                elif not self._has_result(search):
                    writable.append(search)
            searches = unfinished
        return writable

    def _has_result(self, search: EndSearch) -> bool:
        """Set the result of a search if it needs no write; return whether it has its result."""
        sequence, item = search.choose()
        match item:
            case Claim():
                search.hold(item)
            case RecordedEnd(done=True) if not search.extends(item.span):
                search.result = AlreadyDone()
            case RecordedEnd(done=False, holder=self.holder):
                key, lease_until = search.key_with(sequence), self._lease_until
                delivered = [*item.delivered]
                search.hold(Claim(key, item.ended_at, item.span, lease_until, delivered))
            case RecordedEnd(done=False) if search.awaits_details(item):
                search.result = AwaitsDetails()
            case RecordedEnd(done=False, lease_until=until) if until >= self._now_ms():
                search.result = HeldByOther(until)
            case _:  # a new end, a longer span of a done end, or an expired or released claim
                return False
        return True

    def _write(self, searches: Sequence[EndSearch], deadline: Deadline) -> list[EndSearch]:
        """Write claims and spans; return the searches whose items must be read again."""
        now = self._now_ms()
        expires_at = now // 1000 + self._keep_seconds
        writes = [self._make_write(search, now, expires_at) for search in searches]
        expiry_changes = [
            SetExpiry(search.key_with(sequence), expires_at)
            for search, write in zip(searches, writes, strict=True)
            if not isinstance(write, ExtendSpan)
            for sequence in range(1, write.key.sequence)
        ]
        results = self._store.write([*writes, *expiry_changes], deadline)[: len(writes)]
        unread = []
        for search, write, result in zip(searches, writes, results, strict=True):
            match write, result:
                case _, Failed() | OutOfTime():
                    search.result = result
                case NewClaim(), WriteStatus.WRITTEN:
                    search.hold(_make_claim(write))
                case ExtendSpan(), WriteStatus.WRITTEN:
                    search.result = AlreadyDone()
                case _:
                    # After a takeover, the read finds the destinations that have the end. After a
                    # failed condition, the read finds the holder or the new span.
                    search.read_again(write.key.sequence)
                    unread.append(search)
        return unread

    def _make_write(
        self, search: EndSearch, now: int, expires_at: int
    ) -> NewClaim | Takeover | ExtendSpan:
        accepted, (sequence, item) = search.accepted, search.choose()
        key = search.key_with(sequence)
        if not isinstance(item, RecordedEnd):
            return self._make_new_claim(key, accepted, expires_at)
        if item.done:
            return ExtendSpan(key, item.span.extended_to(accepted.ended_at_ms), item.lease_until)
        return Takeover(key, self.holder, self._lease_until, expires_at, item.holder, now)

    def _make_new_claim(self, key: EndKey, accepted: Accepted, expires_at: int) -> NewClaim:
        ended_at, source = accepted.ended_at_ms, accepted.end.source
        return NewClaim(key, self.holder, self._lease_until, ended_at, source, expires_at)

    def _make_mark(self, claim: Claim, *, done: bool) -> Mark:
        span = claim.span if claim.is_span_extended else None
        lease, attempts = claim.lease_until, claim.details_attempts
        return Mark(claim.key, self.holder, lease, claim.delivered, done, span, attempts)


def _make_claim(new: NewClaim) -> Claim:
    return Claim(new.key, new.ended_at, Span(new.ended_at, new.ended_at), new.lease_until)


def _time_order(accepted: Accepted) -> tuple[bool, int]:
    return not accepted.has_own_time, accepted.ended_at_ms


def _mark_result(result: WriteResult) -> MarkResult:
    if isinstance(result, Failed | OutOfTime):
        return result
    return Marked() if result is WriteStatus.WRITTEN else ClaimLost()
