"""How a failed creation is undone, and how long to search for what it may have made."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from deadline import Deadline
from genesys.errors import GenesysError

# How long a thing that a creation made may take to be in lists.
LATE_CREATION_SECONDS = 10.0


class LeftBehind(Exception):
    """A failure after which a thing that we made may still be there; its cause says why."""


def searches(deadline: Deadline, *, creation_under_way: bool) -> Iterator[float]:
    """Yield for each search in lists: once, or for a while if a creation may be under way."""
    patience = LATE_CREATION_SECONDS if creation_under_way else 0
    return deadline.within(patience).attempts(2, growth=1)


@contextmanager
def undone_on_failure(path: str, undo: Callable[[], None]) -> Iterator[None]:
    """Undo what the enclosed code made if it fails, and raise its error.

    Parameters
    ----------
    path
        The path whose POST makes the thing: if that was refused, there is nothing to undo.

    Raises
    ------
    LeftBehind
        If undoing fails, too.
    """
    try:
        yield
    except Exception as error:
        if not _made_nothing(error, path):
            try:
                undo()
            except Exception:  # noqa: BLE001 - whatever it was, the first error is the answer
                raise LeftBehind from error
        raise


def _made_nothing(error: Exception, path: str) -> bool:
    return (
        isinstance(error, GenesysError)
        and (error.method, error.path) == ("POST", path)
        and not error.maybe_carried_out
    )
