"""The interface of a destination, and the receipt that a destination gives for an end."""

from collections.abc import Iterator, Sequence
from typing import Literal, Protocol

import msgspec

from conversations.end import ConversationEnd
from deadline import Deadline

# The time limit of each call that a destination makes.
CALL_SECONDS = 10.0

ReceiptKind = Literal["arrived", "failed", "refused"]


class Receipt(msgspec.Struct, frozen=True):
    """A destination's result for one end.

    Attributes
    ----------
    position
        The end's index in the argument `ends` of `deliver`.
    kind
        `arrived`; `failed`, if the end is to be retried; or `refused`, if no retry could succeed.
    detail
        An explanation for the log, or an empty text. It contains no data from the end, and no
        network address.
    """

    position: int
    kind: ReceiptKind
    detail: str = ""


class Destination(Protocol):
    """A recipient of ends."""

    @property
    def name(self) -> str:
        """The destination's name in the setting `destinations` and in the ledger."""

    @property
    def needs_main_thread(self) -> bool:
        """Whether `deliver` must run in the main thread, where a time limit can interrupt it."""

    def deliver(self, ends: Sequence[ConversationEnd], deadline: Deadline) -> Iterator[Receipt]:
        """Send ends, and yield each receipt as soon as it is known.

        Receipts come in any order, at most one for each end. An end without a receipt was not
        sent. Each call to a service or function takes at most `CALL_SECONDS`, and stops at the
        deadline. Other destinations get the same ends at the same time, each in a thread of its
        own. The worker marks ends that have arrived, so that few deliveries are repeated after a
        crash.
        """
