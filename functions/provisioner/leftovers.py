"""What a creation may leave behind, and how a failed one is undone."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from deadline import Deadline
from genesys.errors import GenesysError

# How long to look for what a creation may yet make, or has made and lists do not show yet.
LATE_CREATION_SECONDS = 10.0


class NameTaken(Exception):
    """Something of our name that is somebody else's."""


class LeftBehind(Exception):
    """A failure after which something that we made may still be there; its cause says why."""


def looks(deadline: Deadline, *, creation_under_way: bool) -> Iterator[float]:
    """Yield for each look at what is there: one, or for a while if a creation may yet make it."""
    patience = LATE_CREATION_SECONDS if creation_under_way else 0
    return deadline.within(patience).tries(2, growth=1)


@contextmanager
def undone_on_failure(path: str, undo: Callable[[], None]) -> Iterator[None]:
    """Undo what the enclosed code made if it fails, and raise its error.

    Parameters
    ----------
    path
        Where a POST makes something; before one was carried out there is nothing to undo.

    Raises
    ------
    LeftBehind
        If that cannot be undone.
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
