"""Deadlines, and streams that are read until a deadline."""

import io
import itertools
import math
import random
import socket
import time
from collections.abc import Callable, Iterator
from typing import Any, Protocol

Clock = Callable[[], int]
"""Returns the time in epoch milliseconds."""


def now_ms() -> int:
    """Return the time in epoch milliseconds."""
    return time.time_ns() // 1_000_000


class InvocationContext(Protocol):
    """The part of Lambda's context object that reports the time left."""

    def get_remaining_time_in_millis(self) -> int:
        """Return the milliseconds until the invocation's timeout."""


class Deadline:
    """The moment by which some work must be finished.

    Parameters
    ----------
    seconds_left
        Returns the seconds until a certain moment; negative after it.
    sleep
        Waits for a number of seconds.
    seconds_before
        How long before that moment the deadline is; negative if it is after the moment.
    """

    def __init__(
        self,
        seconds_left: Callable[[], float],
        sleep: Callable[[float], None] = time.sleep,
        seconds_before: float = 0.0,
    ) -> None:
        self._seconds_left = seconds_left
        self._sleep = sleep
        self._seconds_before = seconds_before

    @classmethod
    def before_timeout(
        cls,
        context: InvocationContext,
        reserve_seconds: float,
        sleep: Callable[[float], None] = time.sleep,
    ) -> "Deadline":
        """Return a deadline `reserve_seconds` before the invocation's timeout."""
        return cls(lambda: context.get_remaining_time_in_millis() / 1000, sleep, reserve_seconds)

    def left(self) -> float:
        """Return the seconds until the deadline; negative after it."""
        return self._seconds_left() - self._seconds_before

    def within(self, seconds: float) -> "Deadline":
        """Return a deadline `seconds` from now, or this deadline if it is earlier."""
        seconds_earlier = self.left() - seconds
        if seconds_earlier <= 0:
            return self
        return self._earlier_by(seconds_earlier)

    def extended_by(self, seconds: float) -> "Deadline":
        """Return a deadline `seconds` after this one."""
        return self._earlier_by(-seconds)

    def _earlier_by(self, seconds: float) -> "Deadline":
        return Deadline(self._seconds_left, self._sleep, self._seconds_before + seconds)

    def passed(self) -> bool:
        """Return whether no time is left."""
        return self.left() <= 0

    def sleep(self, seconds: float) -> bool:
        """Wait and return True, or return False at once if the deadline would pass meanwhile."""
        if seconds >= self.left():
            return False
        self._sleep(seconds)
        return True

    def attempts(
        self,
        *,
        first_pause_seconds: float,
        growth_factor: float = 2,
        max_pause_seconds: float = math.inf,
        max_attempts: int | None = None,
        jittered: bool = False,
    ) -> Iterator[float]:
        """Yield once for each attempt, and sleep between the attempts.

        The first attempt comes at once, even after the deadline. The attempts end when the next
        pause would outlast the deadline.

        Parameters
        ----------
        first_pause_seconds
            The pause between the first and the second attempt.
        growth_factor
            Each pause is this many times as long as the previous pause.
        max_pause_seconds
            The maximum length of a pause.
        max_attempts
            The maximum number of attempts; None if only the deadline limits them.
        jittered
            Whether to shorten each pause at random, by up to half. Callers that failed at the same
            moment then try again at different moments.

        Yields
        ------
        float
            The seconds of the pause before the next attempt, if there is a next attempt.
        """
        full_pause = first_pause_seconds
        for attempt in itertools.count(1):
            pause = random.uniform(full_pause / 2, full_pause) if jittered else full_pause  # noqa: S311 - no secret depends on it
            yield pause
            if attempt == max_attempts or not self.sleep(pause):
                return
            full_pause = min(growth_factor * full_pause, max_pause_seconds)


class LimitedStream(io.RawIOBase):
    """Reads from a socket's stream until a deadline.

    A socket's own timeout begins anew with every byte, so an answer that trickles in would outlast
    it.
    """

    def __init__(self, sock: socket.socket, stream: io.BufferedReader, deadline: Deadline) -> None:
        self._sock = sock
        self._stream = stream
        self._deadline = deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        """Read what has arrived, or wait for the next bytes; raise `TimeoutError` if it is late."""
        seconds_left = self._deadline.left()
        if seconds_left <= 0:
            raise TimeoutError("The answer took too long.")
        timeout_seconds = self._sock.gettimeout()
        if timeout_seconds is None or timeout_seconds > seconds_left:
            self._sock.settimeout(seconds_left)
        return self._stream.readinto1(buffer)

    def close(self) -> None:
        self._stream.close()
        super().close()
