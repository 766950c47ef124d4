"""Interleaved rounds, and what is computed from their results."""

from functools import partial

import pytest

from bench.rounds import median_and_minimum, percentile, take_turns


class Players:
    """Contenders that write their names down whenever they have a turn."""

    def __init__(self, *names: str) -> None:
        self.turns: list[str] = []
        self.contenders = {name: partial(self._turn, name) for name in names}

    def _turn(self, name: str) -> int:
        self.turns.append(name)
        return len(self.turns)


def test_every_contender_has_one_turn_in_each_round_and_none_is_always_first() -> None:
    players = Players("a", "b", "c")

    take_turns(players.contenders, rounds=3, warm_up=False)

    assert ["".join(players.turns[n : n + 3]) for n in (0, 3, 6)] == ["bca", "cab", "abc"]


def test_the_warm_up_is_not_in_the_results() -> None:
    players = Players("a", "b")

    results = take_turns(players.contenders, rounds=2)

    assert players.turns == ["a", "b", "b", "a", "a", "b"]
    assert results == {"a": [4, 5], "b": [3, 6]}


def test_one_slow_turn_changes_neither_median_nor_minimum() -> None:
    assert median_and_minimum([3.0, 1.0, 2.0]) == median_and_minimum([90.0, 1.0, 2.0])


@pytest.mark.parametrize(("percent", "expected"), [(50, 50), (99, 99), (100, 100), (0.5, 1)])
def test_a_percentile_is_a_value_that_was_measured(percent: float, expected: int) -> None:
    assert percentile([*range(100, 0, -1)], percent) == expected
