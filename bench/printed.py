"""Tables of results as text for a terminal."""

from collections.abc import Mapping, Sequence

from bench.part import Table


def as_text(table: Table) -> str:
    """Return a table as text: its title, aligned columns, and its note."""
    rows = [list(map(cell_text, row)) for row in table.rows]
    lines = [list(table.header), *rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    is_number = [_is_number_column(table.rows, column) for column in range(len(table.header))]
    text = [
        "  ".join(
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(line, widths, is_number, strict=True)
        ).rstrip()
        for line in lines
    ]
    text.insert(1, "  ".join("-" * width for width in widths))
    return "\n".join([table.title, "", *text, *(["", table.note] if table.note else [])])


def facts_as_text(facts: Mapping[str, str | int]) -> str:
    """Return facts, keyed by name, one in each line."""
    width = max(map(len, facts))
    return "\n".join(f"{name.ljust(width)}  {value}" for name, value in facts.items())


def _is_number_column(rows: Sequence[Sequence[str | float]], column: int) -> bool:
    return any(not isinstance(row[column], str) for row in rows)


def cell_text(value: str | float) -> str:
    """Return a cell's text; a number keeps three digits, and all that are before the point."""
    if isinstance(value, str):
        return value
    if isinstance(value, int) or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.{1 if abs(value) >= 10 else 2 if abs(value) >= 1 else 3}f}"
