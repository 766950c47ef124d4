"""A virtual clock, whose time passes only when code sleeps."""

import signal
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from deadline import Deadline


@dataclass
class Clock:
    """The seconds since the test began, and the pauses in which they passed."""

    now: float = 0.0
    pauses: list[float] = field(default_factory=list)
    _scheduled: list[tuple[float, Callable[[], object]]] = field(default_factory=list)

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        """Advance the clock without waiting, and call the functions scheduled until then."""
        self.pauses.append(seconds)
        self.now += seconds
        for entry in [entry for entry in self._scheduled if entry[0] <= self.now]:
            self._scheduled.remove(entry)
            _, function = entry
            function()

    def schedule(self, moment: float, function: Callable[[], object]) -> None:
        """Call a function when the clock reaches a moment."""
        self._scheduled.append((moment, function))

    def deadline(self, seconds: float) -> Deadline:
        """Return a deadline `seconds` from now."""
        passes_at = self.now + seconds
        return Deadline(lambda: passes_at - self.now, self.sleep)

    def invocation(self, seconds: float = 240.0) -> "Invocation":
        """Return the context of a Lambda invocation with a timeout of `seconds`."""
        return Invocation(self, self.now + seconds)


@dataclass
class Invocation:
    """The part of Lambda's context object that functions use."""

    clock: Clock
    timeout_at: float
    aws_request_id: str = "00000000-0000-4000-8000-000000000000"

    def get_remaining_time_in_millis(self) -> int:
        return int((self.timeout_at - self.clock.now) * 1000)


class Alarm:
    """Replaces the timer of the alarm signal by the virtual clock.

    On a slow machine the real timer would interrupt code that takes no virtual time.

    Attributes
    ----------
    seconds_to_alarm
        The seconds for which the timer was set last; 0 if it is off.
    """

    def __init__(self, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
        self._clock = clock
        self.seconds_to_alarm = 0.0
        monkeypatch.setattr(signal, "setitimer", self._set)

    def hang(self) -> None:
        """Act like a call that never returns: let time pass until the alarm rings."""
        assert self.seconds_to_alarm
        self._clock.sleep(self.seconds_to_alarm)
        signal.raise_signal(signal.SIGALRM)

    def _set(self, _which: int, seconds: float, _again: float = 0) -> None:
        self.seconds_to_alarm = seconds
