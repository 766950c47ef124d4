"""What a destination is: it takes many ends and says of each whether it arrived."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from conversations.end import ConversationEnd
from deadline import Deadline

# Seconds that one call of a destination may take.
CALL_LIMIT = 10.0

ReceiptKind = Literal["arrived", "failed", "refused"]


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of one end at a destination.

    Attributes
    ----------
    position
        Of the end among those that were to be delivered.
    verdict
        `arrived`; `failed`, to be tried again; or `refused`, which no further try would change.
    detail
        For the log, where it did not arrive: which error it was. Nothing of the end, no address.
    """

    position: int
    verdict: ReceiptKind
    detail: str = ""


class Destination(Protocol):
    """Somewhere that ends go to."""

    @property
    def name(self) -> str:
        """Its name in the setting `destinations`, and in the ledger."""

    def deliver(self, ends: Sequence[ConversationEnd], deadline: Deadline) -> Iterator[Receipt]:
        """Deliver ends, and yield what became of each as soon as it is known.

        Each position is yielded once at most, in any order; what is not yielded was not tried. A
        call takes `CALL_LIMIT` seconds at most, and none goes on after the deadline. Whoever
        iterates records what has arrived in between, so that little is repeated after a crash.
        """
