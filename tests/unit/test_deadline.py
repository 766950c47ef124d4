"""Deadlines know the time left and pace attempts; a time limit interrupts code."""

import math
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import suppress

import pytest

from deadline import Deadline
from tests.fakes.clock import Clock
from time_limit import call_within, time_limit


def test_a_deadline_lies_before_the_timeout(clock: Clock) -> None:
    deadline = Deadline.before_timeout(clock.invocation(30), 3)
    assert deadline.left() == 27
    clock.sleep(26.999)
    assert not deadline.passed()
    clock.sleep(0.001)
    assert deadline.passed()
    clock.sleep(10)
    assert deadline.left() == -10


@pytest.mark.parametrize(("seconds", "left"), [(0, 0), (4, 4), (10, 10), (11, 10), (1e9, 10)])
def test_a_deadline_within_another_is_never_later(
    clock: Clock, seconds: float, left: float
) -> None:
    inner = clock.deadline(10).within(seconds)
    assert inner.left() == left
    clock.sleep(3)
    assert inner.left() == left - 3


def test_within_a_passed_deadline_no_time_is_left(clock: Clock) -> None:
    outer = clock.deadline(10)
    clock.sleep(12)
    assert outer.within(5).passed()


def test_an_extended_deadline_is_later_by_the_given_seconds(clock: Clock) -> None:
    extended = clock.deadline(10).extended_by(0.5)
    assert extended.left() == 10.5
    clock.sleep(10.25)
    assert extended.left() == 0.25
    assert not extended.sleep(0.25)


@pytest.mark.parametrize(("seconds", "sleeps"), [(0, True), (9.9, True), (10, False), (11, False)])
def test_a_pause_does_not_begin_if_it_would_outlast_the_deadline(
    clock: Clock, seconds: float, sleeps: bool
) -> None:
    assert clock.deadline(10).sleep(seconds) is sleeps
    assert clock.pauses == ([seconds] if sleeps else [])


def test_a_deadline_within_another_sleeps_like_it(clock: Clock) -> None:
    assert clock.deadline(10).within(5).sleep(4)
    assert clock.pauses == [4]


@pytest.mark.parametrize(
    ("seconds", "pauses"),
    [(0, []), (1, []), (1.5, [1]), (3, [1]), (7.5, [1, 2, 4]), (12, [1, 2, 4])],
)
def test_attempts_end_when_the_next_pause_would_outlast_the_deadline(
    clock: Clock, seconds: float, pauses: list[float]
) -> None:
    attempts = list(clock.deadline(seconds).attempts(first_pause_seconds=1, max_pause_seconds=5))
    assert clock.pauses == pauses
    assert len(attempts) == len(pauses) + 1


def test_the_first_attempt_comes_at_once_even_after_the_deadline(clock: Clock) -> None:
    deadline = clock.deadline(1)
    clock.sleep(2)
    assert list(deadline.attempts(first_pause_seconds=3)) == [3]
    assert clock.pauses == [2]


def test_pauses_between_attempts_grow_to_the_maximum(clock: Clock) -> None:
    assert list(
        clock.deadline(100).attempts(first_pause_seconds=0.5, max_pause_seconds=5, max_attempts=7)
    ) == [
        0.5,
        1,
        2,
        4,
        5,
        5,
        5,
    ]
    assert clock.pauses == [0.5, 1, 2, 4, 5, 5]


@pytest.mark.parametrize(
    ("growth_factor", "pauses"), [(1, [2, 2, 2]), (2, [2, 4, 8]), (4, [2, 8, 32])]
)
def test_each_pause_grows_by_the_factor(
    clock: Clock, growth_factor: float, pauses: list[float]
) -> None:
    for _ in clock.deadline(1000).attempts(
        first_pause_seconds=2, growth_factor=growth_factor, max_attempts=4
    ):
        pass
    assert clock.pauses == pauses


@pytest.mark.parametrize("max_attempts", [1, 2, 5])
def test_there_is_no_pause_after_the_last_attempt(clock: Clock, max_attempts: int) -> None:
    assert (
        len(
            list(
                clock.deadline(100).attempts(
                    first_pause_seconds=1, growth_factor=1, max_attempts=max_attempts
                )
            )
        )
        == max_attempts
    )
    assert len(clock.pauses) == max_attempts - 1


def test_the_time_of_the_attempts_themselves_counts(clock: Clock) -> None:
    start_times = []
    for _ in clock.deadline(10).attempts(first_pause_seconds=1, growth_factor=1):
        start_times.append(clock.now)
        clock.sleep(3)
    assert start_times == [0, 4, 8]


def test_each_attempt_knows_the_pause_after_it(clock: Clock) -> None:
    pauses = list(
        clock.deadline(100).attempts(first_pause_seconds=0.2, max_attempts=4, jittered=True)
    )
    assert clock.pauses == pauses[:-1]


def test_jitter_shortens_a_pause_by_a_half_at_most(clock: Clock) -> None:
    runs = [
        list(clock.deadline(99).attempts(first_pause_seconds=1, max_attempts=3, jittered=True))
        for _ in range(200)
    ]
    for number, full_pause in enumerate((1, 2, 4)):
        pauses = [run[number] for run in runs]
        assert full_pause / 2 <= min(pauses) < 0.6 * full_pause
        assert 0.9 * full_pause < max(pauses) <= full_pause


