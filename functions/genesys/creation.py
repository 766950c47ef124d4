"""Creates a resource in Genesys Cloud exactly once, even if a response is lost."""

from collections.abc import Callable

from deadline import Deadline
from genesys.errors import CreationUnwanted, GenesysError


def create_once(
    *,
    post: Callable[[], str],
    find_created: Callable[[], list[str]],
    remove_duplicate: Callable[[str], None],
    deadline: Deadline,
) -> str:
    """Create a resource that does not exist yet, and return its id.

    A failure is uncertain if the attempt may have created the resource all the same. Any other
    failure is raised at once. From the first uncertain failure on, each attempt is followed by a
    search for the resource. If the search finds duplicates, one is kept and the others are removed.

    Parameters
    ----------
    post
        Creates the resource and returns its id.
    find_created
        Searches Genesys Cloud for resources that `post` may have created, and returns their ids.
    remove_duplicate
        Removes the resource with the given id.
    deadline
        No further attempt begins after the deadline.

    Raises
    ------
    GenesysError, CreationUnwanted
        No attempt is known to have succeeded. The error's `may_have_succeeded` is true if any
        attempt may have succeeded.
    """
    created_id = None
    last_uncertain_error = None
    attempts = deadline.attempts(first_pause_seconds=1, max_pause_seconds=20)
    next(attempts)  # the first attempt comes without a pause
    while True:
        try:
            created_id = post()
            if last_uncertain_error is None:
                return created_id
        except GenesysError as error:
            if not error.may_have_succeeded:
                # This attempt created nothing, but an earlier attempt may have.
                error.may_have_succeeded = last_uncertain_error is not None
                raise
            last_uncertain_error = error
        except CreationUnwanted as error:
            # This attempt was not made, but an earlier attempt may have succeeded.
            error.may_have_succeeded = last_uncertain_error is not None
            raise
        # If time is left, `next` pauses, because lists may show a new resource late.
        time_is_left = next(attempts, None) is not None
        listed_ids = find_created()
        if created_id or listed_ids:
            kept_id = created_id or listed_ids[0]
            for duplicate_id in set(listed_ids) - {kept_id}:
                remove_duplicate(duplicate_id)
            return kept_id
        # After the status 500, a retry would probably fail again.
        if last_uncertain_error.status == 500 or not time_is_left:
            raise last_uncertain_error
