"""The text form of a run's account: a row for each figure, a line for each check."""

from collections.abc import Mapping

WIDTH = 58


def row(label: str, value: object) -> str:
    """Return a figure with its label, in fewer than 80 columns."""
    return f"  {label:.<{WIDTH}} {value!s:>8}"


def check_lines(checks: Mapping[str, bool]) -> str:
    """Return a line for each check: whether it holds, and its words."""
    return "\n".join(f"{'ok ' if holds else 'NOT'} {words}" for words, holds in checks.items())
