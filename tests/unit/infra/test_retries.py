"""How long failed messages are retried."""

import pytest

from infra.settings.retries import duration_in_words, outage_seconds, receives_that_fit


def test_delays_double_from_30_seconds_to_15_minutes() -> None:
    seconds = [outage_seconds(30, receives) for receives in range(1, 13)]
    assert seconds == [0, 30, 90, 210, 450, 930, 1830, 2730, 3630, 4530, 5430, 6330]


@pytest.mark.parametrize("first_delay_seconds", [1, 30, 900])
@pytest.mark.parametrize(("timeout", "visibility"), [(5, 30), (30, 180), (60, 660), (900, 5700)])
def test_one_more_receive_than_fits_exceeds_the_lifetime_of_a_message(
    first_delay_seconds: int, timeout: int, visibility: int
) -> None:
    receives = receives_that_fit(first_delay_seconds, timeout, visibility)
    delays = [min(900, first_delay_seconds * 2**n) for n in range(receives + 1)]
    delays = [min(900, delay + delay // 2) for delay in delays]  # without time, the delay is longer
    # The time after the last receive counts too: SQS moves the message only after that time.
    waits = [max(visibility, timeout + delay) for delay in delays]
    assert sum(waits[:receives]) <= 4 * 86_400 < sum(waits)


def test_receives_that_all_crash_fit_too() -> None:
    assert receives_that_fit(30, 900, 5400) == 4 * 86_400 // 5400


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 s"),
        (45, "45 s"),
        (60, "1 min"),
        (6330, "1 h 45 min 30 s"),
        (7200, "2 h"),
        (90_061, "1 d 1 h 1 min 1 s"),
    ],
)
def test_durations_are_written_in_words(seconds: int, words: str) -> None:
    assert duration_in_words(seconds) == words
