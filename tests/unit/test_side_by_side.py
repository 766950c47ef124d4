"""Jobs run side by side, and those that have not finished at the deadline are abandoned."""

import threading
import time
from collections.abc import Callable

import pytest

from deadline import Deadline
from side_by_side import MAX_AT_ONCE, Runner, SideBySide, Threads, run_in_turn
from tests.fakes.clock import Clock

LONG_SECONDS = 60.0


def soon() -> Deadline:
    """Return a deadline in real time that no test waits for."""
    until = time.monotonic() + LONG_SECONDS
    return Deadline(lambda: until - time.monotonic())


def returning(value: int) -> Callable[[], int]:
    return lambda: value


@pytest.mark.parametrize("run", [run_in_turn, SideBySide()])
@pytest.mark.parametrize("count", [0, 1, 2, 3 * MAX_AT_ONCE])
def test_each_job_s_result_comes_with_its_position(run: Runner, count: int) -> None:
    jobs = [returning(n * n) for n in range(count)]
    assert dict(run(jobs, soon())) == {n: n * n for n in range(count)}


def test_jobs_run_at_the_same_time() -> None:
    barrier = threading.Barrier(MAX_AT_ONCE)
    jobs = [lambda: barrier.wait(LONG_SECONDS) for _ in range(MAX_AT_ONCE)]
    assert len(dict(SideBySide()(jobs, soon()))) == MAX_AT_ONCE


def test_a_single_job_runs_in_the_main_thread_where_it_can_be_interrupted() -> None:
    assert dict(SideBySide()([threading.current_thread], soon())) == {0: threading.main_thread()}


def test_the_first_results_come_before_the_last_job_is_finished() -> None:
    may_finish = threading.Event()
    results = SideBySide()([returning(1), lambda: may_finish.wait(LONG_SECONDS)], soon())
    assert next(results) == (0, 1)
    may_finish.set()
    assert list(results) == [(1, True)]


@pytest.mark.parametrize("count", [1, 2])
def test_a_job_that_has_not_finished_at_the_deadline_is_abandoned(count: int) -> None:
    may_finish = threading.Event()
    finished: list[int] = []

    def hang() -> int:
        may_finish.wait(LONG_SECONDS)
        return 2

    def run_in_another_thread() -> None:
        jobs = [hang, returning(1)][:count]
        finished.extend(position for position, _ in SideBySide()(jobs, Clock().deadline(0.05)))

    thread = threading.Thread(target=run_in_another_thread)
    thread.start()
    thread.join()
    assert finished == [1][: count - 1]
    may_finish.set()


@pytest.mark.parametrize("count", [1, 2])
def test_a_job_s_error_is_raised_where_the_results_are_taken(count: int) -> None:
    def fail() -> int:
        raise KeyError("why")

    with pytest.raises(KeyError, match="why"):
        list(SideBySide()([fail, *[returning(1)] * (count - 1)], soon()))


def test_the_results_of_other_jobs_come_before_an_error() -> None:
    has_failed = threading.Event()
    results: list[tuple[int, bool]] = []

    def fail() -> bool:
        has_failed.set()
        raise KeyError("why")

    jobs = [fail, lambda: has_failed.wait(LONG_SECONDS)]
    with pytest.raises(KeyError, match="why"):
        results.extend(SideBySide()(jobs, soon()))
    assert results == [(1, True)]


@pytest.mark.parametrize("is_same_runner", [True, False])
def test_jobs_that_hang_keep_no_later_jobs_from_running(is_same_runner: bool) -> None:
    may_finish = threading.Event()
    run = SideBySide()
    hanging_jobs = [lambda: may_finish.wait(LONG_SECONDS)] * (MAX_AT_ONCE + 1)
    started: list[int] = []
    assert not dict(run([*hanging_jobs, lambda: started.append(1)], Clock().deadline(0.05)))
    later_run = run if is_same_runner else SideBySide()
    assert dict(later_run([returning(1), returning(2)], soon())) == {0: 1, 1: 2}
    may_finish.set()
    # Jobs that had not begun at the deadline never begin.
    assert started == []


def test_threads_pass_on_what_their_jobs_report() -> None:
    threads: Threads[str] = Threads()
    may_report = threading.Event()

    def report_late(report: Callable[[str], None]) -> None:
        may_report.wait(LONG_SECONDS)
        report("late")

    threads.start(report_late)
    threads.start(lambda report: report("early"))
    assert threads.next_report(LONG_SECONDS) == "early"
    assert threads.next_report(0) is None
    may_report.set()
    assert threads.next_report(LONG_SECONDS) == "late"


def test_a_job_that_never_ends_does_not_keep_the_process_alive() -> None:
    threads: Threads[str] = Threads()
    is_daemon: list[bool] = []
    checked = threading.Event()

    def check(report: Callable[[str], None]) -> None:
        is_daemon.append(threading.current_thread().daemon)
        checked.set()

    threads.start(check)
    assert checked.wait(LONG_SECONDS)
    assert is_daemon == [True]
