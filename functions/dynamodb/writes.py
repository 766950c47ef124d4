"""Converts the domain's writes into PartiQL statements, and executes the statements."""

import functools
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from aws_calls import CALL_ERRORS, TRANSIENT_CODES, CallError, call_once, code_of, is_transient
from conversations.failures import OUT_OF_TIME, Failed
from conversations.history import CustomerEnd, History
from conversations.ledger_store import (
    ChangedHistory,
    EndKey,
    Mark,
    NewClaim,
    NewHistory,
    SetExpiry,
    Takeover,
    Write,
    WriteResult,
    WriteStatus,
)
from deadline import Deadline

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

# The maximum number of statements in a call (see "BatchExecuteStatement" in the AWS documentation).
MAX_STATEMENTS = 25
# The error of a statement that may or may not have been executed.
NO_ANSWER = "NoAnswer"
# The errors after which a statement is repeated. A single statement's errors have other codes than
# the errors of a whole call (see "BatchStatementError" in the AWS documentation).
_TRANSIENT_CODES = TRANSIENT_CODES | {
    NO_ANSWER,
    "ProvisionedThroughputExceeded",
    "ThrottlingError",
    "TransactionConflict",
    "TransactionInProgressException",
}
_STATUS_BY_CODE = {
    None: WriteStatus.WRITTEN,
    "DuplicateItem": WriteStatus.CONDITION_FAILED,
    "ConditionalCheckFailed": WriteStatus.CONDITION_FAILED,
}

ItemKey = tuple[str, str]
"""The values of the partition key `conversation_id` and the sort key `queue_id`."""
Statement = dict[str, Any]
"""An entry of a BatchExecuteStatement call: `Statement` and `Parameters`."""
_Values = dict[str, dict[str, Any]]
"""Typed values such as `{"S": "claimed"}`.

The keys are attribute names, or conditions that compare an attribute with the value.
"""

# The fields of `CustomerEnd` whose values are strings, keyed by their attributes in the table.
STRING_FIELDS = {
    "media_type": "media_type",
    "direction": "direction",
    "disconnect_type": "disconnect_type",
    "decided": "decided_queue_id",
}


class TableWriter:
    """The writing half of a `LedgerStore` in a DynamoDB table.

    Parameters
    ----------
    name
        The table's name.
    """

    writes_per_call = MAX_STATEMENTS

    def __init__(self, dynamodb: "DynamoDBClient", name: str) -> None:
        self._dynamodb = dynamodb
        self._name = name

    def write(self, writes: Sequence[Write], deadline: Deadline) -> list[WriteResult]:
        """Carry out writes to different items, and return their results in order.

        Statements that fail with a transient error are repeated until the deadline.
        """
        statements = [make_statement(self._name, write) for write in writes]
        results: list[WriteResult] = [OUT_OF_TIME] * len(statements)
        pending: Sequence[int] = range(len(statements))
        for _ in attempts_until(deadline):
            for start in range(0, len(pending), MAX_STATEMENTS):
                positions = pending[start : start + MAX_STATEMENTS]
                new_results = self._execute([statements[p] for p in positions], deadline)
                for position, result in zip(positions, new_results, strict=True):
                    # An error from an earlier attempt says more than `OUT_OF_TIME`, so it is kept.
                    if result is not OUT_OF_TIME:
                        results[position] = result
            pending = [p for p in pending if _is_transient(results[p])]
            if not pending:
                break
        return _explain_no_time(results)

    def _execute(self, statements: Sequence[Statement], deadline: Deadline) -> list[WriteResult]:
        """Execute statements with one call, and return their results in order."""
        if deadline.passed():
            return [OUT_OF_TIME] * len(statements)
        try:
            call: Any = self._dynamodb.batch_execute_statement
            response = call_once(deadline, call, Statements=statements)
        except CALL_ERRORS as error:
            return [_failure_of_call(error)] * len(statements)
        responses = response.get("Responses", [])
        if len(responses) != len(statements):
            return [Failed(NO_ANSWER)] * len(statements)
        codes = [each.get("Error", {}).get("Code") for each in responses]
        return [_STATUS_BY_CODE.get(code) or Failed(str(code)) for code in codes]


def attempts_until(deadline: Deadline) -> Iterator[float]:
    """Yield once for each attempt to call DynamoDB, with growing pauses, until the deadline."""
    return deadline.attempts(first_pause_seconds=0.05, max_pause_seconds=1, jittered=True)


