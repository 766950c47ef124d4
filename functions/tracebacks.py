"""The places that an error came through. Its text is left out: it could quote private data."""

import traceback
from collections.abc import Callable


def places_of(error: BaseException) -> list[str]:
    """Return the places that an error came through, as `path:line`; the last one raised it."""
    frames = traceback.walk_tb(error.__traceback__)
    return [f"{frame.f_code.co_filename}:{line}" for frame, line in frames]


def origin_of(error: BaseException, preferred: Callable[[str], bool] = lambda _: True) -> str:
    """Return an error's type and where it was raised: `KeyError at actions.py:12`.

    Parameters
    ----------
    preferred
        Returns whether a place tells more than the places that it called.
    """
    places = places_of(error)
    place = next(filter(preferred, reversed(places)), places[-1])
    return f"{type(error).__name__} at {place.rpartition('/')[2]}"
