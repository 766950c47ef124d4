"""Faults on demand: a stand-in whose answers can be replaced, by the names of its operations."""

import time
from abc import ABC, abstractmethod
from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass

from local.http.messages import Answer, Request


@dataclass(slots=True)
class Call:
    """A request that came in, without anything secret.

    Attributes
    ----------
    time
        When it came, in the stand-in's seconds.
    status
        The status of its answer; 0 before it and where it was not sent.
    """

    operation: str
    time: float
    status: int = 0


class Scripted(ABC):
    """Answers requests as a service does, unless something else is asked for.

    Parameters
    ----------
    clock
        Seconds.

    Attributes
    ----------
    calls
        The requests so far, the oldest first.
    """

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self.clock = clock
        self.calls: list[Call] = []
        self._instead: defaultdict[str, deque[tuple[Answer, bool]]] = defaultdict(deque)
        self._always: dict[str, Answer] = {}
        self._before: dict[str, Callable[[], object]] = {}

    @property
    def operations(self) -> list[str]:
        """The operations that were asked for, in order."""
        return [call.operation for call in self.calls]

    def instead(self, operation: str, *answers: Answer, carried_out: bool = False) -> None:
        """Give the operation's next requests these answers, carried out all the same or not."""
        self._instead[operation] += [(answer, carried_out) for answer in answers]

    def always(self, operation: str, answer: Answer | None) -> None:
        """Give all of the operation's requests this answer; None: no longer."""
        if answer:
            self._always[operation] = answer
        else:
            del self._always[operation]

    def before(self, operation: str, action: Callable[[], object]) -> None:
        """Have something happen right before the operation's next request is looked at."""
        self._before[operation] = action

    def __call__(self, request: Request) -> Answer:
        operation = self.operation_of(request)
        call = Call(operation, self.clock())
        self.calls.append(call)
        self._before.pop(operation, lambda: None)()
        answer = self._answer(operation, request)
        call.status = answer.status if answer.fate == "sent" else 0
        return answer

    def _answer(self, operation: str, request: Request) -> Answer:
        if self._instead[operation]:
            answer, carried_out = self._instead[operation].popleft()
            if carried_out:
                self.carry_out(operation, request)
            return answer
        return self._always.get(operation) or self.carry_out(operation, request)

    @abstractmethod
    def operation_of(self, request: Request) -> str:
        """Return which operation a request is; empty if it is none."""

    @abstractmethod
    def carry_out(self, operation: str, request: Request) -> Answer:
        """Carry out a request, and return the service's own answer."""
