"""Writes of the domain as PartiQL statements, carried out in batches while there is time."""

import functools
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from aws_calls import CALL_ERRORS, TRANSIENT_CODES, CallError, call_once, code_of, is_transient
from conversations.failures import NO_TIME, Failed
from conversations.history import CustomerEnd, History
from conversations.ledger_store import (
    ChangedHistory,
    Effect,
    EndKey,
    Keep,
    Mark,
    NewClaim,
    NewHistory,
    Takeover,
    Write,
    WriteResult,
)
from deadline import Deadline

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

# The most statements that a call may hold (AWS: "BatchExecuteStatement").
MAX_STATEMENTS = 25
# The error of a statement that may have been carried out or not.
NO_ANSWER = "NoAnswer"
# Errors of statements that may succeed when they are repeated. Statements have spellings of their
# own (AWS: "BatchStatementError"), and meet others on their item.
_PASSING = TRANSIENT_CODES | {
    NO_ANSWER,
    "ProvisionedThroughputExceeded",
    "ThrottlingError",
    "TransactionConflict",
    "TransactionInProgressException",
}
_EFFECTS = {
    None: Effect.WRITTEN,
    "DuplicateItem": Effect.CONDITION_FAILED,
    "ConditionalCheckFailed": Effect.CONDITION_FAILED,
}

ItemKey = tuple[str, str]
"""The partition key `conversation_id`, and the sort key, whose name is `queue_id`."""
Statement = dict[str, Any]
"""An entry of a BatchExecuteStatement call: `Statement` and `Parameters`."""
_Values = dict[str, dict[str, Any]]
"""Typed values by the names of attributes, or by the conditions that demand them."""


class TableWrites:
    """The writes of a `LedgerStore`, in a table of DynamoDB.

    Statements that are throttled or not answered are repeated.
    """

    writes_per_call = MAX_STATEMENTS

    def __init__(self, dynamodb: "DynamoDBClient", name: str) -> None:
        self._dynamodb = dynamodb
        self._name = name

    def write(self, writes: Sequence[Write], deadline: Deadline) -> list[WriteResult]:
        """Carry out writes, no two of them of one item, and return a result for each."""
        statements = [statement(self._name, write) for write in writes]
        results: list[WriteResult] = [NO_TIME] * len(statements)
        pending: Sequence[int] = range(len(statements))
        for _ in attempts(deadline):
            for start in range(0, len(pending), MAX_STATEMENTS):
                positions = pending[start : start + MAX_STATEMENTS]
                answered = self._execute([statements[p] for p in positions], deadline)
                for position, result in zip(positions, answered, strict=True):
                    # An error of an earlier try tells more than that time ran out since.
                    if result is not NO_TIME:
                        results[position] = result
            pending = [p for p in pending if _may_pass(results[p])]
            if not pending:
                break
        return _explained(results)

    def _execute(self, statements: Sequence[Statement], deadline: Deadline) -> list[WriteResult]:
        if deadline.passed():
            return [NO_TIME] * len(statements)
        try:
            call: Any = self._dynamodb.batch_execute_statement
            answer = call_once(deadline, call, Statements=statements)
        except CALL_ERRORS as error:
            return [_failed(error)] * len(statements)
        responses = answer.get("Responses", [])
        if len(responses) != len(statements):
            return [Failed(NO_ANSWER)] * len(statements)
        codes = [response.get("Error", {}).get("Code") for response in responses]
        return [_EFFECTS.get(code) or Failed(str(code)) for code in codes]


def attempts(deadline: Deadline) -> Iterator[float]:
    """Yield for each try of a call that DynamoDB throttles or does not answer."""
    return deadline.attempts(0.05, max_pause_seconds=1, jittered=True)


def _may_pass(result: WriteResult) -> bool:
    return isinstance(result, Failed) and result.error in _PASSING


def _explained(results: list[WriteResult]) -> list[WriteResult]:
    """Return the results; a passing error replaces `NoTime`, as it is what took the time."""
    error = next(filter(_may_pass, results), None)
    if error is None:
        return results
    return [error if result is NO_TIME else result for result in results]


def _failed(error: CallError) -> Failed:
    """Return an error's code; `NO_ANSWER` where the call may have been carried out."""
    code = code_of(error)
    return Failed(NO_ANSWER if is_transient(error) and code not in _PASSING else code)


def end_key(key: EndKey) -> ItemKey:
    """Return the key of an end's item; a first end has the plain id of its queue."""
    conversation_id, queue_id, sequence = key
    return conversation_id, queue_id if sequence == 1 else f"{queue_id}#{sequence}"


