"""Durations and times, as operators write and read them."""

import re
from typing import Annotated

import typer

from conversations.fields import format_utc, from_epoch_ms

_SECONDS_BY_UNIT = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_DURATION = re.compile(r"(\d{1,9})([smhd])", re.ASCII)
# A longer duration would begin before the year 1.
_MAX_DURATION_SECONDS = 10_000 * 86_400


def parse_duration(text: str) -> int:
    """Return a duration such as `90s`, `10m`, `2h` or `3d` in seconds.

    Raises
    ------
    typer.BadParameter
        The text is no duration.
    """
    match = _DURATION.fullmatch(text.strip())
    seconds = int(match[1]) * _SECONDS_BY_UNIT[match[2]] if match else 0
    if not 0 < seconds <= _MAX_DURATION_SECONDS:
        raise typer.BadParameter(f"{text!r} is no duration. Write it like 90s, 10m, 2h or 3d.")
    return seconds


def _check_duration(text: str) -> str:
    parse_duration(text)
    return text


SinceOption = Annotated[
    str,
    typer.Option(
        "--since",
        metavar="DURATION",
        callback=_check_duration,
        help="How far to look back, such as 10m, 2h or 3d.",
    ),
]


def format_duration(seconds: float) -> str:
    """Return a duration with one unit, such as `850 ms`, `12 s`, `3 min`, `5 h` or `2 d`."""
    milliseconds = round(seconds * 1000)
    if milliseconds < 1000:
        return f"{milliseconds} ms"
    if milliseconds < 9950:
        return f"{seconds:.1f} s"
    for unit, length, limit in (("s", 1, 120), ("min", 60, 7200), ("h", 3600, 172_800)):
        if seconds < limit:
            return f"{round(seconds) if length == 1 else int(seconds / length)} {unit}"
    return f"{int(seconds / 86_400)} d"


def format_time(epoch_ms: int) -> str:
    """Return a time in UTC, such as `2026-11-23 10:00:00Z`."""
    return from_epoch_ms(epoch_ms).strftime("%Y-%m-%d %H:%M:%SZ")


def format_clock(epoch_ms: int) -> str:
    """Return a time of day in UTC, such as `10:00:00`."""
    return from_epoch_ms(epoch_ms).strftime("%H:%M:%S")


def iso_time(epoch_ms: int) -> str:
    """Return a time in ISO 8601, for programs, such as `2026-11-23T10:00:00.000Z`."""
    return format_utc(from_epoch_ms(epoch_ms))
