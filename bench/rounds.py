"""Times contenders in interleaved rounds, so that what disturbs one disturbs all."""

import gc
import os
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

Turn = Callable[[], None]
"""What is timed: it works on an input of its own, made before."""


@dataclass(frozen=True, slots=True)
class Contender:
    """Something that is timed.

    Attributes
    ----------
    prepare
        Makes the input of a turn; it is not timed.
    gc_thresholds
        The thresholds of garbage collection that this contender works with.
    """

    prepare: Callable[[], Turn]
    gc_thresholds: tuple[int, int, int] = (700, 10, 10)


@dataclass(frozen=True, slots=True)
class Times:
    """The times of a contender's turns, in seconds."""

    turns: list[float] = field(default_factory=list)

    @property
    def median(self) -> float:
        return statistics.median(self.turns)

    @property
    def minimum(self) -> float:
        return min(self.turns)


def take_turns(
    contenders: Mapping[str, Contender],
    *,
    rounds: int,
    clock: Callable[[], float] = time.process_time,
) -> dict[str, Times]:
    """Let each contender have a turn in each round, after a round of warm-up.

    Every round begins with the next contender, so that none profits from its place.
    """
    times = {name: Times() for name in contenders}
    names = [*contenders]
    for round_number in range(rounds + 1):
        first = round_number % len(names)
        for name in names[first:] + names[:first]:
            contender = contenders[name]
            turn = contender.prepare()
            gc.collect()
            gc.set_threshold(*contender.gc_thresholds)
            start = clock()
            turn()
            seconds = clock() - start
            if round_number:
                times[name].turns.append(seconds)
    return times


def pin_to_one_core() -> str:
    """Have this process run on one core only; return what was done, in words."""
    if not hasattr(os, "sched_setaffinity"):
        return "not pinned: this system cannot"
    core = max(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {core})
    return f"pinned to core {core}"