def history_key(conversation_id: str) -> ItemKey:
    """Return the key of a history's item; no id of a queue has the sign `#`."""
    return conversation_id, "#join"


def key_values(key: ItemKey) -> dict[str, dict[str, str]]:
    """Return a key as an item has it."""
    conversation_id, sort_key = key
    return {"conversation_id": {"S": conversation_id}, "queue_id": {"S": sort_key}}


def statement(table: str, write: Write) -> Statement:
    """Return the statement that carries out a write."""
    match write:
        case NewClaim(key, holder, lease_until, ended_at, source, expires_at):
            return _insert(
                table,
                end_key(key),
                {
                    "state": {"S": "claimed"},
                    "claimed_by": {"S": holder},
                    "lease_until": _number(lease_until),
                    "ended_at": _number(ended_at),
                    "delivered": {"L": []},
                    "source": {"S": source},
                    "expires_at": _number(expires_at),
                },
            )
        case Mark(key, holder, lease_until, delivered, done):
            lease = _number(lease_until)
            values: _Values = {
                "delivered": {"L": [{"S": name} for name in delivered]},
                "lease_until": lease,
            }
            if done:
                values["state"] = {"S": "done"}
            conditions: _Values = {'"claimed_by"=?': {"S": holder}, '"lease_until" >= ?': lease}
            return _update(table, end_key(key), values, conditions)
        case Takeover(key, holder, lease_until, expires_at, former_holder, now):
            return _update(
                table,
                end_key(key),
                {
                    "claimed_by": {"S": holder},
                    "lease_until": _number(lease_until),
                    "expires_at": _number(expires_at),
                },
                {
                    '"claimed_by"=?': {"S": former_holder},
                    '"state"=?': {"S": "claimed"},
                    '"lease_until" < ?': _number(now),
                },
            )
        case Keep(key, expires_at):
            return _update(table, end_key(key), {"expires_at": _number(expires_at)}, {})
        case NewHistory(conversation_id, history, expires_at):
            values = _history_values(history, 1, expires_at)
            return _insert(table, history_key(conversation_id), values)
        case ChangedHistory(conversation_id, history, version, expires_at):
            values = _history_values(history, version + 1, expires_at)
            unchanged = {'"version"=?': _number(version)}
            return _update(table, history_key(conversation_id), values, unchanged)


def _insert(table: str, key: ItemKey, values: _Values) -> Statement:
    item = key_values(key) | values
    return {"Statement": _insert_text(table, *item), "Parameters": [*item.values()]}


def _update(table: str, key: ItemKey, values: _Values, conditions: _Values) -> Statement:
    text = _update_text(table, tuple(values), tuple(conditions))
    parameters = [*values.values(), *key_values(key).values(), *conditions.values()]
    return {"Statement": text, "Parameters": parameters}


# The same few texts recur for every end.
@functools.cache
def _insert_text(table: str, *names: str) -> str:
    fields = ", ".join(f"'{name}': ?" for name in names)
    return f'INSERT INTO "{table}" VALUE {{{fields}}}'


@functools.cache
def _update_text(table: str, names: tuple[str, ...], conditions: tuple[str, ...]) -> str:
    changes = " ".join(f'SET "{name}"=?' for name in names)
    where = " AND ".join(['"conversation_id"=?', '"queue_id"=?', *conditions])
    return f'UPDATE "{table}" {changes} WHERE {where}'


def _history_values(history: History, version: int, expires_at: int) -> _Values:
    queues = {
        queue_id: {"L": [_number(time) for time in times]}
        for queue_id, times in history.queues.items()
    }
    ends = {
        str(at_ms): {"M": _end_values(end, end.expires_at or expires_at)}
        for at_ms, end in history.ends.items()
    }
    return {
        "queues": {"M": queues},
        "ends": {"M": ends},
        "version": _number(version),
        "expires_at": _number(expires_at),
    }


def _end_values(end: CustomerEnd, expires_at: int) -> _Values:
    texts = {
        "media_type": end.media_type,
        "direction": end.direction,
        "disconnect_type": end.disconnect_type,
        "decided": end.decided,
    }
    values: _Values = {name: {"S": text} for name, text in texts.items() if text}
    values["latest_ms"] = _number(end.latest_ms)
    values["expires_at"] = _number(expires_at)
    values["dated"] = {"BOOL": end.has_own_time}
    values["settling"] = {"BOOL": end.settling}
    return values


# Typed values are spelt by hand here: boto3.dynamodb.types takes four times as long.
def _number(value: int) -> dict[str, str]:
    return {"N": str(value)}
