"""For how long failed messages are tried again, and how long an outage that rides out."""

from collections.abc import Iterator
from itertools import accumulate, islice

INTAKE_DAYS = 4
DEAD_LETTER_DAYS = 14
# What the worker's delays grow to.
_LONGEST_DELAY = 900


def outage_seconds(first_delay: int, receives: int) -> int:
    """Return the seconds from the first receive of a message to its last one.

    Parameters
    ----------
    first_delay
        Seconds that it waits after its first receive; this doubles with each, up to 900.
    receives
        Receives before it goes to the dead-letter queue.
    """
    return sum(islice(_delays(first_delay), receives - 1))


def receives_that_fit(first_delay: int) -> int:
    """Return how many receives, each with the delay after it, a message can live through.

    SQS moves a message to the dead-letter queue when it would be received once more, and deletes
    it when it is too old, whichever comes first.
    """
    passed = accumulate(_delays(first_delay))
    return next(n for n, seconds in enumerate(passed) if seconds > INTAKE_DAYS * 86_400)


def in_words(seconds: int) -> str:
    """Return a duration as people write it: 1 h 45 min 30 s."""
    amounts = {
        "d": seconds // 86_400,
        "h": seconds // 3600 % 24,
        "min": seconds // 60 % 60,
        "s": seconds % 60,
    }
    return " ".join(f"{amount} {unit}" for unit, amount in amounts.items() if amount) or "0 s"


def _delays(first: int) -> Iterator[int]:
    delay = first
    while True:
        yield delay
        delay = min(_LONGEST_DELAY, 2 * delay)
