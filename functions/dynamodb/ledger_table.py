"""The ledger's table in DynamoDB: writes and reads in batches, repeated while there is time."""

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from aws_calls import PASSING, CallError, code_of, may_pass
from conversations.failures import NO_TIME, Failed
from conversations.ledger_store import (
    ABSENT,
    Absent,
    Effect,
    EndKey,
    RecordedEnd,
    RecordedHistory,
    Write,
    WriteResult,
)
from deadline import Deadline, interrupted_after
from dynamodb.items import Item, end_of, history_of, key_of
from dynamodb.statements import ItemKey, Statement, end_key, history_key, key_values, statement

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_Recorded = TypeVar("_Recorded")

# The most that a call may hold (AWS: "BatchExecuteStatement", "BatchGetItem").
MAX_STATEMENTS = 25
MAX_KEYS = 100

# The error of statements that may have been carried out or not, and of items that were not read.
NO_ANSWER = "NoAnswer"
UNREAD = "Unread"
# Errors of statements that may succeed when they are repeated. Statements have spellings of their
# own (AWS: "BatchStatementError"), and meet others on their item.
_PASSING = PASSING | {
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


class LedgerTable:
    """The table, as the `LedgerStore` of the domain.

    Statements are repeated if they are throttled or not answered, keys if they are not read.
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
        for _ in _tries(deadline):
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

    def read_ends(
        self, keys: Sequence[EndKey], deadline: Deadline
    ) -> dict[EndKey, RecordedEnd | Absent | Failed]:
        """Return the items of ends, read consistently."""
        item_keys = [end_key(key) for key in keys]
        found = self._read(item_keys, deadline)
        ends = [_recorded(found, item_key, end_of) for item_key in item_keys]
        return dict(zip(keys, ends, strict=True))

    def read_histories(
        self, conversation_ids: Sequence[str], deadline: Deadline
    ) -> dict[str, RecordedHistory | Absent | Failed]:
        """Return the histories of conversations, read consistently."""
        found = self._read([history_key(c) for c in conversation_ids], deadline)
        return {c: _recorded(found, history_key(c), history_of) for c in conversation_ids}

    def _read(self, keys: Sequence[ItemKey], deadline: Deadline) -> dict[ItemKey, Item | None]:
        """Return the items of different keys, None where there is none; unread keys are missing."""
        found: dict[ItemKey, Item | None] = {}
        pending = keys
        for _ in _tries(deadline):
            for start in range(0, len(pending), MAX_KEYS):
                found |= self._get(pending[start : start + MAX_KEYS], deadline)
            pending = [key for key in pending if key not in found]
            if not pending:
                break
        return found

    def _execute(self, statements: Sequence[Statement], deadline: Deadline) -> list[WriteResult]:
        if deadline.passed():
            return [NO_TIME] * len(statements)
        try:
            with interrupted_after(deadline.left()):
                answer = self._dynamodb.batch_execute_statement(Statements=statements)  # type: ignore[arg-type]
        except (ClientError, BotoCoreError, TimeoutError) as error:
            return [_failed(error)] * len(statements)
        responses = answer.get("Responses", [])
        if len(responses) != len(statements):
            return [Failed(NO_ANSWER)] * len(statements)
        codes = [response.get("Error", {}).get("Code") for response in responses]
        return [_EFFECTS.get(code) or Failed(str(code)) for code in codes]

    def _get(self, keys: Sequence[ItemKey], deadline: Deadline) -> dict[ItemKey, Item | None]:
        if deadline.passed():
            return {}
        asked = [key_values(key) for key in keys]
        request: Any = {self._name: {"Keys": asked, "ConsistentRead": True}}
        try:
            with interrupted_after(deadline.left()):
                answer = self._dynamodb.batch_get_item(RequestItems=request)
        except (ClientError, BotoCoreError, TimeoutError):
            return {}
        items: dict[ItemKey, Item | None] = {
            key_of(item): item for item in answer["Responses"].get(self._name, [])
        }
        unprocessed = answer.get("UnprocessedKeys", {})
        unread = unprocessed[self._name]["Keys"] if self._name in unprocessed else []
        return dict.fromkeys({*keys} - {key_of(item) for item in unread}) | items


def _recorded(
    found: dict[ItemKey, Item | None], key: ItemKey, read_as: Callable[[Item], _Recorded]
) -> _Recorded | Absent | Failed:
    if key not in found:
        return Failed(UNREAD)
    item = found[key]
    return ABSENT if item is None else read_as(item)


def _tries(deadline: Deadline) -> Iterator[float]:
    return deadline.tries(0.05, longest=1, jittered=True)


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
    if not isinstance(error, ClientError):
        return Failed(NO_ANSWER)
    code = code_of(error)
    return Failed(NO_ANSWER if may_pass(error) and code not in _PASSING else code)
