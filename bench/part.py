"""A part of the benchmark, and the tables that show its results."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Table:
    """A table of results.

    Attributes
    ----------
    rows
        The cells of each row. Numbers are rounded when they are printed.
    note
        A text below the table, for what the reader must know to judge the numbers.
    """

    title: str
    header: Sequence[str]
    rows: Sequence[Sequence[str | float]]
    note: str = ""


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the benchmark. Each module of `bench.parts` has one in its constant `PART`.

    Attributes
    ----------
    name
        The module's name, as in `make bench PART=name`.
    measure
        Returns the results, which can be written as JSON.
    tables
        Returns the tables that show such results.
    """

    name: str
    measure: Callable[[], dict[str, Any]]
    tables: Callable[[dict[str, Any]], list[Table]]
