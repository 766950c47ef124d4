"""Faults that strike on a schedule, each at the next call of the place that it waits at."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that goes wrong.

    Attributes
    ----------
    kind, place
        What goes wrong, and the kind of call that it happens to.
    at
        Seconds from the beginning: from then on it waits for such a call.
    lasting
        For how many seconds from that call on it happens to every one; 0 for that one only.
    """

    kind: str
    place: str
    at: float
    lasting: float = 0.0


class Faults:
    """A schedule of faults, and the account of those that struck.

    Parameters
    ----------
    clock
        Seconds.

    Attributes
    ----------
    struck
        How often each fault, as its kind and place, has struck.
    """

    def __init__(
        self, schedule: Iterable[Fault], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.struck: Counter[tuple[str, str]] = Counter()
        self._waiting = sorted(schedule, key=lambda fault: fault.at)
        self._until: dict[Fault, float] = {}
        self._spared: dict[str, float] = {}
        self._clock = clock
        self._began: float | None = None
        self._lock = threading.Lock()

    def begin(self) -> None:
        """Let the schedule's time run."""
        self._began = self._clock()

    def strike(self, place: str) -> str | None:
        """Return the kind of the fault that happens to a call, if one does."""
        with self._lock:
            fault = self._lasting(place) or self._next(place)
            if fault:
                self.struck[fault.kind, place] += 1
            return fault.kind if fault else None

    def lasts(self, place: str) -> bool:
        """Return whether a fault of some duration is on; it begins when it is first asked for."""
        with self._lock:
            if self._lasting(place):
                return True
            fault = self._next(place)
            if fault:
                self.struck[fault.kind, place] += 1
            return bool(fault)

    def spare(self, place: str, seconds: float) -> None:
        """Let nothing happen to the calls of a place for so long."""
        with self._lock:
            self._spared[place] = self._clock() + seconds

    def waits_at(self, places: Collection[str]) -> bool:
        """Return whether the time of a fault at one of these places has come, but not its call."""
        with self._lock:
            return any(fault.place in places for fault in self._due())

    def missing(self) -> list[Fault]:
        """Return the faults that have not struck."""
        with self._lock:
            return list(self._waiting)

    def _lasting(self, place: str) -> Fault | None:
        now = self._clock()
        return next((f for f, end in self._until.items() if f.place == place and now < end), None)

    def _next(self, place: str) -> Fault | None:
        fault = next((fault for fault in self._due() if fault.place == place), None)
        if fault:
            self._waiting.remove(fault)
            self._until[fault] = self._clock() + fault.lasting
        return fault

    def _due(self) -> list[Fault]:
        if self._began is None:
            return []
        now = self._clock()
        come = (fault for fault in self._waiting if fault.at <= now - (self._began or 0))
        return [fault for fault in come if self._spared.get(fault.place, now) <= now]
