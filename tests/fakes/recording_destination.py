"""A destination in memory that remembers what it got, and does as a test says."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence

from conversations.end import ConversationEnd
from deadline import Deadline
from destinations.delivery import Delivery, Verdict

Ended = tuple[str, str, int]
"""Which end it is: conversation, queue and sequence."""


def which(end: ConversationEnd) -> Ended:
    return end.conversation_id, end.queue_id, end.sequence


class RecordingDestination:
    """A destination that takes ends one by one.

    Parameters
    ----------
    answers
        Returns or raises what becomes of an end, before it is got; arrives by default.

    Attributes
    ----------
    got
        The ends that arrived, in order.
    tried
        The ends that were tried, in order, whatever became of them.
    """

    def __init__(
        self, name: str, answers: Callable[[ConversationEnd], Verdict] = lambda _: "arrived"
    ) -> None:
        self.name = name
        self.got: list[ConversationEnd] = []
        self.tried: list[ConversationEnd] = []
        self.answers = answers

    def deliver(self, ends: Sequence[ConversationEnd], deadline: Deadline) -> Iterator[Delivery]:
        for position, end in enumerate(ends):
            if deadline.passed():
                return
            self.tried.append(end)
            verdict = self.answers(end)
            if verdict == "arrived":
                self.got.append(end)
            yield Delivery(position, verdict, "" if verdict == "arrived" else "as told")

    def times_got(self) -> Counter[Ended]:
        """Return how often each end arrived."""
        return Counter(map(which, self.got))