@pytest.fixture
def alarm() -> Iterator[list[int]]:
    """Install an alarm handler that must never run, and check that it is still installed after."""
    signals: list[int] = []

    def unexpected_alarm(number: int, _frame: object) -> None:
        signals.append(number)

    original = signal.signal(signal.SIGALRM, unexpected_alarm)
    yield signals
    assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)
    assert signal.signal(signal.SIGALRM, original) is unexpected_alarm
    assert signals == []


def test_quick_code_is_not_interrupted(alarm: list[int]) -> None:
    with time_limit(0.05):
        pass
    time.sleep(0.06)


@pytest.mark.parametrize("seconds", [0.05, 0.001, 0, -5])
def test_code_that_takes_too_long_is_interrupted(alarm: list[int], seconds: float) -> None:
    with pytest.raises(TimeoutError, match="took longer than"), time_limit(seconds):
        time.sleep(20)


def _loop_for_ever() -> None:
    while True:
        pass


def test_busy_code_is_interrupted(alarm: list[int]) -> None:
    with pytest.raises(TimeoutError), time_limit(0.02):
        _loop_for_ever()


def test_the_alarm_rings_again_for_code_that_swallows_it(alarm: list[int]) -> None:
    swallowed: list[TimeoutError] = []

    def swallow_three() -> None:
        while len(swallowed) < 3:
            try:
                time.sleep(20)
            except TimeoutError as error:
                swallowed.append(error)
        time.sleep(20)

    with pytest.raises(TimeoutError), time_limit(0.02, repeat_seconds=0.02):
        swallow_three()
    assert len(swallowed) == 3


def test_another_error_propagates_and_ends_the_limit(alarm: list[int]) -> None:
    with pytest.raises(KeyError), time_limit(0.02):
        raise KeyError
    time.sleep(0.03)


def test_an_alarm_that_rings_at_once_leaves_nothing_behind(
    alarm: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    real_setitimer = signal.setitimer

    def setitimer(which: int, seconds: float, interval: float = 0.0) -> tuple[float, float]:
        old_timer = real_setitimer(which, seconds, interval)
        signal.raise_signal(
            signal.SIGALRM
        )  # before the caller continues, and after the limit has ended
        return old_timer

    monkeypatch.setattr(signal, "setitimer", setitimer)
    entered = False
    with pytest.raises(TimeoutError), time_limit(30):
        entered = True
    assert not entered


def test_code_that_ends_close_to_the_limit_is_not_interrupted_afterwards(alarm: list[int]) -> None:
    # The loop has a frame of its own. In Python 3.13.0 an error that a signal handler raises in a
    # loop's backward jump bypasses the `except` clauses of the loop's own frame.
    def stay_busy(seconds: float) -> None:
        finish_at = time.monotonic() + seconds
        while time.monotonic() < finish_at:
            pass

    for step in range(300):
        with suppress(TimeoutError), time_limit(0.001, repeat_seconds=0.001):
            stay_busy(step / 200_000)
    time.sleep(0.005)


def test_an_outer_limit_continues_after_an_inner_one(alarm: list[int]) -> None:
    def sleep_after_an_inner_limit() -> None:
        with time_limit(30):
            pass
        time.sleep(20)

    with pytest.raises(TimeoutError, match=r"longer than 0\.2 s"), time_limit(0.2):
        sleep_after_an_inner_limit()


def test_an_outer_limit_applies_inside_a_longer_inner_one_and_after_it(alarm: list[int]) -> None:
    steps: list[str] = []

    def swallow_the_first() -> None:
        try:
            with time_limit(30):
                time.sleep(20)
        except TimeoutError:
            steps.append("after the inner limit")
        time.sleep(20)

    with pytest.raises(TimeoutError), time_limit(0.05):
        swallow_the_first()
    assert steps == ["after the inner limit"]


def test_an_exceeded_inner_limit_does_not_change_the_outer_one(alarm: list[int]) -> None:
    with time_limit(30):
        with suppress(TimeoutError), time_limit(0.02):
            time.sleep(20)
        left, repeat_seconds = signal.getitimer(signal.ITIMER_REAL)
        assert 20 < left < 30 - 0.02
        assert repeat_seconds == 1


def test_a_limit_that_ends_after_the_limit_around_it_leaves_nothing_behind(
    alarm: list[int],
) -> None:
    """An alarm can ring in a `with` statement's own steps, before `__exit__` has begun."""
    inner_limit = time_limit(0.01)
    with suppress(TimeoutError), time_limit(30):
        inner_limit.__enter__()
        time.sleep(20)
    assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)
    inner_limit.__exit__(None, None, None)
    with time_limit(30):
        time.sleep(0.02)


def test_another_thread_is_not_interrupted(alarm: list[int]) -> None:
    results: list[str] = []

    def work() -> None:
        with time_limit(0.01):
            time.sleep(0.03)
            results.append("finished")

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert results == ["finished"]


def test_a_limit_holds_after_code_that_has_used_the_alarm_itself(alarm: list[int]) -> None:
    with time_limit(math.inf):
        call_within(20, signal.signal, signal.SIGALRM, signal.SIG_IGN)
        signal.alarm(20)
        with pytest.raises(TimeoutError):
            call_within(0.02, time.sleep, 20)


def test_a_limit_without_end_is_never_exceeded(alarm: list[int]) -> None:
    with time_limit(math.inf):
        call_within(20, time.sleep, 0)
        # The alarm of a limit that is over may still ring.
        signal.raise_signal(signal.SIGALRM)
