"""A stand-in whose answers tests can replace, operation by operation."""

import time
from abc import ABC, abstractmethod
from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass

from local.http.messages import Answer, Request


@dataclass(slots=True)
class Call:
    """The record of a request, which contains no secrets.

    Attributes
    ----------
    time
        The time of arrival, by the stand-in's clock.
    status
        The answer's status; 0 if no answer was sent.
    """

    operation: str
    time: float
    status: int = 0


class ScriptedService(ABC):
    """A service whose answers tests can replace.

    Parameters
    ----------
    clock
        Returns the present time in seconds.

    Attributes
    ----------
    calls
        The requests so far, in order.
    """

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self.clock = clock
        self.calls: list[Call] = []
        self._replacements: defaultdict[str, deque[tuple[Answer, bool]]] = defaultdict(deque)
        self._constant_answers: dict[str, Answer] = {}
        self._actions: dict[str, Callable[[], object]] = {}

    @property
    def operations(self) -> list[str]:
        """The operations of the requests so far, in order."""
        return [call.operation for call in self.calls]

    def instead(self, operation: str, *answers: Answer, carried_out: bool = False) -> None:
        """Answer the operation's next requests with `answers`, one each.

        The requests have no effect unless `carried_out`.
        """
        self._replacements[operation] += [(answer, carried_out) for answer in answers]

    def always(self, operation: str, answer: Answer | None) -> None:
        """Answer all requests for the operation with `answer`, until a call with None."""
        if answer:
            self._constant_answers[operation] = answer
        else:
            del self._constant_answers[operation]

    def before(self, operation: str, action: Callable[[], object]) -> None:
        """Call `action` once, immediately before the next request for the operation is handled."""
        self._actions[operation] = action

    def __call__(self, request: Request) -> Answer:
        operation = self.operation_of(request)
        call = Call(operation, self.clock())
        self.calls.append(call)
        self._actions.pop(operation, lambda: None)()
        answer = self._answer(operation, request)
        call.status = answer.status if answer.fate == "sent" else 0
        return answer

    def _answer(self, operation: str, request: Request) -> Answer:
        if self._replacements[operation]:
            answer, carried_out = self._replacements[operation].popleft()
            if carried_out:
                self.carry_out(operation, request)
            return answer
        return self._constant_answers.get(operation) or self.carry_out(operation, request)

    @abstractmethod
    def operation_of(self, request: Request) -> str:
        """Return the name of a request's operation; empty if the service has no such operation."""

    @abstractmethod
    def carry_out(self, operation: str, request: Request) -> Answer:
        """Carry out a request and return the service's answer."""
