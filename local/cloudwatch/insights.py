"""A small part of the query language of CloudWatch Logs Insights, over lines that are at hand.

Source: Amazon CloudWatch Logs User Guide, "CloudWatch Logs Insights language query syntax". Taken
are `fields` (with `as`), `display`, `filter` (comparisons joined by `and`), `stats count(*)` or
`sum(…)` with `by`, `sort` and `limit`; anything else is an error, never an empty table.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

Row = Mapping[str, Any]
MOST = 10_000
"""Rows that a query answers at most where it has no `limit`."""

_TOKEN = re.compile(
    r"""\s*(?:
        (?P<text>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
      | /(?P<pattern>(?:[^/\\]|\\.)+)/
      | (?P<number>-?\d+(?:\.\d+)?(?![\w.]))
      | `(?P<quoted>[^`]+)`
      | (?P<word>[@A-Za-z_][\w.@-]*)
      | (?P<sign>!=|=~|<=|>=|[=<>|,()\[\]*])
    )""",
    re.VERBOSE,
)


class UnknownQuery(ValueError):
    """A query that says something which is not known here."""


@dataclass(frozen=True, slots=True)
class Token:
    """A part of a query: a `word`, a `sign`, a `text`, a `number`, a `pattern`, or the `end`."""

    kind: str
    value: Any


@dataclass(frozen=True, slots=True)
class Table:
    """What a query answers."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]


def answer(query: str, events: Iterable[Mapping[str, Any]]) -> Table:
    """Return what a query finds in log events as FilterLogEvents gives them.

    Raises
    ------
    UnknownQuery
        The query says something that is not known here.
    """
    reader = _Reader(query)
    rows: list[Row] = [_row(event) for event in events]
    # Where a query does not say otherwise, the newest come first.
    rows.sort(key=lambda row: str(row["@timestamp"]), reverse=True)
    columns: tuple[str, ...] = ("@timestamp", "@message")
    limit = MOST
    while True:
        command = reader.word()
        if command in ("fields", "display"):
            named = list(reader.columns())
            rows = [{**row, **{new: row.get(old) for old, new in named}} for row in rows]
            shown = tuple(new for _, new in named)
            # `fields` after `fields` adds to what is shown; `display` says it anew.
            columns = columns + shown if command == "fields" and reader.shown else shown
            reader.shown = True
        elif command == "filter":
            holds = reader.condition()
            rows = [row for row in rows if holds(row)]
        elif command == "stats":
            columns, rows = reader.stats(rows)
        elif command == "sort":
            for field, falling in reversed(list(reader.order())):
                rows.sort(key=lambda row: _rank(row.get(field)), reverse=falling)
        elif command == "limit":
            limit = reader.number()
        else:
            raise reader.unknown(f"the command {command!r}")
        if reader.ends():
            break
        reader.sign("|")
    return Table(columns, tuple(tuple(row.get(name) for name in columns) for row in rows[:limit]))


def _row(event: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields that CloudWatch finds in a line: its own, and those of its JSON."""
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


def _rank(value: Any) -> tuple[bool, bool, float, str]:
    """Return what sorts numbers by size, before texts by letter; what is missing is least."""
    number = _number(value)
    return value is not None, number is None, number or 0.0, str(value)


def _number(value: Any) -> float | None:
    try:
        return float(value)
    except (TypeError, ValueError):
        return None


def _same(value: Any, wanted: Any) -> bool:
    if isinstance(wanted, str):
        return isinstance(value, str) and value == wanted
    return bool(_number(value) == wanted)


class _Reader:
    """Takes a query apart, from its beginning to its end."""

    def __init__(self, query: str) -> None:
        self._query, self._tokens, self._at = query, list(_tokens(query)), 0
        self.shown = False

    def unknown(self, what: str) -> UnknownQuery:
        return UnknownQuery(f"the page cannot answer {what} in the query: {self._query.strip()}")

    def ends(self) -> bool:
        return self._tokens[self._at].kind == "end"

    def word(self) -> str:
        return str(self._take("word").value)

    def number(self) -> int:
        return int(self._take("number").value)

    def sign(self, sign: str) -> None:
        token = self._take("sign")
        if token.value != sign:
            raise self.unknown(f"{token.value!r} in the place of {sign!r}")

    def columns(self) -> Iterator[tuple[str, str]]:
        """Read names of fields, and what they are shown as."""
        while True:
            name = self.word()
            yield name, self.word() if self._skip("as") else name
            if not self._skip(","):
                return

    def order(self) -> Iterator[tuple[str, bool]]:
        """Read names of fields, and whether they fall."""
        while True:
            name = self.word()
            yield name, bool(self._skip("desc") or (self._skip("asc") and False))
            if not self._skip(","):
                return

    def condition(self) -> Callable[[Row], bool]:
        """Read comparisons that must all hold."""
        tests = [self._comparison()]
        while self._skip("and"):
            tests.append(self._comparison())
        return lambda row: all(test(row) for test in tests)

    def stats(self, rows: Sequence[Row]) -> tuple[tuple[str, ...], list[Row]]:
        """Read what to count and by what; return the columns, and a row for each group."""
        aggregates = [self._aggregate()]
        while self._skip(","):
            aggregates.append(self._aggregate())
        by = list(self.columns()) if self._skip("by") else []
        groups: dict[tuple[Any, ...], list[Row]] = {}
        for row in rows:
            groups.setdefault(tuple(row.get(old) for old, _ in by), []).append(row)
        columns = (*(new for _, new in by), *(name for name, _ in aggregates))
        return columns, [
            dict(zip(columns, (*key, *(count(of) for _, count in aggregates)), strict=True))
            for key, of in groups.items()
        ]

    def _aggregate(self) -> tuple[str, Callable[[Sequence[Row]], float]]:
        function = self.word()
        self.sign("(")
        count: Callable[[Sequence[Row]], float]
        if function == "count" and self._skip("*"):
            field, count = "*", len
        elif function == "sum":
            field = name = self.word()

            def count(rows: Sequence[Row]) -> float:
                found = [_number(row.get(name)) for row in rows]
                total = sum((number for number in found if number is not None), 0.0)
                return int(total) if total.is_integer() else total
        else:
            raise self.unknown(f"{function}(…)")
        self.sign(")")
        return (self.word() if self._skip("as") else f"{function}({field})"), count

    def _comparison(self) -> Callable[[Row], bool]:
        if self._skip("ispresent"):
            self.sign("(")
            present = self.word()
            self.sign(")")
            return lambda row: row.get(present) is not None
        field = self.word()
        if self._skip("in"):
            values = list(self._values())
            return lambda row: any(_same(row.get(field), value) for value in values)
        if self._skip("like") or self._skip("=~"):
            pattern = self._pattern()
            return lambda row: pattern.search(str(row.get(field, ""))) is not None
        token = self._take("sign")
        wanted = self._value()
        if token.value == "=":
            return lambda row: _same(row.get(field), wanted)
        if token.value == "!=":
            return lambda row: row.get(field) is not None and not _same(row[field], wanted)
        if token.value in _ORDERS and not isinstance(wanted, str):
            compare = _ORDERS[token.value]
            return lambda row: (
                (number := _number(row.get(field))) is not None and compare(number, wanted)
            )
        raise self.unknown(f"{token.value!r}")

    def _values(self) -> Iterator[Any]:
        self.sign("[")
        yield self._value()
        while self._skip(","):
            yield self._value()
        self.sign("]")

    def _value(self) -> Any:
        token = self._next()
        if token.kind not in ("text", "number"):
            raise self.unknown(f"{token.value!r} in the place of a value")
        return token.value

    def _pattern(self) -> re.Pattern[str]:
        token = self._next()
        if token.kind == "text":
            return re.compile(re.escape(token.value))
        if token.kind == "pattern":
            return re.compile(token.value)
        raise self.unknown(f"{token.value!r} in the place of a pattern")

    def _take(self, kind: str) -> Token:
        token = self._next()
        if token.kind != kind:
            raise self.unknown(f"{token.value!r} in the place of a {kind}")
        return token

    def _next(self) -> Token:
        token = self._tokens[self._at]
        self._at = min(self._at + 1, len(self._tokens) - 1)
        return token

    def _skip(self, value: str) -> bool:
        token = self._tokens[self._at]
        found = token.kind in ("word", "sign") and token.value == value
        self._at += found
        return found


_ORDERS: Mapping[str, Callable[[float, float], bool]] = {
    "<": lambda value, wanted: value < wanted,
    "<=": lambda value, wanted: value <= wanted,
    ">": lambda value, wanted: value > wanted,
    ">=": lambda value, wanted: value >= wanted,
}


def _tokens(query: str) -> Iterator[Token]:
    at, query = 0, query.rstrip()
    while at < len(query):
        found = _TOKEN.match(query, at)
        if not found or not found.lastgroup:
            raise UnknownQuery(f"the page cannot answer {query[at:].strip()[:20]!r} in: {query}")
        kind, value = found.lastgroup, found[found.lastgroup]
        if kind == "text":
            yield Token("text", re.sub(r"\\(.)", r"\1", value[1:-1]))
        elif kind == "number":
            yield Token("number", float(value))
        elif kind == "quoted":
            yield Token("word", value)
        else:
            yield Token(kind, value)
        at = found.end()
    yield Token("end", "the end")
