"""Time limits that interrupt code."""

import math
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import ClassVar, ParamSpec, TypeVar

_Arguments = ParamSpec("_Arguments")
_Result = TypeVar("_Result")

_REPEAT_SECONDS = 1.0
# The delay of a timer that should fire at once. A delay of 0 would switch the timer off.
_MIN_TIMER_SECONDS = 0.001


@contextmanager
def time_limit(seconds: float, repeat_seconds: float = _REPEAT_SECONDS) -> Iterator[None]:
    """Raise `TimeoutError` in the enclosed code if it takes longer than `seconds`.

    The error is raised again every `repeat_seconds`, in case the code swallows the first one.
    Limits can be nested: an outer limit still applies inside an inner one and after it. Only the
    main thread, where Lambda runs handlers, can be interrupted; in other threads there is no limit.
    Code that blocks outside Python, such as a DNS lookup, is interrupted only once it is back in
    Python.

    An inner limit is cheap, because it uses the signal handler of the limit around it. A limit of
    `math.inf` seconds around many limits therefore saves time.
    """
    limit = _Limit(seconds, repeat_seconds)
    try:
        limit.begin()
        yield
    finally:
        limit.is_inside = False
        limit.end()


def call_within(
    seconds: float,
    function: Callable[_Arguments, _Result],
    *args: _Arguments.args,
    **kwargs: _Arguments.kwargs,
) -> _Result:
    """Call a function within a `time_limit`, in two thirds of the time that `with` takes."""
    limit = _Limit(seconds, _REPEAT_SECONDS)
    try:
        limit.begin()
        return function(*args, **kwargs)
    finally:
        limit.is_inside = False
        limit.end()


class _Limit:
    """A time limit. The process's only real-time timer is set for the innermost one.

    The alarm can ring between any two steps. So whoever calls `begin` does that in a `try` block,
    and sets `is_inside` to False in the `finally` block, before the call of `end`. From then on, an
    alarm does not interrupt anything.
    """

    __slots__ = (
        "_ends_at",
        "_former_handler",
        "_outer",
        "_repeat_seconds",
        "_seconds",
        "is_inside",
    )

    _innermost: ClassVar["_Limit | None"] = None
    _timer_repeat_seconds: ClassVar[float] = 0.0

    def __init__(self, seconds: float, repeat_seconds: float) -> None:
        self._seconds = seconds
        self._repeat_seconds = repeat_seconds
        self._outer = _Limit._innermost
        self._ends_at = math.inf
        self.is_inside = threading.get_ident() == threading.main_thread().ident

    def begin(self) -> None:
        if not self.is_inside:
            return
        now = time.monotonic()
        if self._outer:
            self._seconds = min(self._seconds, self._outer._ends_at - now)
        self._ends_at = now + self._seconds
        _Limit._innermost = self
        if self._outer is None:
            self._former_handler = signal.signal(signal.SIGALRM, _Limit._interrupt)
        self._set_timer(self._seconds)

    def end(self) -> None:
        """Give the timer back to the limit around this one."""
        limit = _Limit._innermost
        while limit is not self:
            # If an alarm rings while a `with` statement ends, its limit ends a little later, when
            # Python collects the generator. So the limit around it may end first.
            if limit is None:
                return  # It has not begun, as this is not the main thread, or has ended already.
            limit = limit._outer
        if self._outer is None:
            self._set_timer(math.inf)
            signal.signal(signal.SIGALRM, self._former_handler)
        elif self._outer._ends_at < math.inf:
            self._outer._set_timer(self._outer._ends_at - time.monotonic())
        # Otherwise the alarm may still ring, but interrupts nothing. That saves a system call.
        _Limit._innermost = self._outer

    def _set_timer(self, seconds: float) -> None:
        is_off = seconds == math.inf
        repeat_seconds = 0.0 if is_off else self._repeat_seconds
        seconds = 0.0 if is_off else max(seconds, _MIN_TIMER_SECONDS)
        _, former_repeat_seconds = signal.setitimer(signal.ITIMER_REAL, seconds, repeat_seconds)
        if former_repeat_seconds != _Limit._timer_repeat_seconds:
            # The code has used the alarm itself, probably with a handler of its own.
            signal.signal(signal.SIGALRM, _Limit._interrupt)
        _Limit._timer_repeat_seconds = repeat_seconds

    @staticmethod
    def _interrupt(_signal: int, _frame: FrameType | None) -> None:
        limit = _Limit._innermost
        if limit and limit.is_inside and limit._ends_at < math.inf:
            raise TimeoutError(f"took longer than {limit._seconds:.1f} s")
