"""Amazon DynamoDB in memory: one table, the calls of the ledger, and faults as a test says."""

import functools
import marshal
import re
from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from tests.fakes.aws.model import Types

TABLE = "QueueEnds-dev-Ledger"
MAX_ITEM_BYTES = 400 * 1024

Key = tuple[str, str]
Value = Mapping[str, Any]
Item = dict[str, Value]

_TYPES = Types("dynamodb")
_INSERT = re.compile(r"INSERT INTO \"([\w.-]+)\" VALUE \{('\w+': \?(?:, '\w+': \?)*)\}")
_UPDATE = re.compile(
    r"UPDATE \"([\w.-]+)\"((?: SET \"\w+\" ?= ?\?)+)"
    r" WHERE (\"\w+\" ?(?:=|<|>=) ?\?(?: AND \"\w+\" ?(?:=|<|>=) ?\?)*)"
)
# The expressions of the request slots.
_ADDITION = re.compile(r"SET (\w+) = (?:(\w+) \+ )?(:\w+)")
_BETWEEN = re.compile(r"(\w+) BETWEEN (:\w+) AND (:\w+)")
_ABSENT_OR_LESS = re.compile(r"attribute_not_exists\((\w+)\) OR (\w+) < (:\w+)")
# The expressions of the backfill's cursors, and of the lease of the watchdog's runs.
_ASSIGNMENTS = re.compile(r"SET (\w+ = :\w+(?:, \w+ = :\w+)*)")
_ALTERNATIVE = r"attribute_not_exists\(\w+\)|\w+ [=<] :\w+"
_ALTERNATIVES = re.compile(rf"({_ALTERNATIVE})(?: OR ({_ALTERNATIVE}))*")
_UPDATE_PARAMETERS = {
    "TableName",
    "Key",
    "UpdateExpression",
    "ConditionExpression",
    "ExpressionAttributeValues",
    "ReturnValues",
}
_NUMBER = re.compile(r"-?\d{1,38}(\.\d+)?")
_CONTENTS: Mapping[str, Any] = {"S": str, "N": str, "BOOL": bool, "L": list, "M": dict}


@dataclass(frozen=True, slots=True)
class Lost:
    """A fault: the call is carried out, and the error comes instead of its answer."""

    error: BaseException


# An error to raise before anything is done; an answer to lose; the positions of statements or keys
# to throttle; or something to do first, which returns a fault of its own or None.
Fault = BaseException | Lost | Collection[int] | Callable[[], Any]


@dataclass(frozen=True, slots=True)
class Call:
    """One call: the operation in botocore's spelling, and its statements, keys or parameters."""

    operation: str
    entries: Sequence[Any]


@dataclass(frozen=True, slots=True)
class Written:
    """A write that was carried out; `before` is None where there was no item."""

    key: Key
    before: Item | None
    after: Item


