"""Reports where an error was raised, without the message, which could quote private data."""

import traceback
from collections.abc import Callable


def traceback_locations(error: BaseException) -> list[str]:
    """Return the lines in an error's traceback as `path:line`; the last one raised the error."""
    frames = traceback.walk_tb(error.__traceback__)
    return [f"{frame.f_code.co_filename}:{line}" for frame, line in frames]


def error_origin(
    error: BaseException, is_preferred_location: Callable[[str], bool] = lambda _: True
) -> str:
    """Return an error's type and origin, for example `KeyError at actions.py:12`.

    The origin is the innermost preferred location (for example, in the user's code rather than in a
    library), or the innermost of all if none is preferred.
    """
    locations = traceback_locations(error)
    origin = next(filter(is_preferred_location, reversed(locations)), locations[-1])
    return f"{type(error).__name__} at {origin.rpartition('/')[2]}"
