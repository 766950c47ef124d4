"""Makes a case smaller, as long as it shows the same finding."""

import copy
from collections.abc import Callable, Iterator
from typing import Any

from tests.fuzz.target import Case

MAX_TRIES = 150


def minimized(case: Case, shows_finding: Callable[[Case], bool], tries: int = MAX_TRIES) -> Case:
    """Return a smaller case that still shows a finding: fewer members, and shorter texts."""
    is_smaller = True
    while is_smaller:
        is_smaller = False
        for candidate in _smaller(case):
            if tries == 0:
                return case
            tries -= 1
            if shows_finding(candidate):
                case, is_smaller = candidate, True
                break
    return case


def _smaller(case: Case) -> Iterator[Case]:
    """Yield copies of a case with less in them, the smallest first."""
    for path, value in [*_places(case)]:
        if isinstance(value, list) and value:
            halves = (value[: len(value) // 2], value[len(value) // 2 :])
            singles = (value[:at] + value[at + 1 :] for at in range(min(len(value), 8)))
            yield from (_replaced(case, path, part) for part in (*halves, *singles))
        elif isinstance(value, str) and len(value) > 8:
            half = len(value) // 2
            yield from (_replaced(case, path, part) for part in (value[:half], value[half:]))


def _places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    yield path, value
    if isinstance(value, dict | list):
        members = value.items() if isinstance(value, dict) else enumerate(value)
        for key, member in members:
            yield from _places(member, (*path, key))


def _replaced(case: Case, path: tuple[Any, ...], value: Any) -> Case:
    if not path:
        return value
    case = copy.deepcopy(case)
    holder = case
    for key in path[:-1]:
        holder = holder[key]
    holder[path[-1]] = value
    return case
