"""Undoes a failed creation, and times the searches for resources that it may have left."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from deadline import Deadline
from genesys.errors import GenesysError

# A new resource may be missing from Genesys Cloud's lists for this long.
LISTING_LAG_SECONDS = 10.0


class CleanupFailed(Exception):
    """A failed creation could not be undone; `__cause__` is the creation's error."""


def search_attempts(deadline: Deadline, *, creation_may_be_running: bool) -> Iterator[float]:
    """Yield once for each search: once in all, or repeatedly if a creation may be running."""
    search_seconds = LISTING_LAG_SECONDS if creation_may_be_running else 0
    return deadline.within(search_seconds).attempts(first_pause_seconds=2, growth=1)


@contextmanager
def undo_on_failure(path: str, undo: Callable[[], None]) -> Iterator[None]:
    """If the enclosed code fails, undo the creation and raise the error again.

    Parameters
    ----------
    path
        The path of the POST that creates the resource. If Genesys Cloud refused the POST, nothing
        was created, and `undo` is not called.
    undo
        Removes the resource.

    Raises
    ------
    CleanupFailed
        `undo` failed, too.
    """
    try:
        yield
    except Exception as error:
        if _may_have_created(error, path):
            try:
                undo()
            except Exception:  # noqa: BLE001 - the first error is more important
                raise CleanupFailed from error
        raise


def _may_have_created(error: Exception, path: str) -> bool:
    if isinstance(error, GenesysError) and (error.method, error.path) == ("POST", path):
        return error.may_have_succeeded
    return True
