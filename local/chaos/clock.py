"""The clock of a chaos run, which stands still while the run waits for the watchdog."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class HeldClock:
    """Seconds since `start`, without the times in which the clock was held.

    Parameters
    ----------
    clock
        Returns the time in seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._began = clock()
        self._held_since: float | None = None

    def __call__(self) -> float:
        return (self._clock() if self._held_since is None else self._held_since) - self._began

    def start(self) -> None:
        """Start at 0."""
        self._began = self._clock()

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold the clock inside a `with` statement."""
        self._held_since = self._clock()
        try:
            yield
        finally:
            self._began += self._clock() - self._held_since
            self._held_since = None
