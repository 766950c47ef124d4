"""Runs the dashboard's queries, in a subset of the CloudWatch Logs Insights query language.

Source: Amazon CloudWatch Logs User Guide, "CloudWatch Logs Insights language query syntax". The
subset has `fields` (with `as`), `filter` (`=` and `!=`, joined by `and`), `stats count(*)` with
`by`, `sort` and `limit`. Anything else is an error, and never an empty table.
"""

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

MAX_ROWS = 10_000
"""The most rows in the result of a query without a `limit`."""

_NAME = r"[@A-Za-z_][\w.@-]*"
_FIELD = re.compile(rf"({_NAME})(?:\s+as\s+({_NAME}))?")
_COMPARISON = re.compile(rf"""({_NAME})\s*(!?=)\s*(?:("[^"\\]*"|'[^'\\]*')|(-?\d+(?:\.\d+)?))""")
_COUNT = re.compile(rf"(count\(\*\))(?:\s+as\s+({_NAME}))?(?:\s+by\s+(.+))?", re.DOTALL)
_ORDER = re.compile(rf"({_NAME})(?:\s+(asc|desc))?")
_NUMBER = re.compile(r"(\d+)")
# A bar between quotes does not separate commands.
_BAR = re.compile(r"""\|(?=(?:[^"']|"[^"]*"|'[^']*')*$)""")


class UnknownQuery(ValueError):
    """The query uses something outside the subset."""


@dataclass(frozen=True, slots=True)
class Table:
    """The result of a query."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]


def run_query(query: str, events: Iterable[Mapping[str, Any]]) -> Table:
    """Return the result of a query over log events in the format of FilterLogEvents.

    Raises
    ------
    UnknownQuery
        The query uses something outside the subset.
    """

    def read(pattern: re.Pattern[str], text: str) -> Any:
        if not (found := pattern.fullmatch(text.strip())):
            raise UnknownQuery(f"the page cannot answer {text.strip()!r} in the query: {query}")
        return found.groups()

    def fields(text: str) -> list[tuple[str, str]]:
        named = (read(_FIELD, part) for part in text.split(","))
        return [(old, new or old) for old, new in named]

    # By default, the newest lines come first.
    rows = sorted(map(_row, events), key=lambda row: str(row["@timestamp"]), reverse=True)
    columns: tuple[str, ...] = ()
    limit = MAX_ROWS
    for part in _BAR.split(query):
        command, text = [*part.split(maxsplit=1), "", ""][:2]
        if command == "fields":
            named = fields(text)
            rows = [row | {new: row.get(old) for old, new in named} for row in rows]
            columns += tuple(new for _, new in named)
        elif command == "filter":
            for comparison in re.split(r"\sand\s", text):
                name, sign, quoted, number = read(_COMPARISON, comparison)
                wanted = float(number) if number else quoted[1:-1]
                rows = [row for row in rows if _holds(row.get(name), sign, wanted)]
        elif command == "stats":
            count, new, by = read(_COUNT, text)
            named = fields(by) if by else []
            groups = Counter(tuple(row.get(old) for old, _ in named) for row in rows)
            columns = (*(name for _, name in named), new or count)
            rows = [dict(zip(columns, (*key, n), strict=True)) for key, n in groups.items()]
        elif command == "sort":
            for name, order in reversed([read(_ORDER, one) for one in text.split(",")]):
                rows.sort(key=lambda row: _rank(row.get(name)), reverse=order == "desc")
        elif command == "limit":
            limit = int(*read(_NUMBER, text))
        else:
            raise UnknownQuery(f"the page cannot answer {command!r} in the query: {query}")
    columns = columns or ("@timestamp", "@message")
    return Table(columns, tuple(tuple(row.get(name) for name in columns) for row in rows[:limit]))


def _row(event: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields that CloudWatch adds to a log line, and the fields in the line's JSON."""
    when = datetime.fromtimestamp(event["timestamp"] / 1000, UTC)
    row = {
        "@timestamp": f"{when:%Y-%m-%d %H:%M:%S}.{when.microsecond // 1000:03}",
        "@message": event["message"],
        "@logStream": event.get("logStreamName"),
    }
    try:
        line = json.loads(event["message"])
    except ValueError:
        return row
    return {**row, **dict(_flat(line, ""))} if isinstance(line, dict) else row


def _flat(value: Any, name: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict | list):
        parts = value.items() if isinstance(value, dict) else enumerate(value)
        for key, part in parts:
            yield from _flat(part, f"{name}.{key}" if name else str(key))
    elif value is not None:
        yield name, value


def _holds(value: Any, sign: str, wanted: str | float) -> bool:
    same = value == wanted if isinstance(wanted, str) else _number(value) == wanted
    return bool(value is not None and same == (sign == "="))


def _rank(value: Any) -> tuple[bool, bool, float, str]:
    """Return a sort key: missing values first, then numbers by size, then strings."""
    number = _number(value)
    return value is not None, number is None, number or 0.0, str(value)


def _number(value: Any) -> float | None:
    try:
        return float(value)
    except (TypeError, ValueError):
        return None
