"""A limit on the CPU time of a case; time in which the machine is suspended does not count."""

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TypeVar

_Result = TypeVar("_Result")

MAX_SECONDS = 1.0
# Tests and fakes replace this function in the module, to stop the clock of time limits.
_set_timer = signal.setitimer
_alarms: list[float] = []


class Hang(BaseException):
    """A case takes too long. It is no `Exception`, so that less of the code swallows it."""


def run_within_limit(function: Callable[[], _Result], seconds: float = MAX_SECONDS) -> _Result:
    """Return a function's result; raise `Hang` if it takes more CPU time than `seconds`."""
    started = time.process_time()
    _alarms.clear()
    _set_timer(signal.ITIMER_PROF, seconds, seconds)
    try:
        result = function()
    finally:
        _set_timer(signal.ITIMER_PROF, 0)
    # The code may have swallowed the error, or may have run outside of Python.
    taken = time.process_time() - started
    if _alarms or taken > seconds:
        raise Hang(f"took {taken:.1f} s")
    return result


@contextmanager
def hangs_interrupted() -> Iterator[None]:
    """Let `run_within_limit` interrupt code; otherwise the signal would end the process."""
    former = signal.signal(signal.SIGPROF, _interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGPROF, former)


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    _alarms.append(time.process_time())
    raise Hang("took too long")
