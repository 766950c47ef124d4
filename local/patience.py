"""Waiting for what happens elsewhere, only as long as this machine is awake."""

import time
from collections.abc import Iterator

LONGEST = 2.0
"""Seconds of waiting for which one look and the pause after it count at most."""


def looks(seconds: float, every: float = 0.05) -> Iterator[None]:
    """Yield for each look: at once, then every so often, once more when `seconds` have passed.

    After a suspension a deadline by any clock may have passed while nothing could go on anywhere.
    So time counts only as far as it was spent looking, and a slow machine gets more of it.
    """
    waited = 0.0
    while waited < seconds:
        began = time.monotonic()
        yield
        time.sleep(every)
        waited += min(time.monotonic() - began, LONGEST)
    yield
