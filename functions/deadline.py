"""Deadlines within an invocation, and the alarm that interrupts code at its deadline."""

import itertools
import math
import random
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Protocol

Clock = Callable[[], int]
"""Returns the time in epoch milliseconds."""

# Seconds until an alarm whose time is already over; 0 would switch it off.
_SOON = 0.001


def now_ms() -> int:
    """Return the time in epoch milliseconds."""
    return time.time_ns() // 1_000_000


class InvocationContext(Protocol):
    """The part of Lambda's context object that tells how much time is left."""

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until Lambda ends the invocation."""


class Deadline:
    """The moment by which work must be over.

    Parameters
    ----------
    left
        Returns the seconds until that moment; negative once it has passed.
    sleep
        Waits for a number of seconds.
    """

    def __init__(
        self, left: Callable[[], float], sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self.left = left
        self._sleep = sleep

    @classmethod
    def before_timeout_of(
        cls,
        context: InvocationContext,
        reserve: float,
        sleep: Callable[[float], None] = time.sleep,
    ) -> "Deadline":
        """Return the deadline that lies `reserve` seconds before the invocation's timeout."""
        return cls(lambda: context.get_remaining_time_in_millis() / 1000 - reserve, sleep)

    def within(self, seconds: float) -> "Deadline":
        """Return the deadline that comes in `seconds` from now, or this one if it is earlier."""
        end = self.left() - seconds
        return self if end <= 0 else Deadline(lambda: self.left() - end, self._sleep)

    def extended(self, seconds: float) -> "Deadline":
        """Return the deadline that comes `seconds` after this one."""
        return Deadline(lambda: self.left() + seconds, self._sleep)

    def passed(self) -> bool:
        """Return whether no time is left."""
        return self.left() <= 0

    def sleep(self, seconds: float) -> bool:
        """Wait, and return True; or return False at once if the deadline would pass meanwhile."""
        if seconds >= self.left():
            return False
        self._sleep(seconds)
        return True

    def attempts(
        self,
        pause: float,
        *,
        growth: float = 2,
        longest: float = math.inf,
        most: int | None = None,
        jittered: bool = False,
    ) -> Iterator[float]:
        """Yield once for each try: the first at once, the others after ever longer pauses.

        There is always a first try. The tries are over when the next pause would outlast the
        deadline.

        Parameters
        ----------
        pause
            Seconds between the first and the second try.
        growth
            The factor from each pause to the next one.
        longest
            Seconds of the longest pause.
        most
            The greatest number of tries.
        jittered
            Whether a random part of each pause, up to half of it, is left out, so that callers who
            failed together do not try again together.

        Yields
        ------
        float
            The seconds of the pause before the next try, if there is one.
        """
        for number in itertools.count(1):
            seconds = random.uniform(pause / 2, pause) if jittered else pause  # noqa: S311 - no secret depends on it
            yield seconds
            if number == most or not self.sleep(seconds):
                return
            pause = min(growth * pause, longest)


@contextmanager
def time_limit(seconds: float, again: float = 1.0) -> Iterator[None]:
    """Raise `TimeoutError` in the enclosed code if it takes longer than `seconds`.

    The alarm rings again every `again` seconds, so that code which swallows the first error meets
    the next one. An alarm that was set before goes on afterwards, and rings no later than it would
    have. Only the main thread, where Lambda runs handlers, can be interrupted: elsewhere the
    enclosed code runs without a limit. Code that does not come back to Python, such as the lookup
    of a name, is interrupted when it does.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    running = True

    def ring(_signal: int, _frame: FrameType | None) -> None:
        if running:
            raise TimeoutError(f"took longer than {seconds:.1f} s")

    began = time.monotonic()
    outer_seconds, outer_again = signal.getitimer(signal.ITIMER_REAL)
    if outer_seconds:
        seconds = min(seconds, outer_seconds)
    outer_handler = signal.getsignal(signal.SIGALRM)
    try:
        # In here, because an alarm may ring before these calls have returned.
        signal.signal(signal.SIGALRM, ring)
        signal.setitimer(signal.ITIMER_REAL, max(seconds, _SOON), again)
        yield
    finally:
        running = False
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, outer_handler)
        if outer_seconds:
            left = outer_seconds - (time.monotonic() - began)
            signal.setitimer(signal.ITIMER_REAL, max(left, _SOON), outer_again)
