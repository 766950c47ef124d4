"""The ledger: who delivers an end, to which destinations it has been delivered, and no other.

Each end is an item, and whoever delivers it holds a claim on it: `claimed_by`, a token of its
invocation, and `lease_until`. Two invocations can never both hold it:

- A claim is taken by an INSERT, which fails where there is an item, or by an UPDATE on the whole
  key that demands the `claimed_by` just read, `state` claimed and a lease that is over. DynamoDB
  carries out writes of one item one after the other, so of those that demand one `claimed_by` only
  the first finds it.
- What the item says of destinations is read, consistently, after the claim was taken. From then on
  nobody else writes it: each mark, completion and release demands `claimed_by` to be its own, and
  whoever finds another one stops.
- A lease ends a second after the timeout of the invocation that took it. Lambda has ended that
  invocation by then, so that nobody delivers without a claim.

A statement whose answer was lost is sent again. If it was an INSERT or a takeover, the item that
it then meets is its own; the rest change nothing the second time. Nor does one that is carried out
late, when later ones have been: each write of a holder shortens its lease by a millisecond and
demands that no later one has.

What remains is at-least-once: a destination that took an end just before its worker was killed, or
whose answer was lost, is given it again, as nothing had marked it yet. Nothing else is repeated,
and nothing to others.

Re-opened conversations end again. Their ends are items of their own, `queue_id`, `queue_id#2`, …:
an end belongs to the first of these within five minutes of it, else it becomes the next one. The
items before it are kept as long as it is, so that their numbers are never taken anew.
"""

import uuid
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from conversations.ledger_statements import EndStatements
from conversations.ledger_table import (
    CONDITION_FAILED,
    DONE,
    DUPLICATE,
    NO_TIME,
    Key,
    LedgerTable,
    Record,
)
from conversations.parsed import Accepted
from deadline import Clock, Deadline

# Ends of one conversation in one queue that lie no further apart than this are the same end.
SAME_END_MS = 5 * 60 * 1000
# So many items of a conversation that was re-opened are read at a time.
AHEAD = 4
# Milliseconds by which a lease outlives the invocation that holds it.
LEASE_RESERVE_MS = 1000
DAY = 86_400


@dataclass(slots=True)
class Claim:
    """An end that is ours to deliver.

    Attributes
    ----------
    sequence
        Which end of its conversation in its queue it is, from 1.
    ended_at
        When it ended as the ledger has it, in epoch milliseconds.
    lease_until
        As it was last written, in epoch milliseconds.
    delivered
        The destinations that have it; who delivers it adds to them.
    """

    key: Key
    sequence: int
    ended_at: int
    lease_until: int
    delivered: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class AlreadyDone:
    """An end that every destination has."""


@dataclass(frozen=True, slots=True)
class HeldByOther:
    """An end that another invocation holds, until a moment in epoch milliseconds."""

    until: int


@dataclass(frozen=True, slots=True)
class NotClaimed:
    """An end that could not be claimed; `error` is DynamoDB's word, or empty for want of time."""

    error: str = ""


ClaimResult = Claim | AlreadyDone | HeldByOther | NotClaimed


class Ledger:
    """The ledger of all ends.

    Parameters
    ----------
    days
        How long an end is remembered after it was last claimed.
    now_ms
        The time in epoch milliseconds.
    """

    def __init__(self, table: LedgerTable, *, days: int, now_ms: Clock) -> None:
        self._table = table
        self._days = days
        self._now_ms = now_ms

    def claims(self, lease_until: int) -> "Claims":
        """Return what takes claims for one invocation; they run out at `lease_until`, epoch ms."""
        holder, keep_seconds = uuid.uuid4().hex, self._days * DAY
        statements = EndStatements(
            self._table.name, holder, lease_until, keep_seconds, self._now_ms
        )
        return Claims(self._table, statements, self._now_ms)


@dataclass(slots=True)
class _Search:
    """An end on its way through the items of its conversation and queue."""

    accepted: Accepted
    sequence: int = 1
    standing: ClaimResult | None = None

    def key(self, sequence: int = 0) -> Key:
        """Return the key of the item that it is at, or of the one with a given sequence."""
        number = sequence or self.sequence
        end = self.accepted.end
        return end.conversation_id, end.queue_id if number == 1 else f"{end.queue_id}#{number}"

    def belongs_to(self, ended_at: int) -> bool:
        apart = abs(self.accepted.ended_at_ms - ended_at)
        return apart <= SAME_END_MS or not self.accepted.dated


@dataclass(slots=True)
class _Round:
    """What is to be done next in the table for ends that have no standing yet."""

    inserts: list[_Search] = field(default_factory=list)
    takeovers: list[tuple[_Search, Record]] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.inserts or self.takeovers)


