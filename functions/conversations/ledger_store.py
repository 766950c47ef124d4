"""The ledger's store as the domain needs it: conditional writes, and consistent reads.

Each write names its condition in its docstring. A store checks it and writes in one step, and
carries out the writes of one item one after the other.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple, Protocol

from conversations.end import Source
from conversations.failures import Failed, NoTime
from conversations.history import History
from deadline import Deadline

# Seconds of a day.
DAY = 86_400

# Times are epoch milliseconds, but for `expires_at`: the epoch seconds from which the store may
# forget an item.


class EndKey(NamedTuple):
    """The key of an end's item: which end of its conversation in its queue it is, from 1."""

    conversation_id: str
    queue_id: str
    sequence: int = 1


class NewClaim(NamedTuple):
    """Makes an end's item, with a claim on it, unless the end has one."""

    key: EndKey
    holder: str
    lease_until: int
    ended_at: int
    source: Source
    expires_at: int


class Takeover(NamedTuple):
    """Claims an end not done yet, if `former_holder` holds it and its lease ended before `now`."""

    key: EndKey
    holder: str
    lease_until: int
    expires_at: int
    former_holder: str
    now: int


class Mark(NamedTuple):
    """Writes what is delivered, if `holder` holds the claim and the lease is not shorter yet."""

    key: EndKey
    holder: str
    lease_until: int
    delivered: Sequence[str]
    done: bool


class Keep(NamedTuple):
    """Keeps an item until another moment, if there is one."""

    key: EndKey
    expires_at: int


# Ends of a history whose own `expires_at` is 0 get that of the write.


class NewHistory(NamedTuple):
    """Makes a conversation's history, as version 1, unless it has one."""

    conversation_id: str
    history: History
    expires_at: int


class ChangedHistory(NamedTuple):
    """Replaces a history by its next version, if `version` is still the one stored."""

    conversation_id: str
    history: History
    version: int
    expires_at: int


Write = NewClaim | Takeover | Mark | Keep | NewHistory | ChangedHistory


class Effect(Enum):
    """What a write that was carried out has done."""

    WRITTEN = "written"
    CONDITION_FAILED = "condition failed"


WriteResult = Effect | Failed | NoTime


class RecordedEnd(NamedTuple):
    """An end as its item has it.

    Attributes
    ----------
    holder
        The token of the invocation that claimed it last.
    lease_until
        When that claim runs out; 0 once it was released.
    done
        Whether every destination has the end.
    delivered
        The destinations that have it.
    """

    holder: str
    lease_until: int
    ended_at: int
    done: bool
    delivered: tuple[str, ...]


class RecordedHistory(NamedTuple):
    """A history as its item has it, ends that have expired included."""

    history: History
    version: int


@dataclass(frozen=True, slots=True)
class Absent:
    """The store has no such item."""


ABSENT = Absent()


class LedgerStore(Protocol):
    """Keeps the ledger's items.

    Calls that fail for the moment are repeated until the deadline, so that a write may be carried
    out twice: the second result then tells of the first one's success.
    """

    @property
    def writes_per_call(self) -> int:
        """The number of writes that cost one call."""

    def write(self, writes: Sequence[Write], deadline: Deadline) -> list[WriteResult]:
        """Carry out writes, no two of them of one item, and return a result for each."""

    def read_ends(
        self, keys: Sequence[EndKey], deadline: Deadline
    ) -> Mapping[EndKey, RecordedEnd | Absent | Failed]:
        """Return the items of ends as they are now."""

    def read_histories(
        self, conversation_ids: Sequence[str], deadline: Deadline
    ) -> Mapping[str, RecordedHistory | Absent | Failed]:
        """Return the histories of conversations as they are now."""
