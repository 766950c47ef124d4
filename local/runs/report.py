"""Formats a run's final report, which has a row for each figure and a line for each check."""

from collections.abc import Mapping

LABEL_WIDTH = 58


def row(label: str, value: object) -> str:
    """Return a row with a label and its figure, in fewer than 80 columns."""
    return f"  {label:.<{LABEL_WIDTH}} {value!s:>8}"


def check_lines(checks: Mapping[str, bool]) -> str:
    """Return a line for each check, with `ok` or `NOT` before its description."""
    return "\n".join(
        f"{'ok ' if holds else 'NOT'} {description}" for description, holds in checks.items()
    )