class Claims:
    """The claims of one invocation; `holder` is its token."""

    def __init__(self, table: LedgerTable, statements: EndStatements, now_ms: Clock) -> None:
        self.holder = statements.holder
        self._table = table
        self._statements = statements
        self._now_ms = now_ms
        self._held: dict[Key, Claim] = {}

    def claim(self, ends: Sequence[Accepted], deadline: Deadline) -> list[ClaimResult]:
        """Claim ends, and return the standing of each.

        Ends that turn out to be one and the same have the same `Claim` object.
        """
        searches = [_Search(accepted) for accepted in ends]
        waiting: defaultdict[Key, list[_Search]] = defaultdict(list)
        # Ends without a time belong to the first item, whichever end that is: let others make it.
        for search in sorted(searches, key=lambda search: not search.accepted.dated):
            waiting[search.key()].append(search)
        # Those of one conversation and queue in turn, as each may become what the next belongs to.
        while waiting:
            self._settle([ends.pop(0) for ends in waiting.values()], deadline)
            waiting = defaultdict(list, {key: ends for key, ends in waiting.items() if ends})
        return [search.standing or NotClaimed() for search in searches]

    def mark(
        self, claims: Sequence[Claim], complete: Sequence[bool], deadline: Deadline
    ) -> list[str | None]:
        """Write down what has been delivered, and which ends are done with it.

        Returns
        -------
        list[str | None]
            For each claim: empty, DynamoDB's word for what went wrong, or None where the claim
            was lost to somebody else.
        """
        statements = []
        for claim, done in zip(claims, complete, strict=True):
            claim.lease_until = 0 if done else claim.lease_until - 1
            lease_until, delivered = claim.lease_until, claim.delivered
            statements.append(
                self._statements.write_down(claim.key, delivered, lease_until, done=done)
            )
        codes = self._table.write(statements, deadline)
        return [None if code == CONDITION_FAILED else code for code in codes]

    def release(self, claims: Sequence[Claim], deadline: Deadline) -> None:
        """Give claims up, so that a retry need not wait until their leases are over.

        Where that does not succeed it waits. What has been delivered is written once more, in case
        a mark did not succeed.
        """
        statements = []
        for claim in claims:
            claim.lease_until = 0
            statements.append(self._statements.write_down(claim.key, claim.delivered, 0))
        self._table.write(statements, deadline)

    def _settle(self, searches: Sequence[_Search], deadline: Deadline) -> None:
        """Give each end its standing: insert it, or look what is there and perhaps take it over."""
        to_do, beyond = _Round(), []
        for search in searches:
            first = self._held.get(search.key())
            if first is None:
                to_do.inserts.append(search)
            elif search.belongs_to(first.ended_at):
                search.standing = first
            else:
                search.sequence = 2
                beyond.append(search)
        self._look(beyond, to_do, deadline)
        while to_do:
            unsettled, to_do = to_do, _Round()
            self._look(self._write(unsettled, deadline), to_do, deadline)

    def _write(self, to_do: _Round, deadline: Deadline) -> list[_Search]:
        """Insert and take over; return the ends of which only a look will tell what they are."""
        searches = to_do.inserts + [search for search, _ in to_do.takeovers]
        write = self._statements
        statements = [write.claim(search.key(), search.accepted) for search in to_do.inserts]
        statements += [write.take_over(search.key(), record) for search, record in to_do.takeovers]
        statements += [write.keep(s.key(n)) for s in searches for n in range(1, s.sequence)]
        codes = self._table.write(statements, deadline)[: len(searches)]
        unknown = []
        for position, (search, code) in enumerate(zip(searches, codes, strict=True)):
            if code == DONE and position < len(to_do.inserts):
                search.standing = self._hold(search, search.accepted.ended_at_ms, ())
            elif code in (DONE, DUPLICATE, CONDITION_FAILED):
                unknown.append(search)
            else:
                search.standing = NotClaimed("" if code == NO_TIME else code)
        return unknown

    def _look(self, searches: Sequence[_Search], to_do: _Round, deadline: Deadline) -> None:
        """Find the item that each end belongs to: what it then is, or what is to be done."""
        while searches:
            # Of one conversation and queue there is one end at a time, so no key is there twice.
            keys = [search.key(n) for search in searches for n in _window(search)]
            records = self._table.read(keys, deadline)
            searches = [search for search in searches if self._walk(search, records, to_do)]

    def _walk(self, search: _Search, records: dict[Key, Record | None], to_do: _Round) -> bool:
        """Follow an end through the items that were read; return whether it must read on."""
        for sequence in _window(search):
            search.sequence = sequence
            if search.key() not in records:
                search.standing = NotClaimed("Unread")
                return False
            record = records[search.key()]
            if record is None:
                to_do.inserts.append(search)
                return False
            if search.belongs_to(record.ended_at):
                self._judge(search, record, to_do)
                return False
        search.sequence += 1
        return True

    def _judge(self, search: _Search, record: Record, to_do: _Round) -> None:
        if record.done:
            search.standing = AlreadyDone()
        elif record.claimed_by == self.holder:
            search.standing = self._hold(search, record.ended_at, record.delivered)
        elif record.lease_until >= self._now_ms():
            search.standing = HeldByOther(record.lease_until)
        else:
            to_do.takeovers.append((search, record))

    def _hold(self, search: _Search, ended_at: int, delivered: Sequence[str]) -> Claim:
        lease_until = self._statements.lease_until
        claim = Claim(search.key(), search.sequence, ended_at, lease_until, list(delivered))
        return self._held.setdefault(claim.key, claim)


def _window(search: _Search) -> range:
    """Return the sequences to read next: the first alone, as most conversations have no other."""
    return range(search.sequence, search.sequence + (1 if search.sequence == 1 else AHEAD))
