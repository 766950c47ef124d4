"""Interleaved rounds: whatever disturbs one contender disturbs all."""

import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

_Name = TypeVar("_Name")
_Turn = TypeVar("_Turn")


def take_turns(
    contenders: Mapping[_Name, Callable[[], _Turn]], *, rounds: int, warm_up: bool = True
) -> dict[_Name, list[_Turn]]:
    """Let each contender have a turn in each round; return the results of its turns.

    Every round begins with the next contender, so that no contender profits from its place.

    Parameters
    ----------
    warm_up
        Whether a round whose results do not count comes first.
    """
    results: dict[_Name, list[_Turn]] = {name: [] for name in contenders}
    names = [*contenders]
    first_round = 0 if warm_up else 1
    for round_number in range(first_round, rounds + 1):
        first = round_number % len(names)
        for name in names[first:] + names[:first]:
            result = contenders[name]()
            if round_number:
                results[name].append(result)
    return results


def median_and_minimum(values: Sequence[float]) -> dict[str, float]:
    """Return the median and the minimum, keyed by these names."""
    return {"median": statistics.median(values), "min": min(values)}


def percentile(values: Sequence[float], percent: float) -> float:
    """Return the smallest value that at least `percent` of the values do not exceed."""
    return sorted(values)[max(0, math.ceil(len(values) * percent / 100) - 1)]
