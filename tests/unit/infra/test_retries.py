"""For how long failed messages are tried again."""

import pytest

from infra.settings.retries import in_words, outage_seconds, receives_that_fit


def test_delays_double_from_30_seconds_to_15_minutes() -> None:
    after_the_first = [outage_seconds(30, receives) for receives in range(1, 13)]
    assert after_the_first == [0, 30, 90, 210, 450, 930, 1830, 2730, 3630, 4530, 5430, 6330]


@pytest.mark.parametrize("first_delay", [1, 30, 900])
def test_a_message_lives_through_the_receives_that_fit_and_not_one_more(first_delay: int) -> None:
    fitting = receives_that_fit(first_delay)
    # With the delay after the last of them: only then does SQS move the message.
    assert outage_seconds(first_delay, fitting + 1) <= 4 * 86_400
    assert outage_seconds(first_delay, fitting + 2) > 4 * 86_400


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
    assert in_words(seconds) == words
