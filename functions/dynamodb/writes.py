"""Converts the domain's writes into PartiQL statements, and executes the statements."""

import functools
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from aws_calls import CALL_ERRORS, TRANSIENT_CODES, CallError, call_once, code_of, is_transient
from conversations.failures import OUT_OF_TIME, Failed
from conversations.ledger_store import (
    ChangedHistory,
    EndKey,
    ExtendSpan,
    Mark,
    NewClaim,
    NewHistory,
    SetExpiry,
    Span,
    Takeover,
    Write,
    WriteResult,
    WriteStatus,
)
from deadline import Deadline
from dynamodb.history_items import Values, history_values
from side_by_side import Runner, run_in_turn

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

# The maximum number of statements in a call (see "BatchExecuteStatement" in the AWS documentation).
MAX_STATEMENTS = 25
# The error of a statement that got no response, and may or may not have been executed.
NO_ANSWER = "NoAnswer"
# The errors after which a statement is retried. A single statement's errors have other codes than
# the errors of a whole call (see "BatchStatementError" in the AWS documentation).
_RETRIED_CODES = TRANSIENT_CODES | {
    NO_ANSWER,
    "ProvisionedThroughputExceeded",
    "ThrottlingError",
    "TransactionConflict",
    "TransactionInProgressException",
}
_STATUS_BY_CODE = {
    None: WriteStatus.WRITTEN,  # the statement has no error
    "DuplicateItem": WriteStatus.CONDITION_FAILED,
    "ConditionalCheckFailed": WriteStatus.CONDITION_FAILED,
}

_Item = TypeVar("_Item")

ItemKey = tuple[str, str]
"""The values of the partition key `conversation_id` and the sort key `queue_id`."""
Statement = dict[str, Any]
"""An entry of a BatchExecuteStatement call, with the keys `Statement` and `Parameters`."""

# The attributes of an end's span. An item whose span is its one time does not have them.
SPAN_ATTRIBUTES = ("earliest_at", "latest_at")


class TableWriter:
    """The writing half of a `LedgerStore` in a DynamoDB table.

    Parameters
    ----------
    table_name
        The name of the ledger's table.
    run
        Runs the calls for several groups of statements.
    """

    writes_per_call = MAX_STATEMENTS

    def __init__(
        self, dynamodb: "DynamoDBClient", table_name: str, run: Runner = run_in_turn
    ) -> None:
        self._dynamodb = dynamodb
        self._table_name = table_name
        self._run = run

    def write(self, writes: Sequence[Write], deadline: Deadline) -> list[WriteResult]:
        """Carry out writes, and return their results in order. Each write has an item of its own.

        Statements that fail with a transient error are retried until the deadline.
        """
        statements = [make_statement(self._table_name, write) for write in writes]
        results: list[WriteResult] = [OUT_OF_TIME] * len(statements)
        pending_positions: Sequence[int] = range(len(statements))
        for _ in attempts_until(deadline):
            if deadline.passed():
                break
            groups = split_into_groups(pending_positions, MAX_STATEMENTS)
            calls = [
                functools.partial(self._execute, [statements[p] for p in group], deadline)
                for group in groups
            ]
            results_by_group = dict(self._run(calls, deadline))
            for group_number, group in enumerate(groups):
                no_answer = [Failed(NO_ANSWER)] * len(group)
                new_results = results_by_group.get(group_number, no_answer)
                for position, result in zip(group, new_results, strict=True):
                    # An error from an earlier attempt says more than `OUT_OF_TIME`, so it is kept.
                    if result is not OUT_OF_TIME:
                        results[position] = result
            pending_positions = [p for p in pending_positions if is_to_be_retried(results[p])]
            if not pending_positions:
                break
        return _replace_out_of_time(results)

    def _execute(self, statements: Sequence[Statement], deadline: Deadline) -> list[WriteResult]:
        """Execute statements with one call, and return their results in order."""
        if deadline.passed():
            return [OUT_OF_TIME] * len(statements)
        try:
            operation: Any = self._dynamodb.batch_execute_statement
            response = call_once(deadline, operation, Statements=statements)
        except CALL_ERRORS as error:
            return [failure_of_call(error)] * len(statements)
        entries = response.get("Responses", [])
        if len(entries) != len(statements):
            return [Failed(NO_ANSWER)] * len(statements)
        codes = [(entry.get("Error") or {}).get("Code") for entry in entries]
        return [_STATUS_BY_CODE.get(code) or Failed(str(code)) for code in codes]


def split_into_groups(items: Sequence[_Item], size: int) -> list[Sequence[_Item]]:
    """Return the items in groups of a size, in order; the last group can be smaller."""
    return [items[start : start + size] for start in range(0, len(items), size)]


def attempts_until(deadline: Deadline) -> Iterator[float]:
    """Yield once for each attempt to call DynamoDB, with growing pauses, until the deadline."""
    return deadline.attempts(first_pause_seconds=0.05, max_pause_seconds=1, jittered=True)


def is_to_be_retried(result: WriteResult) -> bool:
    """Return whether a write or a read failed with a transient error."""
    return isinstance(result, Failed) and result.error in _RETRIED_CODES


def _replace_out_of_time(results: list[WriteResult]) -> list[WriteResult]:
    """If a write failed with a transient error, replace each `OUT_OF_TIME` with that error.

    The time ran out because of the error's retries.
    """
    failure = next(filter(is_to_be_retried, results), None)
    if failure is None:
        return results
    return [failure if result is OUT_OF_TIME else result for result in results]


