"""Undoes a failed creation. Repeats the search for a resource that is too new to be listed."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from deadline import Deadline
from genesys.errors import CreationUnwanted, GenesysError

# A new resource may be missing from Genesys Cloud's lists for this long.
LISTING_LAG_SECONDS = 10.0


class CleanupFailed(Exception):
    """A creation failed and could not be undone; `__cause__` says why the creation failed."""


def wait_for_listing(deadline: Deadline, is_listed: Callable[[], bool]) -> None:
    """Wait until Genesys Cloud's lists show a new resource, or until they should show it.

    From then on, a Delete finds the resource. If a list cannot be read, only wait.
    """
    for _ in search_attempts(deadline, resource_may_yet_appear=True):
        with suppress(GenesysError):
            if is_listed():
                return


def search_attempts(deadline: Deadline, *, resource_may_yet_appear: bool) -> Iterator[float]:
    """Yield once for each search for a resource in Genesys Cloud's lists.

    If the resource may yet appear in the lists, there is a search every two seconds for
    `LISTING_LAG_SECONDS`; otherwise there is only one search.
    """
    search_seconds = LISTING_LAG_SECONDS if resource_may_yet_appear else 0
    return deadline.within(search_seconds).attempts(first_pause_seconds=2, growth_factor=1)


@contextmanager
def undo_on_failure(undo: Callable[[], None], *, creation_path: str) -> Iterator[None]:
    """If the enclosed code fails, undo the creation and raise the error again.

    Parameters
    ----------
    undo
        Removes the resource.
    creation_path
        The path of the POST that creates the resource. If Genesys Cloud refused the POST, or if it
        was not sent, nothing was created, and `undo` is not called.

    Raises
    ------
    CleanupFailed
        `undo` failed, too.
    """
    try:
        yield
    except Exception as error:
        if _may_have_created(error, creation_path):
            try:
                undo()
            except Exception:  # noqa: BLE001 - the first error is more important
                raise CleanupFailed from error
        raise


def _may_have_created(error: Exception, creation_path: str) -> bool:
    if isinstance(error, CreationUnwanted):
        return error.may_have_succeeded
    if isinstance(error, GenesysError) and (error.method, error.path) == ("POST", creation_path):
        return error.may_have_succeeded
    # Something else failed, and the POST may have succeeded before.
    return True
