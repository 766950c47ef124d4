"""An in-memory destination whose receipts a test chooses."""

from collections.abc import Callable, Iterator, Sequence

from conversations.end import ConversationEnd
from deadline import Deadline
from destinations.destination import Receipt, ReceiptKind

Result = ReceiptKind | Callable[[], object]
"""A receipt's kind; or a function that is called before the end arrives, and can raise."""


class FakeDestination:
    """A destination.

    Attributes
    ----------
    received
        The ends that arrived: conversation id, queue id and sequence.
    ends
        The ends that arrived: id and time.
    results
        The result for the ends of a conversation, by conversation id. Other ends arrive.
    seconds_given
        The seconds before the deadline at each call of `deliver`.
    """

    needs_main_thread = False

    def __init__(self, name: str) -> None:
        self.name = name
        self.received: list[tuple[str, str, int]] = []
        self.ends: list[tuple[str, str]] = []
        self.results: dict[str, Result] = {}
        self.seconds_given: list[float] = []

    def deliver(self, ends: Sequence[ConversationEnd], deadline: Deadline) -> Iterator[Receipt]:
        self.seconds_given.append(deadline.left())
        for position, end in enumerate(ends):
            if deadline.passed():
                return
            result = self.results.get(end.conversation_id, "arrived")
            if callable(result):
                result()
                result = "arrived"
            if result == "arrived":
                self.received.append((end.conversation_id, end.queue_id, end.sequence))
                self.ends.append((end.end_id, end.ended_at))
            yield Receipt(position, result, "why" if result != "arrived" else "")