def failure_of_call(error: CallError) -> Failed:
    """Return a call's failure; if the error is transient, the failure is in `_RETRIED_CODES`."""
    code = code_of(error)
    return Failed(NO_ANSWER if is_transient(error) and code not in _RETRIED_CODES else code)


def end_key(key: EndKey) -> ItemKey:
    """Return the key of an end's item. From sequence 2 on, the sort key contains the sequence."""
    conversation_id, queue_id, sequence = key
    return conversation_id, queue_id if sequence == 1 else f"{queue_id}#{sequence}"


def history_key(conversation_id: str) -> ItemKey:
    """Return the key of a history's item.

    The sort key is `#join`, because a history joins two kinds of events. No end's sort key starts
    with `#`.
    """
    return conversation_id, "#join"


def key_values(key: ItemKey) -> dict[str, dict[str, str]]:
    """Return a key as typed values, keyed by attribute name."""
    conversation_id, sort_key = key
    return {"conversation_id": {"S": conversation_id}, "queue_id": {"S": sort_key}}


def make_statement(table_name: str, write: Write) -> Statement:
    """Return the statement that carries out a write."""
    match write:
        case NewClaim():
            return _insert_statement(table_name, end_key(write.key), _new_claim_values(write))
        case Mark():
            conditions: Values = {
                '"claimed_by"=?': {"S": write.holder},
                # A mark may shorten the lease, but never lengthen it. So a mark that a newer mark
                # has overtaken fails (see `Mark`).
                '"lease_until" >= ?': _number(write.lease_until),
            }
            return _update_statement(
                table_name, end_key(write.key), _mark_values(write), conditions
            )
        case Takeover(key, holder, lease_until, expires_at, former_holder, now):
            return _update_statement(
                table_name,
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
        case ExtendSpan(key, span, lease_until):
            values = {"lease_until": _number(lease_until - 1), **_span_values(span)}
            conditions = {'"state"=?': {"S": "done"}, '"lease_until"=?': _number(lease_until)}
            return _update_statement(table_name, end_key(key), values, conditions)
        case SetExpiry(key, expires_at):
            # Even without conditions, an UPDATE never creates an item.
            return _update_statement(
                table_name, end_key(key), {"expires_at": _number(expires_at)}, {}
            )
        case NewHistory(conversation_id, history, expires_at):
            values = history_values(history, version=1, item_expires_at=expires_at)
            return _insert_statement(table_name, history_key(conversation_id), values)
        case ChangedHistory(conversation_id, history, version, expires_at):
            next_version = version + 1
            values = history_values(history, next_version, item_expires_at=expires_at)
            conditions = {'"version"=?': _number(version)}
            return _update_statement(table_name, history_key(conversation_id), values, conditions)


def _new_claim_values(claim: NewClaim) -> Values:
    return {
        "state": {"S": "claimed"},
        "claimed_by": {"S": claim.holder},
        "lease_until": _number(claim.lease_until),
        "ended_at": _number(claim.ended_at),
        "delivered": {"L": []},
        "source": {"S": claim.source},
        "expires_at": _number(claim.expires_at),
    }


def _mark_values(mark: Mark) -> Values:
    values: Values = {
        "delivered": {"L": [{"S": name} for name in mark.delivered]},
        "lease_until": _number(mark.lease_until),
    }
    if mark.done:
        values["state"] = {"S": "done"}
    if mark.span:
        values |= _span_values(mark.span)
    if mark.details_attempts:
        values["details_attempts"] = _number(mark.details_attempts)
    return values


def _insert_statement(table_name: str, key: ItemKey, values: Values) -> Statement:
    item = key_values(key) | values
    return {"Statement": _insert_partiql(table_name, tuple(item)), "Parameters": [*item.values()]}


def _update_statement(
    table_name: str, key: ItemKey, values: Values, conditions: Values
) -> Statement:
    partiql = _update_partiql(table_name, tuple(values), tuple(conditions))
    conversation_id, sort_key = key
    parameters = [
        *values.values(),
        {"S": conversation_id},
        {"S": sort_key},
        *conditions.values(),
    ]
    return {"Statement": partiql, "Parameters": parameters}


# The PartiQL strings are cached, because only a few different strings occur.
@functools.cache
def _insert_partiql(table_name: str, attributes: tuple[str, ...]) -> str:
    fields = ", ".join(f"'{attribute}': ?" for attribute in attributes)
    return f'INSERT INTO "{table_name}" VALUE {{{fields}}}'


@functools.cache
def _update_partiql(
    table_name: str, attributes: tuple[str, ...], conditions: tuple[str, ...]
) -> str:
    changes = " ".join(f'SET "{attribute}"=?' for attribute in attributes)
    where_clause = " AND ".join(['"conversation_id"=?', '"queue_id"=?', *conditions])
    return f'UPDATE "{table_name}" {changes} WHERE {where_clause}'


def _span_values(span: Span) -> Values:
    return {name: _number(time) for name, time in zip(SPAN_ATTRIBUTES, span, strict=True)}


# Typed values are created without boto3.dynamodb.types, which would take four times as long.
def _number(value: int) -> dict[str, Any]:
    return {"N": str(value)}
