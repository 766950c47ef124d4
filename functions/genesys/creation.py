"""Making one thing in Genesys Cloud, and not two, when the answer to a request is lost."""

from collections.abc import Callable

from deadline import Deadline
from genesys.errors import GenesysError


def id_in(answer: object, method: str, path: str, status: int) -> str:
    """Return the id in the answer to a request; raise an error that names it if there is none."""
    match answer:
        case {"id": str(found)} if found:
            return found
    raise GenesysError(method, path, status=status, message="the answer has no id")


def create_once(
    post: Callable[[], str],
    find_made: Callable[[], list[str]],
    remove: Callable[[str], None],
    deadline: Deadline,
) -> str:
    """Make a thing that does not exist yet, and return its id.

    A request that may have been carried out is repeated only after a search for its thing. If
    there is more than one in the end, the others are removed.

    Parameters
    ----------
    post
        Makes one and returns its id.
    find_made
        Returns the ids of those that lists show.
    remove
        Removes one by its id.
    deadline
        When to give up.

    Raises
    ------
    GenesysError
        Its `maybe_carried_out` says whether any of the requests may have made one.
    """
    made, lost = None, None
    tries = deadline.attempts(1, max_pause_seconds=20)
    next(tries)  # the first one, which needs no pause
    while True:
        try:
            made = post()
            if not lost:
                return made
        except GenesysError as error:
            if not error.maybe_carried_out:
                error.maybe_carried_out = lost is not None
                raise
            lost = error
        # A new thing may take a moment to be in lists.
        in_time = next(tries, None) is not None
        found = find_made()
        if made or found:
            kept = made or found[0]
            for duplicate in set(found) - {kept}:
                remove(duplicate)
            return kept
        if lost.status == 500 or not in_time:
            raise lost
