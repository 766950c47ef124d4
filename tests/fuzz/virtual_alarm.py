"""The alarm signal in the time of a virtual clock, which time limits rely on."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.fakes.clock import Clock


class VirtualAlarm:
    """Replaces the timer of the alarm signal while a case runs."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self._due: float | None = None
        self._again = 0.0

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Replace the timer in the enclosed code. Targets that share a process do not meet."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(signal, "setitimer", self._set)
            yield

    def let_pass(self, seconds: float) -> None:
        """Let time pass in a call; the alarm rings if its time has come."""
        self.clock.sleep(seconds)
        if self._due is not None and self.clock.now >= self._due:
            self._due = self.clock.now + self._again if self._again else None
            signal.raise_signal(signal.SIGALRM)

    def _set(self, _which: int, seconds: float, again: float = 0) -> tuple[float, float]:
        former = 0.0 if self._due is None else max(0.001, self._due - self.clock.now), self._again
        self._due = self.clock.now + seconds if seconds else None
        self._again = again
        return former
