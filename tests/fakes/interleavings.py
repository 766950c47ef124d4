"""The orders in which the calls of work in several threads can come: every one, or some."""

import random
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from tests.fakes.turns import Turns


def interleavings(begin: Callable[[], Sequence[Turns]]) -> Iterator[list[Any]]:
    """Do the same work again and again, in each order of its calls; yield after each time.

    Parameters
    ----------
    begin
        Returns what is to take turns, each time anew; `Stopping` makes each call a turn.

    Yields
    ------
    list[Any]
        What each of them returned.
    """
    beginnings: list[tuple[int, ...]] = [()]
    while beginnings:
        beginning = beginnings.pop()
        turns = begin()
        # Up to its first call none does anything that another one could notice.
        at_work = [number for number, one in enumerate(turns) if one.go_on()]
        done: tuple[int, ...] = ()
        while at_work:
            if len(done) < len(beginning):
                chosen = beginning[len(done)]
            else:
                chosen = at_work[0]
                beginnings += [(*done, other) for other in at_work[1:]]
            if not turns[chosen].go_on():
                at_work.remove(chosen)
            done = (*done, chosen)
        yield [one.result for one in turns]


def some_interleavings(
    begin: Callable[[], Sequence[Turns]], times: int, seed: int = 0
) -> Iterator[list[Any]]:
    """Do the same work so many times, each time in an order by chance; yield as `interleavings`."""
    chance = random.Random(seed)
    for _ in range(times):
        turns = begin()
        at_work = [one for one in turns if one.go_on()]
        while at_work:
            chosen = chance.choice(at_work)
            if not chosen.go_on():
                at_work.remove(chosen)
        yield [one.result for one in turns]


class Stopping:
    """A fake client of which every call is a turn of the one who makes it.

    Parameters
    ----------
    turns, number
        Which of them makes the calls: it may be made later than this.
    """

    def __init__(self, client: object, turns: Sequence[Turns], number: int) -> None:
        self._client = client
        self._turns = turns
        self._number = number

    def __getattr__(self, operation: str) -> Callable[..., Any]:
        def call(**parameters: Any) -> Any:
            self._turns[self._number].stop()
            return getattr(self._client, operation)(**parameters)

        return call
