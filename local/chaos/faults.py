"""A schedule of faults. When a fault is due, it strikes the next call to its target."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from itertools import takewhile


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault of one kind, such as `throttled`, that strikes calls to one target, such as `mark`.

    Attributes
    ----------
    target
        An AWS operation, a ledger operation or a receiver.
    at
        The seconds from the start of the schedule until the fault is due. A due fault strikes the
        next call.
    duration
        The seconds for which the fault also strikes every further call; 0 if it strikes only once.
    """

    kind: str
    target: str
    at: float
    duration: float = 0.0


class Faults:
    """A schedule of faults that counts how often they strike.

    Parameters
    ----------
    clock
        Returns the time in seconds.

    Attributes
    ----------
    struck
        How often faults have struck, keyed by kind and target.
    """

    def __init__(
        self, schedule: Iterable[Fault], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.struck: Counter[tuple[str, str]] = Counter()
        self._waiting = sorted(schedule, key=lambda fault: fault.at)
        self._until: dict[Fault, float] = {}
        self._paused: dict[str, float] = {}
        self._clock = clock
        self._began: float | None = None
        self._lock = threading.Lock()

    def begin(self) -> None:
        """Start the schedule."""
        self._began = self._clock()

    def strike(self, target: str) -> str | None:
        """Return the kind of the fault that strikes this call to the target; None if none does."""
        with self._lock:
            fault = self._find_lasting(target) or self._begin_next(target)
            if fault:
                self.struck[fault.kind, target] += 1
            return fault.kind if fault else None

    def is_on(self, target: str) -> bool:
        """Return whether a fault is in effect at a target. If one is due, it begins now."""
        with self._lock:
            if self._find_lasting(target):
                return True
            fault = self._begin_next(target)
            if fault:
                self.struck[fault.kind, target] += 1
            return bool(fault)

    def pause(self, target: str, seconds: float) -> None:
        """Do not let a new fault strike the target for some seconds."""
        with self._lock:
            self._paused[target] = self._clock() + seconds

    def is_due_at(self, targets: Collection[str]) -> bool:
        """Return whether a fault is due at one of the targets and waits for a call."""
        with self._lock:
            return any(fault.target in targets for fault in self._due_faults())

    def pending(self) -> list[Fault]:
        """Return the faults that have not struck yet."""
        with self._lock:
            return list(self._waiting)

    def _find_lasting(self, target: str) -> Fault | None:
        now = self._clock()
        return next((f for f, end in self._until.items() if f.target == target and now < end), None)

    def _begin_next(self, target: str) -> Fault | None:
        fault = next((fault for fault in self._due_faults() if fault.target == target), None)
        if fault:
            self._waiting.remove(fault)
            if fault.duration:
                self._until[fault] = self._clock() + fault.duration
        return fault

    def _due_faults(self) -> list[Fault]:
        if self._began is None:
            return []
        now = self._clock()
        since = now - self._began
        due = takewhile(lambda fault: fault.at <= since, self._waiting)
        return [fault for fault in due if self._paused.get(fault.target, now) <= now]
