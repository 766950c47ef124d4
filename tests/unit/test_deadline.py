"""A deadline tells the time left, spaces tries, and interrupts the code that would outlast it."""

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import suppress

import pytest

from deadline import Deadline, time_limit
from tests.fakes.clock import Clock


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


def test_an_extended_deadline_comes_later_by_so_much(clock: Clock) -> None:
    extended = clock.deadline(10).extended_by(0.5)
    assert extended.left() == 10.5
    clock.sleep(10.25)
    assert extended.left() == 0.25
    assert not extended.sleep(0.25)


@pytest.mark.parametrize(("seconds", "slept"), [(0, True), (9.9, True), (10, False), (11, False)])
def test_a_pause_is_not_begun_when_the_deadline_would_pass(
    clock: Clock, seconds: float, slept: bool
) -> None:
    assert clock.deadline(10).sleep(seconds) is slept
    assert clock.pauses == ([seconds] if slept else [])


def test_a_deadline_within_another_sleeps_like_it(clock: Clock) -> None:
    assert clock.deadline(10).within(5).sleep(4)
    assert clock.pauses == [4]


@pytest.mark.parametrize(
    ("seconds", "pauses"),
    [(0, []), (1, []), (1.5, [1]), (3, [1]), (7.5, [1, 2, 4]), (12, [1, 2, 4])],
)
def test_tries_end_when_the_next_pause_would_outlast_the_deadline(
    clock: Clock, seconds: float, pauses: list[float]
) -> None:
    tries = list(clock.deadline(seconds).attempts(1, max_pause_seconds=5))
    assert clock.pauses == pauses
    assert len(tries) == len(pauses) + 1


def test_the_first_try_comes_at_once_even_after_the_deadline(clock: Clock) -> None:
    deadline = clock.deadline(1)
    clock.sleep(2)
    assert list(deadline.attempts(3)) == [3]
    assert clock.pauses == [2]


def test_pauses_between_tries_grow_to_the_longest(clock: Clock) -> None:
    assert list(clock.deadline(100).attempts(0.5, max_pause_seconds=5, max_attempts=7)) == [
        0.5,
        1,
        2,
        4,
        5,
        5,
        5,
    ]
    assert clock.pauses == [0.5, 1, 2, 4, 5, 5]


@pytest.mark.parametrize(("growth", "pauses"), [(1, [2, 2, 2]), (2, [2, 4, 8]), (4, [2, 8, 32])])
def test_each_pause_grows_by_the_factor(clock: Clock, growth: float, pauses: list[float]) -> None:
    for _ in clock.deadline(1000).attempts(2, growth=growth, max_attempts=4):
        pass
    assert clock.pauses == pauses


@pytest.mark.parametrize("most", [1, 2, 5])
def test_there_is_no_pause_after_the_last_try(clock: Clock, most: int) -> None:
    assert len(list(clock.deadline(100).attempts(1, growth=1, max_attempts=most))) == most
    assert len(clock.pauses) == most - 1


def test_the_time_of_the_tries_themselves_counts(clock: Clock) -> None:
    began = []
    for _ in clock.deadline(10).attempts(1, growth=1):
        began.append(clock.now)
        clock.sleep(3)
    assert began == [0, 4, 8]


def test_each_try_knows_the_pause_to_come(clock: Clock) -> None:
    pauses = list(clock.deadline(100).attempts(0.2, max_attempts=4, jittered=True))
    assert clock.pauses == pauses[:-1]


def test_jitter_leaves_out_half_of_a_pause_at_most(clock: Clock) -> None:
    tries = [
        list(clock.deadline(99).attempts(1, max_attempts=3, jittered=True)) for _ in range(200)
    ]
    for number, whole in enumerate((1, 2, 4)):
        pauses = [of_one[number] for of_one in tries]
        assert whole / 2 <= min(pauses) < 0.6 * whole
        assert 0.9 * whole < max(pauses) <= whole


@pytest.fixture
def alarm() -> Iterator[list[int]]:
    """What rings when nothing is to be interrupted; it is in place before and after."""
    rung: list[int] = []

    def before(number: int, _frame: object) -> None:
        rung.append(number)

    original = signal.signal(signal.SIGALRM, before)
    yield rung
    assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)
    assert signal.signal(signal.SIGALRM, original) is before
    assert rung == []


def test_quick_code_is_not_interrupted(alarm: list[int]) -> None:
    with time_limit(0.05):
        pass
    time.sleep(0.06)


@pytest.mark.parametrize("seconds", [0.05, 0.001, 0, -5])
def test_code_that_takes_too_long_is_interrupted(alarm: list[int], seconds: float) -> None:
    with pytest.raises(TimeoutError, match="took longer than"), time_limit(seconds):
        time.sleep(20)


def _work_for_ever() -> None:
    while True:
        pass


def test_busy_code_is_interrupted(alarm: list[int]) -> None:
    with pytest.raises(TimeoutError), time_limit(0.02):
        _work_for_ever()


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


def test_another_error_passes_and_ends_the_limit(alarm: list[int]) -> None:
    with pytest.raises(KeyError), time_limit(0.02):
        raise KeyError
    time.sleep(0.03)


def test_an_alarm_that_rings_at_once_leaves_nothing_behind(
    alarm: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    real = signal.setitimer

    def setitimer(which: int, seconds: float, interval: float = 0.0) -> tuple[float, float]:
        before = real(which, seconds, interval)
        signal.raise_signal(signal.SIGALRM)  # before the caller goes on, and after it has ended
        return before

    monkeypatch.setattr(signal, "setitimer", setitimer)
    entered = False
    with pytest.raises(TimeoutError), time_limit(30):
        entered = True
    assert not entered


def test_however_close_the_limit_nothing_rings_afterwards(alarm: list[int]) -> None:
    # In a frame of its own: what a signal raises in the backward jump of a loop passes by the
    # handlers of that same frame in Python 3.13.0.
    def busy(seconds: float) -> None:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            pass

    for spent in range(300):
        with suppress(TimeoutError), time_limit(0.001, repeat_seconds=0.001):
            busy(spent / 200_000)
    time.sleep(0.005)


def test_an_outer_limit_goes_on_after_an_inner_one(alarm: list[int]) -> None:
    def sleep_after_an_inner_limit() -> None:
        with time_limit(30):
            pass
        time.sleep(20)

    with pytest.raises(TimeoutError, match=r"longer than 0\.2 s"), time_limit(0.2):
        sleep_after_an_inner_limit()


def test_an_outer_limit_holds_within_a_longer_inner_one_and_after_it(alarm: list[int]) -> None:
    reached: list[str] = []

    def swallow_the_first() -> None:
        try:
            with time_limit(30):
                time.sleep(20)
        except TimeoutError:
            reached.append("after the inner one")
        time.sleep(20)

    with pytest.raises(TimeoutError), time_limit(0.05):
        swallow_the_first()
    assert reached == ["after the inner one"]


def test_an_inner_limit_that_is_over_leaves_the_outer_one_its_time(alarm: list[int]) -> None:
    with time_limit(30):
        with suppress(TimeoutError), time_limit(0.02):
            time.sleep(20)
        left, again = signal.getitimer(signal.ITIMER_REAL)
        assert 20 < left < 30 - 0.02
        assert again == 1


def test_another_thread_is_not_interrupted(alarm: list[int]) -> None:
    done: list[bool] = []

    def work() -> None:
        with time_limit(0.01):
            time.sleep(0.03)
            done.append(True)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert done == [True]
