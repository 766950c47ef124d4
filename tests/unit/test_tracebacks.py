"""Where an error was raised is told by file and line, and nothing of its text."""

from typing import Any

import pytest

from tracebacks import error_origin, traceback_locations


@pytest.fixture
def error() -> BaseException:
    """An error that came from `raises.py` through two functions of `calls.py`."""
    names: dict[str, Any] = {}
    for source, file in (
        ("def raises():\n    raise KeyError('secret')", "/var/raises.py"),
        ("def inner():\n    raises()\n\ndef outer():\n    inner()", "/var/task/calls.py"),
    ):
        exec(compile(source, file, "exec"), names)  # noqa: S102
    with pytest.raises(KeyError) as caught:
        names["outer"]()
    return caught.value


def test_places_are_in_the_order_of_the_calls(error: BaseException) -> None:
    _here, *places = traceback_locations(error)
    assert places == ["/var/task/calls.py:5", "/var/task/calls.py:2", "/var/raises.py:2"]


@pytest.mark.parametrize(
    ("preferred", "origin"),
    [("/task/", "calls.py:2"), ("/var/", "raises.py:2"), ("/elsewhere/", "raises.py:2")],
)
def test_the_origin_is_the_innermost_preferred_place_or_the_one_that_raised(
    error: BaseException, preferred: str, origin: str
) -> None:
    assert error_origin(error, lambda place: preferred in place) == f"KeyError at {origin}"


def test_the_origin_is_the_place_that_raised(error: BaseException) -> None:
    assert error_origin(error) == "KeyError at raises.py:2"
