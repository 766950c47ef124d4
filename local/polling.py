"""Polling with a time limit that does not count the time while the machine is suspended."""

import time
from collections.abc import Iterator

MAX_POLL_SECONDS = 2.0
"""A poll and the pause after it count as at most this much time."""


def polls(seconds: float, interval: float = 0.05) -> Iterator[None]:
    """Yield once for each poll: immediately, after every interval, and finally after `seconds`.

    A poll and the pause after it count as at most `MAX_POLL_SECONDS`. While the machine is
    suspended, hardly any time is therefore counted, and a slow machine gets more time.
    """
    counted = 0.0
    while counted < seconds:
        started_at = time.monotonic()
        yield
        time.sleep(interval)
        counted += min(time.monotonic() - started_at, MAX_POLL_SECONDS)
    yield
