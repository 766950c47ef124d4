"""A virtual clock, whose time passes only when code sleeps, and threads in its time."""

import itertools
import signal
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from deadline import Deadline, InvocationContext
from side_by_side import Threads


@dataclass
class Clock:
    """The seconds since the test began, and the pauses in which they passed."""

    now: float = 0.0
    pauses: list[float] = field(default_factory=list)
    _scheduled: list[tuple[float, Callable[[], object]]] = field(default_factory=list)

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        """Advance the clock without waiting, and call the functions scheduled until then."""
        self.pauses.append(seconds)
        self.now += seconds
        for entry in [entry for entry in self._scheduled if entry[0] <= self.now]:
            self._scheduled.remove(entry)
            _, function = entry
            function()

    def schedule(self, moment: float, function: Callable[[], object]) -> None:
        """Call a function when the clock reaches a moment."""
        self._scheduled.append((moment, function))

    def deadline(self, seconds: float) -> Deadline:
        """Return a deadline `seconds` from now."""
        passes_at = self.now + seconds
        return Deadline(lambda: passes_at - self.now, self.sleep)

    def invocation(self, seconds: float = 240.0) -> "Invocation":
        """Return the context of a Lambda invocation with a timeout of `seconds`."""
        return Invocation(self, self.now + seconds)


@dataclass
class Invocation:
    """The part of Lambda's context object that functions use."""

    clock: Clock
    timeout_at: float
    aws_request_id: str = "00000000-0000-4000-8000-000000000000"

    def get_remaining_time_in_millis(self) -> int:
        return int((self.timeout_at - self.clock.now) * 1000)


def let_time_pass(patch: pytest.MonkeyPatch) -> None:
    """Have an invocation's time pass when the code under test sleeps, so that nothing waits."""
    real = Deadline.before_timeout.__func__  # type: ignore[attr-defined]

    def before_timeout(
        cls: type[Deadline], context: InvocationContext, reserve_seconds: float, *sleep: object
    ) -> Deadline:
        deadline: Deadline = real(cls, context, reserve_seconds, *sleep)
        if isinstance(context, Invocation):
            return cls(deadline.left, context.clock.sleep)
        return deadline

    patch.setattr(Deadline, "before_timeout", classmethod(before_timeout))


class Alarm:
    """Replaces the timer of the alarm signal by the virtual clock.

    On a slow machine the real timer would interrupt code that takes no virtual time.

    Attributes
    ----------
    seconds_to_alarm
        The seconds for which the timer was set last; 0 if it is off.
    """

    def __init__(self, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
        self._clock = clock
        self.seconds_to_alarm = 0.0
        self._again = 0.0
        monkeypatch.setattr(signal, "setitimer", self._set)

    def hang(self) -> None:
        """Act like a call that never returns: let time pass until the alarm rings."""
        assert self.seconds_to_alarm
        self._clock.sleep(self.seconds_to_alarm)
        signal.raise_signal(signal.SIGALRM)

    def _set(self, _which: int, seconds: float, again: float = 0) -> tuple[float, float]:
        former = self.seconds_to_alarm, self._again
        self.seconds_to_alarm, self._again = seconds, again
        return former


class VirtualThreads(Threads[Any]):
    """Threads that all begin when they are started, however long the others take.

    A job runs to its end when it is started. The clock then goes back, and each report comes at the
    moment at which the job made it. So does an error of the job.
    """

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock
        self._order = itertools.count()
        self._pending: list[tuple[float, int, Any]] = []

    def start(self, job: Callable[[Callable[[Any], None]], None]) -> None:
        started_at = self._clock.now
        try:
            job(self._add)
        except BaseException as error:  # noqa: BLE001 - raised at its moment
            self._add(error)
        self._clock.now = started_at

    def _add(self, report: Any) -> None:
        self._pending.append((self._clock.now, next(self._order), report))

    def next_report(self, seconds: float) -> Any | None:
        earliest = min(self._pending, default=None, key=lambda entry: entry[:2])
        if earliest is None or earliest[0] > self._clock.now + seconds:
            self._clock.sleep(max(0.0, seconds))
            return None
        self._pending.remove(earliest)
        moment, _, report = earliest
        self._clock.sleep(max(0.0, moment - self._clock.now))
        if isinstance(report, BaseException):
            raise report
        return report
