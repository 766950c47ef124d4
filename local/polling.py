"""Polling with a time limit that counts only while this machine is awake."""

import time
from collections.abc import Iterator

LONGEST = 2.0
"""The most seconds that one poll and the pause after it can count."""


def polls(seconds: float, interval: float = 0.05) -> Iterator[None]:
    """Yield once for each poll: at once, after each interval, and a last time after `seconds`.

    A deadline by a clock would pass during a suspension, when nothing makes progress. Time
    therefore counts only while polling, and a slow machine gets more of it.
    """
    counted = 0.0
    while counted < seconds:
        began = time.monotonic()
        yield
        time.sleep(interval)
        counted += min(time.monotonic() - began, LONGEST)
    yield