def _is_transient(result: WriteResult) -> bool:
    return isinstance(result, Failed) and result.error in _TRANSIENT_CODES


def _explain_no_time(results: list[WriteResult]) -> list[WriteResult]:
    """Replace each `OUT_OF_TIME` with the first transient error, whose retries used up the time."""
    failure = next(filter(_is_transient, results), None)
    if failure is None:
        return results
    return [failure if result is OUT_OF_TIME else result for result in results]


def _failure_of_call(error: CallError) -> Failed:
    """Return a call's failure, with `NO_ANSWER` if its statements may have been executed."""
    code = code_of(error)
    return Failed(NO_ANSWER if is_transient(error) and code not in _TRANSIENT_CODES else code)


def end_key(key: EndKey) -> ItemKey:
    """Return the key of an end's item; the sort key contains the sequence from 2 on."""
    conversation_id, queue_id, sequence = key
    return conversation_id, queue_id if sequence == 1 else f"{queue_id}#{sequence}"


def history_key(conversation_id: str) -> ItemKey:
    """Return the key of a history's item; an end's sort key never starts with `#`."""
    return conversation_id, "#join"


def key_values(key: ItemKey) -> dict[str, dict[str, str]]:
    """Return a key as typed values, by attribute name."""
    conversation_id, sort_key = key
    return {"conversation_id": {"S": conversation_id}, "queue_id": {"S": sort_key}}


def make_statement(table: str, write: Write) -> Statement:
    """Return the statement that carries out a write."""
    match write:
        case NewClaim(key, holder, lease_until, ended_at, source, expires_at):
            return _insert_statement(
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
            lease_value = _number(lease_until)
            values: _Values = {
                "delivered": {"L": [{"S": name} for name in delivered]},
                "lease_until": lease_value,
            }
            if done:
                values["state"] = {"S": "done"}
            conditions: _Values = {
                '"claimed_by"=?': {"S": holder},
                '"lease_until" >= ?': lease_value,
            }
            return _update_statement(table, end_key(key), values, conditions)
        case Takeover(key, holder, lease_until, expires_at, former_holder, now):
            return _update_statement(
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
        case SetExpiry(key, expires_at):
            return _update_statement(table, end_key(key), {"expires_at": _number(expires_at)}, {})
        case NewHistory(conversation_id, history, expires_at):
            values = _history_values(history, 1, expires_at)
            return _insert_statement(table, history_key(conversation_id), values)
        case ChangedHistory(conversation_id, history, version, expires_at):
            values = _history_values(history, version + 1, expires_at)
            conditions = {'"version"=?': _number(version)}
            return _update_statement(table, history_key(conversation_id), values, conditions)


def _insert_statement(table: str, key: ItemKey, values: _Values) -> Statement:
    item = key_values(key) | values
    return {"Statement": _insert_partiql(table, *item), "Parameters": [*item.values()]}


def _update_statement(table: str, key: ItemKey, values: _Values, conditions: _Values) -> Statement:
    partiql = _update_partiql(table, tuple(values), tuple(conditions))
    parameters = [*values.values(), *key_values(key).values(), *conditions.values()]
    return {"Statement": partiql, "Parameters": parameters}


# A table has only a few different PartiQL strings, so they are cached.
@functools.cache
def _insert_partiql(table: str, *names: str) -> str:
    fields = ", ".join(f"'{name}': ?" for name in names)
    return f'INSERT INTO "{table}" VALUE {{{fields}}}'


@functools.cache
def _update_partiql(table: str, names: tuple[str, ...], conditions: tuple[str, ...]) -> str:
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
        for at_ms, end in history.customer_ends.items()
    }
    return {
        "queues": {"M": queues},
        "ends": {"M": ends},
        "version": _number(version),
        "expires_at": _number(expires_at),
    }


def _end_values(end: CustomerEnd, expires_at: int) -> _Values:
    values: _Values = {
        attribute: {"S": value}
        for attribute, field in STRING_FIELDS.items()
        if (value := getattr(end, field))
    }
    values["latest_ms"] = _number(end.latest_ms)
    values["expires_at"] = _number(expires_at)
    values["dated"] = {"BOOL": end.has_own_time}
    values["settling"] = {"BOOL": end.settling}
    return values


# The typed values are created without boto3.dynamodb.types, which takes four times as long.
def _number(value: int) -> dict[str, str]:
    return {"N": str(value)}
