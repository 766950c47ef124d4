"""Polling with a time limit that counts only while this machine is awake."""

import time
from collections.abc import Iterator

MAX_POLL_SECONDS = 2.0
"""The most time that is counted for a poll and the pause after it."""


def polls(seconds: float, interval: float = 0.05) -> Iterator[None]:
    """Yield once for each poll: immediately, after every interval, and finally after `seconds`.

    The time during which the machine is suspended does not count. Of each poll and pause, at most
    `MAX_POLL_SECONDS` count, so that a slow machine has more time.
    """
    counted = 0.0
    while counted < seconds:
        started_at = time.monotonic()
        yield
        time.sleep(interval)
        counted += min(time.monotonic() - started_at, MAX_POLL_SECONDS)
    yield