class FakeDynamoDb:
    """A table with the keys `conversation_id` and `queue_id`.

    It takes the two forms of statements that the ledger writes, the updates of the request slots,
    of the backfill's cursors and of the watchdog's lease, and no others. Limits and refusals are
    those of "BatchExecuteStatement", "BatchGetItem", "GetItem" and "UpdateItem" in the "Amazon
    DynamoDB API Reference" and of "Constraints in Amazon DynamoDB".

    Attributes
    ----------
    items
        What the table holds.
    written
        Every write that was carried out, in order.
    calls
        What was asked, in order, whatever became of it.
    refused
        Codes of what was refused without a script saying so: mistakes of the caller.
    """

    def __init__(self, table: str = TABLE) -> None:
        self.items: dict[Key, Item] = {}
        self.written: list[Written] = []
        self.calls: list[Call] = []
        self.refused: list[str] = []
        self._table = table
        self._scripts: dict[str, deque[Fault | None]] = {}
        self._always: dict[str, Fault] = {}

    def script(self, operation: str, *faults: Fault | None) -> None:
        """Let the operation's next calls meet these faults; None: the call succeeds."""
        self._scripts.setdefault(operation, deque()).extend(faults)

    def always(self, operation: str, fault: Fault) -> None:
        """Let every call of the operation that no script is for meet a fault."""
        self._always[operation] = fault

    def no_more_faults(self) -> None:
        self._scripts.clear()
        self._always.clear()

    def count(self, operation: str) -> int:
        return sum(call.operation == operation for call in self.calls)

    def mistakes(self) -> list[str]:
        """Return what the caller did wrong: refusals, and calls that botocore would not send."""
        problems = [_TYPES.problems(*_as_botocore(call, self._table)) for call in self.calls]
        return [*self.refused, *filter(None, problems)]

    def batch_execute_statement(self, **parameters: Any) -> dict[str, Any]:
        statements: Sequence[Any] = parameters.get("Statements") or []
        fault = self._begin("batch_execute_statement", statements)
        self._check_names(parameters, {"Statements"})
        for statement in statements:
            self._check_names(statement, {"Statement", "Parameters"})
        if not 1 <= len(statements) <= 25:
            raise self._refusal("ValidationException", "between 1 and 25 statements")
        if {each["Statement"].split(" ", 1)[0] for each in statements} > {"SELECT"}:
            raise self._refusal("ValidationException", "reads and writes in one call")
        parsed = [self._parse(s["Statement"], s.get("Parameters", [])) for s in statements]
        keys = [write.key for write in parsed]
        if len(set(keys)) < len(keys):
            raise self._refusal("ValidationException", "two statements on one key")
        throttled = fault if isinstance(fault, Collection) else ()
        responses: list[dict[str, Any]] = []
        for position, write in enumerate(parsed):
            code = "ThrottlingError" if position in throttled else self._carry_out(write)
            error = {"Error": {"Code": code, "Message": f"canary of {code}"}} if code else {}
            responses.append({**error, "TableName": self._table})
        if isinstance(fault, Lost):
            raise fault.error
        return {"Responses": responses}

    def batch_get_item(self, **parameters: Any) -> dict[str, Any]:
        asked = (parameters.get("RequestItems") or {}).get(self._table) or {}
        keys: Sequence[Any] = asked.get("Keys") or []
        fault = self._begin("batch_get_item", keys)
        self._check_names(parameters, {"RequestItems"})
        if list(parameters["RequestItems"]) != [self._table]:
            raise self._refusal("ResourceNotFoundException", "another table")
        self._check_names(asked, {"Keys", "ConsistentRead"})
        if not 1 <= len(keys) <= 100:
            raise self._refusal("ValidationException", "between 1 and 100 keys")
        if asked.get("ConsistentRead") is not True:
            raise self._refusal("NotConsistent", "a claim must not be judged by an old state")
        if any(set(key) != {"conversation_id", "queue_id"} for key in keys):
            raise self._refusal("ValidationException", "the key's attributes and no others")
        wanted = [_key_of(key) for key in keys]
        if None in wanted or len(set(wanted)) < len(wanted):
            raise self._refusal("ValidationException", "sound keys, each once")
        unprocessed = fault if isinstance(fault, Collection) else ()
        left = [key for position, key in enumerate(keys) if position in unprocessed]
        # Backwards, as DynamoDB promises no order.
        found = [
            _copied(self.items[key])
            for position, key in reversed([*enumerate(wanted)])
            if key in self.items and position not in unprocessed
        ]
        if isinstance(fault, Lost):
            raise fault.error
        return {
            "Responses": {self._table: found} if found or not left else {},
            "UnprocessedKeys": {self._table: {**asked, "Keys": left}} if left else {},
        }

    def get_item(self, **parameters: Any) -> dict[str, Any]:
        fault = self._begin("get_item", [parameters])
        self._check_names(parameters, {"TableName", "Key", "ConsistentRead"})
        key = _key_of(parameters["Key"])
        if key is None or parameters["TableName"] != self._table:
            raise self._refusal("ValidationException", "a key of the table")
        if parameters.get("ConsistentRead") is not True:
            raise self._refusal("NotConsistent", "a cursor must not be judged by an old state")
        if isinstance(fault, Lost):
            raise fault.error
        return {"Item": _copied(self.items[key])} if key in self.items else {}

    def update_item(self, **parameters: Any) -> dict[str, Any]:
        if parameters.get("ReturnValues") == "NONE":
            return self._assign(parameters)
        fault = self._begin("update_item", [parameters])
        self._check_names(parameters, _UPDATE_PARAMETERS)
        if parameters["TableName"] != self._table:
            raise self._refusal("ResourceNotFoundException", "another table")
        key_values, values = parameters["Key"], parameters["ExpressionAttributeValues"]
        change = _ADDITION.fullmatch(parameters["UpdateExpression"])
        condition = parameters["ConditionExpression"]
        if change is None or set(key_values) != {"conversation_id", "queue_id"}:
            raise self._refusal("ValidationException", "an update of the request slots")
        key = _key_of(key_values)
        if key is None or not all(map(_is_value, [*key_values.values(), *values.values()])):
            raise self._refusal("ValidationException", "a key and values that are sound")
        name, addend, placeholder = change.groups()
        if {placeholder, *re.findall(r":\w+", condition)} != set(values):
            raise self._refusal("ValidationException", "every value is used, and no other one")
        before = self.items.get(key)
        if not self._meets(condition, name, before, values):
            raise client_error("ConditionalCheckFailedException")
        number = values[placeholder]
        if addend is not None:
            if addend != name or before is None or name not in before:
                raise self._refusal("ValidationException", "an attribute to add to")
            number = {"N": str(int(before[name]["N"]) + int(number["N"]))}
        after = {**(before or key_values), name: number}
        self.items[key] = after
        self.written.append(Written(key, before, after))
        if isinstance(fault, Lost):
            raise fault.error
        if parameters["ReturnValues"] != "UPDATED_NEW":
            raise self._refusal("Unknown", "the request slots need the new value")
        return {"Attributes": {name: number}}

    def _assign(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Update an item of the backfill's cursors, or that of the watchdog's lease."""
        fault = self._begin("update_item", [parameters])
        self._check_names(parameters, _UPDATE_PARAMETERS)
        key, values = _key_of(parameters["Key"]), parameters["ExpressionAttributeValues"]
        assigned = _ASSIGNMENTS.fullmatch(parameters["UpdateExpression"])
        condition = parameters["ConditionExpression"]
        if key is None or not assigned or not _ALTERNATIVES.fullmatch(condition):
            raise self._refusal("ValidationException", "an update of a cursor or a lease")
        if parameters["TableName"] != self._table:
            raise self._refusal("ResourceNotFoundException", "another table")
        names = dict(pair.split(" = ") for pair in assigned[1].split(", "))
        used = {*names.values(), *re.findall(r":\w+", condition)}
        if used != set(values) or not all(map(_is_value, values.values())):
            raise self._refusal("ValidationException", "every value is used, and no other one")
        before = self.items.get(key)
        if not any(_meets_alternative(each, before, values) for each in condition.split(" OR ")):
            raise client_error("ConditionalCheckFailedException")
        new_values = {name: values[placeholder] for name, placeholder in names.items()}
        after = {**(before or parameters["Key"]), **_copied(new_values)}
        self.items[key] = after
        self.written.append(Written(key, before, after))
        if isinstance(fault, Lost):
            raise fault.error
        return {}

    def _meets(self, condition: str, name: str, item: Item | None, values: Item) -> bool:
        """Return whether an item, which may not be there, meets the condition of an update."""
        if form := _BETWEEN.fullmatch(condition):
            names, bounds = {form[1]}, [form[2], form[3]]
        elif form := _ABSENT_OR_LESS.fullmatch(condition):
            names, bounds = {form[1], form[2]}, [form[3]]
        else:
            raise self._refusal("ValidationException", condition)
        if names != {name} or any("N" not in values[bound] for bound in bounds):
            raise self._refusal("ValidationException", condition)
        limits = [int(values[bound]["N"]) for bound in bounds]
        if limits != sorted(limits):
            raise self._refusal("ValidationException", "BETWEEN with bounds in the wrong order")
        if item is None or name not in item:
            return len(limits) == 1
        number = int(item[name]["N"])
        return number < limits[0] if len(limits) == 1 else limits[0] <= number <= limits[1]

    def _begin(self, operation: str, entries: Sequence[Any]) -> Any:
        self.calls.append(Call(operation, entries))
        scripted = self._scripts.get(operation)
        fault: Any = scripted.popleft() if scripted else self._always.get(operation)
        if callable(fault):
            fault = fault()
        if isinstance(fault, BaseException):
            raise fault
        return fault

    def _check_names(self, parameters: Mapping[str, Any], known: Collection[str]) -> None:
        if unknown := set(parameters) - set(known):
            raise self._refusal("Unknown", f"the ledger has no use for {unknown}")

    def _parse(self, text: str, parameters: Sequence[Value]) -> "_Write":
        form = _form_of(text)
        if form is None or text.count("?") != len(parameters):
            raise self._refusal("ValidationException", f"{text} with {len(parameters)} parameters")
        count = len(form.names)
        values = dict(zip(form.names, parameters[:count], strict=True))
        demanded = zip(form.demanded, parameters[count:], strict=True)
        conditions = [(name, operator, value) for (name, operator), value in demanded]
        equal = {name: value for name, operator, value in conditions if operator == "="}
        write = _Write(values, conditions, values if form.inserts else equal, form.inserts)
        if form.table != self._table:
            raise self._refusal("ResourceNotFoundException", form.table)
        if form.repeats_a_name or not write.names_its_key() or not all(map(_is_value, parameters)):
            raise self._refusal("ValidationException", text)
        return write

    def _carry_out(self, write: "_Write") -> str | None:
        key = _key_of(write.key_values)
        if key is None:
            return "ValidationError"
        before = self.items.get(key)
        if write.inserts:
            if before is not None:
                return "DuplicateItem"
            after = _copied(write.values)
        else:
            if before is None or not all(_holds(before, *each) for each in write.conditions):
                return "ConditionalCheckFailed"
            after = {**before, **_copied(write.values)}
        # Only the items of histories grow.
        if "queues" in after and size_of(after) > MAX_ITEM_BYTES:
            self.refused.append(f"ValidationError: an item of {size_of(after)} bytes")
            return "ValidationError"
        self.items[key] = after
        self.written.append(Written(key, before, after))
        return None

    def _refusal(self, code: str, message: str) -> ClientError:
        self.refused.append(f"{code}: {message}")
        return client_error(code)


@dataclass(frozen=True, slots=True)
class _Form:
    """The text of a statement: the names that it writes, and the conditions of an UPDATE."""

    table: str
    names: Sequence[str]
    demanded: Sequence[tuple[str, str]]
    inserts: bool

    @property
    def repeats_a_name(self) -> bool:
        demanded = {name for name, _ in self.demanded}
        return len({*self.names}) < len(self.names) or len(demanded) < len(self.demanded)


@functools.cache
def _form_of(text: str) -> _Form | None:
    """Return the form of a statement; None if it is none of the ledger's."""
    if len(text) > 8192:
        return None
    if insert := _INSERT.fullmatch(text):
        return _Form(insert[1], re.findall(r"'(\w+)'", insert[2]), [], inserts=True)
    if update := _UPDATE.fullmatch(text):
        demanded = re.findall(r"\"(\w+)\" ?(=|<|>=)", update[3])
        return _Form(update[1], re.findall(r"\"(\w+)\"", update[2]), demanded, inserts=False)
    return None


@dataclass(frozen=True, slots=True)
class _Write:
    """A statement: the attributes that it writes, and what an UPDATE demands of them before.

    `key_values` has the values of the key, among others.
    """

    values: Item
    conditions: Sequence[tuple[str, str, Value]]
    key_values: Item
    inserts: bool

    @property
    def key(self) -> Key:
        return self.key_values["conversation_id"]["S"], self.key_values["queue_id"]["S"]

    def names_its_key(self) -> bool:
        names = ("conversation_id", "queue_id")
        if not self.inserts and any(name in self.values for name in names):
            return False
        return all("S" in self.key_values.get(name, {}) for name in names)


def size_of(item: Mapping[str, Value]) -> int:
    """Return the bytes of an item by the page "DynamoDB item sizes and formats"."""
    return sum(len(name.encode()) + _size_of_value(value) for name, value in item.items())


def _size_of_value(value: Value) -> int:
    ((kind, content),) = value.items()
    match kind:
        case "S":
            return len(content.encode())
        case "N":
            digits = content.lstrip("-").strip("0")
            return (len(digits) + 1) // 2 + 1 + int(content.startswith("-"))
        case "L":
            return 3 + sum(1 + _size_of_value(each) for each in content)
        case "M":
            return 3 + len(content) + size_of(content)
    return 1


def client_error(code: str, status: int = 400) -> ClientError:
    """Return an answer that is an error, as botocore raises it; the text must not be logged."""
    return ClientError(
        {
            "Error": {"Code": code, "Message": f"canary of {code}"},
            "ResponseMetadata": {"HTTPStatusCode": status},  # type: ignore[typeddict-item]
        },
        "BatchExecuteStatement",
    )


def _copied(item: Item) -> Item:
    """Return an item of plain types anew, ten times as fast as `copy.deepcopy`."""
    copied: Item = marshal.loads(marshal.dumps(item))  # noqa: S302 - our own
    return copied


def _as_botocore(call: Call, table: str) -> tuple[str, dict[str, Any]]:
    if call.operation == "batch_execute_statement":
        return "BatchExecuteStatement", {"Statements": call.entries}
    if call.operation == "update_item":
        return "UpdateItem", call.entries[0]
    if call.operation == "get_item":
        return "GetItem", call.entries[0]
    return "BatchGetItem", {"RequestItems": {table: {"Keys": call.entries}}}


def _key_of(values: Mapping[str, Value]) -> Key | None:
    """Return a key; None where DynamoDB would not take it."""
    conversation_id = values["conversation_id"].get("S", "")
    queue_id = values["queue_id"].get("S", "")
    if not 1 <= len(conversation_id.encode()) <= 2048 or not 1 <= len(queue_id.encode()) <= 1024:
        return None
    return conversation_id, queue_id


def _is_value(value: Value) -> bool:
    if len(value) != 1:
        return False
    ((kind, content),) = value.items()
    if type(content) is not _CONTENTS.get(kind):
        return False
    match kind:
        case "N":
            return _NUMBER.fullmatch(content) is not None
        case "L":
            return all(map(_is_value, content))
        case "M":
            return all(map(_is_value, content.values()))
    return True


def _meets_alternative(alternative: str, item: Item | None, values: Item) -> bool:
    """Return whether an item, which may not be there, meets one alternative of a condition."""
    if absent := re.fullmatch(r"attribute_not_exists\((\w+)\)", alternative):
        return item is None or absent[1] not in item
    name, operator, placeholder = alternative.split()
    return item is not None and _holds(item, name, operator, values[placeholder])


def _holds(item: Item, name: str, operator: str, demanded: Value) -> bool:
    """Return whether a condition is met; values of different types never compare."""
    found = item.get(name)
    if found is None or found.keys() != demanded.keys():
        return False
    (kind,) = found
    a, b = (float(v[kind]) if kind == "N" else v[kind] for v in (found, demanded))
    return bool({"=": a == b, "<": a < b, ">=": a >= b}[operator])
