"""A destination in memory that takes ends, fails or refuses them as a test says."""

from collections.abc import Callable, Iterator, Sequence

from conversations.end import ConversationEnd
from deadline import Deadline
from destinations.destination import Receipt, ReceiptKind

Answer = ReceiptKind | Callable[[], object]
"""A kind of receipt; or an action before the end is taken, such as letting time pass or raising."""


class FakeDestination:
    """A destination.

    Attributes
    ----------
    took
        The ends that arrived: conversation, queue and sequence.
    answers
        By conversation id, what becomes of its ends; the others arrive.
    shares
        The seconds that it was given, at each call.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.took: list[tuple[str, str, int]] = []
        self.answers: dict[str, Answer] = {}
        self.shares: list[float] = []

    def deliver(self, ends: Sequence[ConversationEnd], deadline: Deadline) -> Iterator[Receipt]:
        self.shares.append(deadline.left())
        for position, end in enumerate(ends):
            if deadline.passed():
                return
            answer = self.answers.get(end.conversation_id, "arrived")
            if callable(answer):
                answer()
                answer = "arrived"
            if answer == "arrived":
                self.took.append((end.conversation_id, end.queue_id, end.sequence))
            yield Receipt(position, answer, "why" if answer != "arrived" else "")
