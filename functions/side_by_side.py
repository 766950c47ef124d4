"""Runs what waits for a network side by side, in threads."""

import threading
from collections.abc import Callable, Iterator, Sequence
from queue import Empty, SimpleQueue
from threading import Thread
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from deadline import Deadline

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor

_Result = TypeVar("_Result")
_Report = TypeVar("_Report")

MAX_AT_ONCE = 10
"""How many jobs run at the same time; a boto3 client keeps as many connections."""


class Runner(Protocol):
    """Runs jobs, and yields each job's position and result."""

    def __call__(
        self, jobs: Sequence[Callable[[], _Result]], deadline: Deadline
    ) -> Iterator[tuple[int, _Result]]: ...


def run_in_turn(
    jobs: Sequence[Callable[[], _Result]], deadline: Deadline
) -> Iterator[tuple[int, _Result]]:
    """Run one job after the other; yield each job's position and result."""
    return ((position, job()) for position, job in enumerate(jobs))


class SideBySide:
    """A `Runner` with threads of its own, so that hanging calls to one service block no other."""

    def __init__(self) -> None:
        self._pool: ThreadPoolExecutor | None = None

    def __call__(
        self, jobs: Sequence[Callable[[], _Result]], deadline: Deadline
    ) -> Iterator[tuple[int, _Result]]:
        """Run jobs in threads; yield each job's position and result as soon as it is finished.

        Jobs that have not finished at the deadline are abandoned: they yield nothing. A job should
        check the deadline when it begins, because it may begin late.

        Raises
        ------
        Exception
            The first error that a job raises, after the results of the other jobs.
        """
        if len(jobs) == 1 and threading.current_thread() is threading.main_thread():
            # In the main thread, a time limit can interrupt the job.
            yield 0, jobs[0]()
            return
        finished: SimpleQueue[tuple[int, _Result | Exception]] = SimpleQueue()

        def run(position: int, job: Callable[[], _Result]) -> None:
            try:
                finished.put((position, job()))
            except Exception as error:  # noqa: BLE001 - raised again in the thread that waits
                finished.put((position, error))

        pool = self._pool = self._pool or _make_pool()
        futures = [pool.submit(run, position, job) for position, job in enumerate(jobs)]
        first_error: Exception | None = None
        for _ in jobs:
            try:
                position, result = finished.get(timeout=max(0.0, deadline.left()))
            except Empty:
                for future in futures:
                    future.cancel()
                self._pool = None  # Its threads are busy, perhaps for long.
                break
            if isinstance(result, Exception):
                first_error = first_error or result
            else:
                yield position, result
        if first_error:
            raise first_error


def _make_pool() -> "ThreadPoolExecutor":
    # Small batches need no threads, and start sooner without the import.
    from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415

    return ThreadPoolExecutor(MAX_AT_ONCE, "side by side")


class Threads(Generic[_Report]):
    """Runs jobs in threads of their own, and passes on what the jobs report."""

    def __init__(self) -> None:
        self._reports: SimpleQueue[_Report] = SimpleQueue()

    def start(self, job: Callable[[Callable[[_Report], None]], None]) -> None:
        """Start a job, which is called with a function that takes its reports."""
        # A daemon thread does not keep the process alive if the job never ends.
        Thread(target=job, args=(self._reports.put,), daemon=True).start()

    def next_report(self, seconds: float) -> _Report | None:
        """Return the next report, or None if none comes within so many seconds."""
        try:
            return self._reports.get(timeout=max(0.0, seconds))
        except Empty:
            return None
