"""The cursor of a pass: up to which time ends have been looked for, and where the search is."""

from dataclasses import dataclass
from typing import Protocol

from backfill.windows import Position
from deadline import Deadline


@dataclass(frozen=True, slots=True)
class Cursor:
    """The state of a pass.

    Attributes
    ----------
    searched_until_ms
        Ends before this time have been looked for, in epoch milliseconds.
    window_until_ms
        The end of the window that is being searched; 0 if none is.
    position
        The page to read next in this window; None if none is being searched.
    version
        How often the cursor has been saved; 0 for a cursor that is not there yet.
    searched_for
        A number that stands for the end rule and the queues of the search.
    """

    searched_until_ms: int
    window_until_ms: int = 0
    position: Position | None = None
    version: int = 0
    searched_for: int = 0


class CursorMoved(Exception):
    """Another run has saved the cursor since this run read it."""


class KeepsCursors(Protocol):
    """Keeps the cursors of passes, as `backfill.table_cursors.TableCursors` does."""

    def read(self, name: str, deadline: Deadline) -> Cursor | None:
        """Return a cursor; None if there is none yet."""

    def save(self, name: str, cursor: Cursor, deadline: Deadline) -> Cursor:
        """Save a cursor and return it with its new version.

        Raises
        ------
        CursorMoved
            The stored version is not the cursor's. Nothing has been saved.
        """
