"""How the account of a run is written: a row for each figure, a line for each sum."""

from collections.abc import Mapping

WIDTH = 58


def row(label: str, value: object) -> str:
    """Return a figure with its label, in less than 80 columns."""
    return f"  {label:.<{WIDTH}} {value!s:>8}"


def lines_of(checks: Mapping[str, bool]) -> str:
    """Return each sum, in words, and whether it holds."""
    return "\n".join(f"{'ok ' if holds else 'NOT'} {what}" for what, holds in checks.items())
