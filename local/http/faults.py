"""Faults on demand: a stand-in whose answers tests replace by operation."""

import time
from abc import ABC, abstractmethod
from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass

from local.http.messages import Answer, Request


@dataclass(slots=True)
class Call:
    """The record of a request, without its secrets.

    Attributes
    ----------
    time
        The time of its arrival, by the stand-in's clock.
    status
        The status of the answer; 0 until an answer is sent.
    """

    operation: str
    time: float
    status: int = 0


class ScriptedService(ABC):
    """A service whose answers tests can replace.

    Parameters
    ----------
    clock
        Returns seconds.

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
        """The operations of the requests so far, the oldest first."""
        return [call.operation for call in self.calls]

    def instead(self, operation: str, *answers: Answer, carried_out: bool = False) -> None:
        """Give these answers to the operation's next requests; carry the requests out or not."""
        self._instead[operation] += [(answer, carried_out) for answer in answers]

    def always(self, operation: str, answer: Answer | None) -> None:
        """Give this answer to all requests of the operation; None ends that."""
        if answer:
            self._always[operation] = answer
        else:
            del self._always[operation]

    def before(self, operation: str, action: Callable[[], object]) -> None:
        """Call `action` right before the operation's next request is handled."""
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
        """Return the name of a request's operation; empty if it has none."""

    @abstractmethod
    def carry_out(self, operation: str, request: Request) -> Answer:
        """Carry out a request; return the service's own answer."""
