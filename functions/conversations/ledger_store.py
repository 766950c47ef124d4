"""The interface of the ledger's store: conditional writes, and strongly consistent reads.

Each write has a condition, stated in the docstring of the write's class. The store checks the
condition and writes in one atomic step. Writes to the same item happen one after the other.

Times are in epoch milliseconds, except `expires_at`, which is in epoch seconds. The store may
delete an item at any time after its `expires_at`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple, Protocol

from conversations.end import Source
from conversations.failures import Failed, OutOfTime
from conversations.history import History
from deadline import Deadline

SECONDS_PER_DAY = 86_400


class EndKey(NamedTuple):
    """The key of an end's item."""

    conversation_id: str
    queue_id: str
    sequence: int = 1


class Span(NamedTuple):
    """The span of the times that an end's events report: the earliest and the latest time."""

    earliest_at: int
    latest_at: int

    def distance_to(self, at_ms: int) -> int:
        """Return how far a time is outside the span, in milliseconds; 0 for a time inside it."""
        return max(self.earliest_at - at_ms, at_ms - self.latest_at, 0)

    def extended_to(self, at_ms: int) -> "Span":
        return Span(min(self.earliest_at, at_ms), max(self.latest_at, at_ms))


class NewClaim(NamedTuple):
    """Creates an end's item, claimed by the invocation whose token is `holder`.

    The item gets no span. Until a `Mark` or an `ExtendSpan` writes one, the item's span is its one
    time, `ended_at`.

    Condition: there is no item with this key.
    """

    key: EndKey
    holder: str
    lease_until: int
    ended_at: int
    source: Source
    expires_at: int


class Takeover(NamedTuple):
    """Replaces an expired or released claim with a claim by `holder`.

    Condition: the item's holder is `former_holder`, the item is not `done`, and its `lease_until`
    is before `now`.
    """

    key: EndKey
    holder: str
    lease_until: int
    expires_at: int
    former_holder: str
    now: int


class Mark(NamedTuple):
    """Records which destinations have the end. `done` says whether every destination has it.

    `span` is the item's new span; None leaves the span unchanged. `details_attempts`, if above 0,
    says that a delayed message with this number of attempts will deliver the end.

    Condition: the item's holder is `holder`, and the mark's `lease_until` is at most the item's.

    `lease_until` also puts a holder's marks in order: each mark has a lower value than the mark
    before, and writes it to the item. A mark that arrives after a newer one therefore has a higher
    value than the item, and fails. A repeated mark has the item's value, and succeeds. The value
    is 0 if `done` is True, or if the mark releases the claim.
    """

    key: EndKey
    holder: str
    lease_until: int
    delivered: Sequence[str]
    done: bool
    span: Span | None = None
    details_attempts: int = 0


class ExtendSpan(NamedTuple):
    """Replaces the span of an end that is `done`, and lowers the item's `lease_until` by 1.

    Condition: the item is `done`, and its `lease_until` is the given one.

    Of several extensions of the same span, only the first therefore succeeds. Also, the last mark
    of the end's holder fails if it arrives late, and so cannot bring back an older span.
    """

    key: EndKey
    span: Span
    lease_until: int


class SetExpiry(NamedTuple):
    """Changes the expiry of an end's item.

    Condition: the item exists.
    """

    key: EndKey
    expires_at: int


class NewHistory(NamedTuple):
    """Creates a conversation's history, as version 1.

    Each customer's end in `history` has an `expires_at` of its own. If that is 0, the store
    replaces it with the `expires_at` of this write.

    Condition: the store has no history of the conversation.
    """

    conversation_id: str
    history: History
    expires_at: int


class ChangedHistory(NamedTuple):
    """Replaces a conversation's history, and increments the stored version.

    Each customer's end in `history` has an `expires_at` of its own. If that is 0, the store
    replaces it with the `expires_at` of this write.

    Condition: the stored version is `version`.
    """

    conversation_id: str
    history: History
    version: int
    expires_at: int


Write = NewClaim | Takeover | Mark | ExtendSpan | SetExpiry | NewHistory | ChangedHistory


class WriteStatus(Enum):
    """The status of a write. If the write's condition has failed, the store has changed nothing."""

    WRITTEN = "written"
    CONDITION_FAILED = "condition failed"


WriteResult = WriteStatus | Failed | OutOfTime


class RecordedEnd(NamedTuple):
    """The content of an end's item.

    Attributes
    ----------
    holder
        The token of the invocation that claimed the end last.
    lease_until
        When the holder's lease expires; 0 or less after a release or if `done` is True.
    ended_at
        When the conversation ended, according to the event that created the item.
    done
        Whether every destination has the end.
    delivered
        The names of the destinations that have the end.
    span
        The span of the times that the end's events report, which includes `ended_at`.
    details_attempts
        The number of attempts in the latest delayed message that was sent to await the end's
        details; 0 if none was sent.
    """

    holder: str
    lease_until: int
    ended_at: int
    done: bool
    delivered: tuple[str, ...]
    span: Span
    details_attempts: int = 0


class RecordedHistory(NamedTuple):
    """The content of a history's item. Some of its `customer_ends` can have expired."""

    history: History
    version: int


@dataclass(frozen=True, slots=True)
class Absent:
    """The result of a read if there is no item with the key."""


ABSENT = Absent()


class LedgerStore(Protocol):
    """Writes and reads the ledger's items.

    A call to the database that fails with a transient error is repeated until the deadline. A write
    whose response was lost may therefore be attempted twice. The write's result is then that of the
    second attempt. For example, a `NewClaim` gets `CONDITION_FAILED`, although its first attempt
    has created the item.
    """

    @property
    def writes_per_call(self) -> int:
        """The maximum number of writes in one call to the database; `write` accepts more."""

    def write(self, writes: Sequence[Write], deadline: Deadline) -> list[WriteResult]:
        """Carry out writes, no two to the same item, and return their results in order."""

    def read_ends(
        self, keys: Sequence[EndKey], deadline: Deadline
    ) -> Mapping[EndKey, RecordedEnd | Absent | Failed]:
        """Return the ends' current items, keyed by `EndKey`."""

    def read_histories(
        self, conversation_ids: Sequence[str], deadline: Deadline
    ) -> Mapping[str, RecordedHistory | Absent | Failed]:
        """Return the current histories of conversations, keyed by conversation id."""
