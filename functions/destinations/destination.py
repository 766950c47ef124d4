"""A destination: it takes many ends and gives a receipt for each."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from conversations.end import ConversationEnd
from deadline import Deadline

# Seconds that one call of a destination may take.
CALL_SECONDS = 10.0

ReceiptKind = Literal["arrived", "failed", "refused"]


@dataclass(frozen=True, slots=True)
class Receipt:
    """A destination's answer for one end.

    Attributes
    ----------
    position
        The end's index among those that the destination was given.
    kind
        `arrived`; `failed`, to be tried again; or `refused`, which no further try would change.
    detail
        The error, for the log; empty if the end arrived. It holds nothing of the end, no address.
    """

    position: int
    kind: ReceiptKind
    detail: str = ""


class Destination(Protocol):
    """A place that ends go to."""

    @property
    def name(self) -> str:
        """Its name in the setting `destinations`, and in the ledger."""

    def deliver(self, ends: Sequence[ConversationEnd], deadline: Deadline) -> Iterator[Receipt]:
        """Send ends, and yield each receipt as soon as it is known.

        Receipts come in any order, at most one for each end; an end without a receipt was not
        tried. A call takes `CALL_SECONDS` seconds at most, and none goes on after the deadline. The
        caller records between two receipts which ends have arrived, so that little is repeated
        after a crash.
        """
