"""A model of the ledger, which tells the ends of a conversation apart.

It follows *Which ends are the same* in `docs/once.md`.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import NamedTuple

FIVE_MINUTES = 300_000


class QueueEnd(NamedTuple):
    """An end of a conversation in a queue. `at_ms` is its time in epoch milliseconds."""

    queue_id: str
    at_ms: int


@dataclass
class _Item:
    """A ledger item: the time that it recorded first, and the span of all its times."""

    queue_id: str
    at_ms: int
    earliest: int
    latest: int

    def distance(self, at_ms: int) -> int:
        return max(self.earliest - at_ms, at_ms - self.latest, 0)


class RecordedEnds:
    """The ends of a conversation in the ledger."""

    def __init__(self) -> None:
        self._items: list[_Item] = []

    def claim(self, ends: Collection[QueueEnd]) -> None:
        """Record ends, in order of time, in their items or in new ones."""
        for queue_id, at_ms in sorted(ends, key=lambda end: end.at_ms):
            items = [item for item in self._items if item.queue_id == queue_id]
            # Of equal items, `min` returns the first.
            nearest = min(
                items, key=lambda item: (item.at_ms != at_ms, item.distance(at_ms)), default=None
            )
            if nearest is None or nearest.distance(at_ms) > FIVE_MINUTES:
                self._items.append(_Item(queue_id, at_ms, at_ms, at_ms))
            else:
                nearest.earliest = min(nearest.earliest, at_ms)
                nearest.latest = max(nearest.latest, at_ms)

    def ends(self) -> list[QueueEnd]:
        return [QueueEnd(item.queue_id, item.at_ms) for item in self._items]
