"""A claim on an end, and the results of claiming and of marking."""

from dataclasses import dataclass, field

from conversations.failures import Failed, NoTime
from conversations.ledger_store import EndKey


@dataclass(slots=True)
class Claim:
    """A claim that the invocation holds.

    Attributes
    ----------
    ended_at
        When the end was, as the ledger has it, in epoch milliseconds.
    lease_until
        The end of the lease as it was last written, in epoch milliseconds.
    delivered
        The destinations that have the end; whoever delivers it adds to them.
    """

    key: EndKey
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


ClaimResult = Claim | AlreadyDone | HeldByOther | Failed | NoTime


@dataclass(frozen=True, slots=True)
class Marked:
    """A mark that is written."""


@dataclass(frozen=True, slots=True)
class ClaimLost:
    """A mark that was not written, as another invocation holds the claim by now."""


MarkResult = Marked | ClaimLost | Failed | NoTime
