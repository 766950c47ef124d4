"""Time that passes only when somebody sleeps."""

import signal
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from deadline import Deadline


@dataclass
class Clock:
    """Seconds since the test began, and the pauses that made them pass."""

    now: float = 0.0
    pauses: list[float] = field(default_factory=list)
    _due: list[tuple[float, Callable[[], object]]] = field(default_factory=list)

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        """Let time pass at once, and do what falls due meanwhile."""
        self.pauses.append(seconds)
        self.now += seconds
        for due in [due for due in self._due if due[0] <= self.now]:
            self._due.remove(due)
            due[1]()

    def at(self, moment: float, action: Callable[[], object]) -> None:
        """Have something done when the clock reaches a moment."""
        self._due.append((moment, action))

    def deadline(self, seconds: float) -> Deadline:
        """Return the deadline that comes in `seconds`."""
        end = self.now + seconds
        return Deadline(lambda: end - self.now, self.sleep)

    def invocation(self, seconds: float = 240.0) -> "Invocation":
        """Return the context of a Lambda invocation that may take `seconds`."""
        return Invocation(self, self.now + seconds)


@dataclass
class Invocation:
    """The part of Lambda's context object that functions use."""

    clock: Clock
    end: float
    aws_request_id: str = "00000000-0000-4000-8000-000000000000"

    def get_remaining_time_in_millis(self) -> int:
        return int((self.end - self.clock.now) * 1000)


class Alarm:
    """The alarm that interrupts what hangs, by a virtual clock: no real one rings meanwhile.

    Where a machine is slow, a real one would interrupt what takes no virtual time.
    """

    def __init__(self, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
        self._clock = clock
        self._rings_in = 0.0
        monkeypatch.setattr(signal, "setitimer", self._set)

    def hang(self) -> None:
        """Do as a call that never returns: time passes until the alarm rings."""
        assert self._rings_in
        self._clock.sleep(self._rings_in)
        signal.raise_signal(signal.SIGALRM)

    def _set(self, _which: int, rings_in: float, _again: float = 0) -> None:
        self._rings_in = rings_in
