"""How long failed messages are retried, and so how long a destination may be down."""

from collections.abc import Iterator
from itertools import accumulate, islice, takewhile

# How many days SQS keeps a message in the intake queue, and in the dead-letter queue.
INTAKE_DAYS = 4
DEAD_LETTER_DAYS = 14
# The worker doubles its delays up to this limit.
_MAX_DELAY_SECONDS = 900


def outage_seconds(first_delay_seconds: int, max_receive_count: int) -> int:
    """Return how long an outage may last before messages move to the dead-letter queue.

    This is the time from a message's first receive to its last receive. The outage must be over by
    then.
    """
    return sum(islice(_delays(first_delay_seconds), max_receive_count - 1))


def receives_that_fit(
    first_delay_seconds: int, worker_timeout_seconds: int, visibility_timeout_seconds: int
) -> int:
    """Return how many receives, each with the time until the next one, fit into `INTAKE_DAYS`.

    A message comes back after the invocation and the delay or, if the invocation crashed before it
    set the delay, after the visibility timeout. The longer of the two counts. It also counts after
    the last receive: SQS moves the message to the dead-letter queue after this time, instead of
    handing it over once more.
    """
    # The worker lengthens the delay of a message that it had no time for by up to half.
    longest_delays = (min(_MAX_DELAY_SECONDS, d + d // 2) for d in _delays(first_delay_seconds))
    seconds_passed = accumulate(
        max(visibility_timeout_seconds, worker_timeout_seconds + delay_seconds)
        for delay_seconds in longest_delays
    )
    max_seconds = INTAKE_DAYS * 86_400
    return sum(1 for _ in takewhile(lambda seconds: seconds <= max_seconds, seconds_passed))


def duration_in_words(seconds: int) -> str:
    """Return a duration in words, such as 1 h 45 min 30 s."""
    amounts = {
        "d": seconds // 86_400,
        "h": seconds // 3600 % 24,
        "min": seconds // 60 % 60,
        "s": seconds % 60,
    }
    return " ".join(f"{amount} {unit}" for unit, amount in amounts.items() if amount) or "0 s"


def _delays(first_delay_seconds: int) -> Iterator[int]:
    """Yield the delay in seconds after each receive, without end."""
    delay = first_delay_seconds
    while True:
        yield delay
        delay = min(_MAX_DELAY_SECONDS, 2 * delay)
