"""An error's origin is reported by file and line, without the error's message."""

from typing import Any

import pytest

from tracebacks import error_origin, traceback_locations


@pytest.fixture
def error() -> BaseException:
    """An error raised in `raises.py`, which two functions of `calls.py` called."""
    namespace: dict[str, Any] = {}
    for source, file in (
        ("def raises():\n    raise KeyError('secret')", "/var/raises.py"),
        ("def inner():\n    raises()\n\ndef outer():\n    inner()", "/var/task/calls.py"),
    ):
        exec(compile(source, file, "exec"), namespace)  # noqa: S102
    with pytest.raises(KeyError) as caught:
        namespace["outer"]()
    return caught.value


def test_locations_are_in_the_order_of_the_calls(error: BaseException) -> None:
    _here, *locations = traceback_locations(error)
    assert locations == ["/var/task/calls.py:5", "/var/task/calls.py:2", "/var/raises.py:2"]


@pytest.mark.parametrize(
    ("preferred_path", "origin"),
    [("/task/", "calls.py:2"), ("/var/", "raises.py:2"), ("/elsewhere/", "raises.py:2")],
)
def test_the_origin_is_the_innermost_preferred_location_or_the_innermost_of_all(
    error: BaseException, preferred_path: str, origin: str
) -> None:
    assert (
        error_origin(error, lambda location: preferred_path in location) == f"KeyError at {origin}"
    )


def test_the_origin_is_the_location_that_raised_the_error(error: BaseException) -> None:
    assert error_origin(error) == "KeyError at raises.py:2"
