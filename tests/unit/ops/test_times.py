"""Durations and times, as operators write and read them."""

import re

import pytest
import typer
from hypothesis import assume, given
from hypothesis import strategies as st

from ops.times import format_clock, format_duration, format_time, iso_time, parse_duration

_DATETIMES_MS = st.integers(0, 253_402_300_799_999)


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("10m", 600), ("2h", 7200), ("3d", 259_200), (" 1m ", 60)]
)
def test_a_duration_has_a_number_and_a_unit(text: str, seconds: int) -> None:
    assert parse_duration(text) == seconds


@given(st.integers(1, 10_000), st.sampled_from("smhd"))
def test_every_whole_number_with_a_unit_is_a_duration(number: int, unit: str) -> None:
    factor = {"s": 1, "m": 60, "h": 3600, "d": 86_400}[unit]
    assert parse_duration(f"{number}{unit}") == number * factor


@given(st.text(max_size=12))
def test_any_other_text_is_refused_with_an_example(text: str) -> None:
    assume(not re.fullmatch(r"\s*[0-9]+[smhd]\s*", text))
    with pytest.raises(typer.BadParameter, match="Write it like 90s"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 ms"),
        (0.85, "850 ms"),
        (0.9996, "1.0 s"),
        (1.25, "1.2 s"),
        (9.96, "10 s"),
        (12, "12 s"),
        (119, "119 s"),
        (120, "2 min"),
        (7200, "2 h"),
        (172_800, "2 d"),
    ],
)
def test_a_formatted_duration_has_one_unit(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text


@given(_DATETIMES_MS)
def test_all_forms_of_a_time_agree(epoch_ms: int) -> None:
    iso = iso_time(epoch_ms)
    assert format_time(epoch_ms) == f"{iso[:10]} {iso[11:19]}Z"
    assert format_clock(epoch_ms) == iso[11:19]
    assert int(iso[20:23]) == epoch_ms % 1000
