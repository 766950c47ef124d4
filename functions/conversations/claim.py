"""A claim on an end, and the possible results of claiming and of marking an end."""

from dataclasses import dataclass, field

from conversations.failures import Failed, OutOfTime
from conversations.ledger_store import EndKey, Span


@dataclass(slots=True)
class Claim:
    """A claim that this invocation holds.

    Attributes
    ----------
    ended_at
        The end's time in the ledger, in epoch milliseconds.
    span
        The span of the times that the end's events report.
    lease_until
        When the lease expires, in epoch milliseconds. `Claims` lowers this with each mark (see
        `ledger_store.Mark`), and sets it to 0 when the end is done or the claim is released.
    delivered
        The names of the destinations that have the end. The code that delivers the end appends to
        this list.
    is_span_extended
        Whether `span` has grown under this claim. Every mark then records the span, so that a mark
        makes up for the failure of the mark before.
    previous_end_at
        The time of the conversation's end before this one in the same queue, in epoch milliseconds;
        None if this is the first one.
    details_attempts
        The number of attempts in the delayed message that was sent to await the end's details; 0 if
        none was sent. The release records it.
    """

    key: EndKey
    ended_at: int
    span: Span
    lease_until: int
    delivered: list[str] = field(default_factory=list)
    is_span_extended: bool = False
    previous_end_at: int | None = None
    details_attempts: int = 0

    def extend_span(self, at_ms: int) -> None:
        """Extend the span to a time (epoch ms); the next mark or release records it."""
        self.span = self.span.extended_to(at_ms)
        self.is_span_extended = True


@dataclass(frozen=True, slots=True)
class AlreadyDone:
    """Every destination already has the end."""


@dataclass(frozen=True, slots=True)
class HeldByOther:
    """Another invocation holds the claim on the end until `lease_until`, in epoch milliseconds."""

    lease_until: int


@dataclass(frozen=True, slots=True)
class AwaitsDetails:
    """A delayed message will deliver the end, once its details are there."""


ClaimResult = Claim | AlreadyDone | HeldByOther | AwaitsDetails | Failed | OutOfTime


@dataclass(frozen=True, slots=True)
class Marked:
    """The mark is written."""


@dataclass(frozen=True, slots=True)
class ClaimLost:
    """The mark is not written, because another invocation has taken over the end."""


MarkResult = Marked | ClaimLost | Failed | OutOfTime
