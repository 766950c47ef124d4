"""A DynamoDB table in memory, which counts the request units that AWS would bill."""

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Value = Mapping[str, Any]
"""A typed value, such as `{"S": "claimed"}`."""
Item = dict[str, Value]

_INSERTED = re.compile(r"'(\w+)': \?")
_SET = re.compile(r'SET "(\w+)"=\?')
_CONDITION = re.compile(r'"(\w+)" ?(=|<|>=) ?\?')
_ASSIGNMENT = re.compile(r"([#\w]+) = (:\w+)")
# See "Read and write operations" in the DynamoDB Developer Guide.
_WRITE_UNIT_BYTES, _READ_UNIT_BYTES = 1024, 4096


@dataclass(slots=True)
class StubbedTable:
    """A table that carries out the operations of the worker and of its peers.

    Attributes
    ----------
    key_names
        The names of the key's attributes.
    items
        The items by key.
    write_units, read_units
        The request units so far. A refused write is billed like a write of the item that is there.
        All reads are strongly consistent.
    """

    key_names: Sequence[str]
    items: dict[tuple[str, ...], Item] = field(default_factory=dict)
    write_units: int = 0
    read_units: int = 0

    @property
    def total_bytes(self) -> int:
        return sum(map(item_bytes, self.items.values()))

    def answer(self, operation: str, body: bytes) -> dict[str, Any]:
        """Carry out an operation, and return the response's content."""
        request = json.loads(body)
        match operation:
            case "BatchExecuteStatement":
                statements = request["Statements"]
                codes = [
                    self._execute(each["Statement"], each["Parameters"]) for each in statements
                ]
                return {"Responses": [{"Error": {"Code": code}} if code else {} for code in codes]}
            case "BatchGetItem":
                ((table, asked),) = request["RequestItems"].items()
                found = [item for key in asked["Keys"] if (item := self._read(key))]
                return {"Responses": {table: found}, "UnprocessedKeys": {}}
            case "PutItem":
                self._write(request["Item"])
                return {}
            case "UpdateItem":
                names, values = (request[f"ExpressionAttribute{x}"] for x in ("Names", "Values"))
                pairs = _ASSIGNMENT.findall(request["UpdateExpression"])
                changes = {names[name]: values[value] for name, value in pairs}
                self._write({**self.items.get(self._key(request["Key"]), {}), **changes})
                return {}
        raise AssertionError(f"the table does not know {operation}")

    def _execute(self, statement: str, parameters: Sequence[Value]) -> str | None:
        """Execute a PartiQL statement; return the error's code, or None if it succeeded."""
        if statement.startswith("INSERT"):
            item = dict(zip(_INSERTED.findall(statement), parameters, strict=True))
            if known := self.items.get(self._key(item)):
                self.write_units += _units(known, _WRITE_UNIT_BYTES)
                return "DuplicateItem"
            self._write(item)
            return None
        changes_text, _, conditions_text = statement.partition(" WHERE ")
        names = _SET.findall(changes_text)
        changes = dict(zip(names, parameters, strict=False))
        conditions = [
            (name, operator, value)
            for (name, operator), value in zip(
                _CONDITION.findall(conditions_text), parameters[len(names) :], strict=True
            )
        ]
        key = self._key({name: value for name, _, value in conditions})
        known = self.items.get(key, {})
        if not all(
            _holds(known.get(name), operator, value) for name, operator, value in conditions
        ):
            self.write_units += _units(known, _WRITE_UNIT_BYTES)
            return "ConditionalCheckFailed"
        self._write({**known, **changes})
        return None

    def _write(self, item: Item) -> None:
        """Put an item, and count the units of the larger one of the old and the new item."""
        key = self._key(item)
        largest = max(self.items.get(key, {}), item, key=item_bytes)
        self.write_units += _units(largest, _WRITE_UNIT_BYTES)
        self.items[key] = item

    def _read(self, key_values: Mapping[str, Value]) -> Item | None:
        item = self.items.get(self._key(key_values))
        self.read_units += _units(item or {}, _READ_UNIT_BYTES)
        return item

    def _key(self, item: Mapping[str, Value]) -> tuple[str, ...]:
        return tuple(item[name]["S"] for name in self.key_names)


def item_bytes(item: Mapping[str, Value]) -> int:
    """Return an item's size (see "DynamoDB item sizes and formats" in the Developer Guide)."""
    return sum(len(name.encode()) + _value_bytes(value) for name, value in item.items())


def _value_bytes(value: Value) -> int:
    ((kind, content),) = value.items()
    match kind:
        case "S":
            return len(content.encode())
        case "N":
            digits = content.lstrip("-").replace(".", "").strip("0")
            sign_bytes = 1 if content.startswith("-") else 0
            return math.ceil(len(digits) / 2) + 1 + sign_bytes
        case "L":
            return 3 + sum(1 + _value_bytes(each) for each in content)
        case "M":
            return 3 + len(content) + item_bytes(content)
        case "BOOL" | "NULL":
            return 1
    raise AssertionError(f"a value of the type {kind}")


def _holds(known: Value | None, operator: str, value: Value) -> bool:
    if known is None:
        return False
    if operator == "=":
        return known == value
    left, right = int(known["N"]), int(value["N"])
    return left < right if operator == "<" else left >= right


def _units(item: Mapping[str, Value], unit_bytes: int) -> int:
    return max(1, math.ceil(item_bytes(item) / unit_bytes))
