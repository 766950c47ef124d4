"""The ledger's DynamoDB table: writes and reads in batches, repeated while there is time."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from aws_calls import PASSING, CallError, code_of, may_pass
from deadline import Deadline, interrupted_after

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

Key = tuple[str, str]
"""A conversation's id, and a queue's with the sequence behind it."""
Item = Mapping[str, Any]
"""Attributes in DynamoDB's spelling."""

# What a call may hold (AWS: "BatchExecuteStatement", "BatchGetItem").
MAX_STATEMENTS = 25
MAX_KEYS = 100

DONE = ""
"""The code of a statement that was carried out."""
NO_TIME = "NoTime"
"""The code of a statement that was never sent."""
NO_ANSWER = "NoAnswer"
"""The code of a statement that may have been carried out or not."""
DUPLICATE = "DuplicateItem"
CONDITION_FAILED = "ConditionalCheckFailed"

# What may succeed when it is asked again. Statements have spellings of their own (AWS:
# "BatchStatementError"), and meet others on their item.
_PASSING = PASSING | {
    NO_ANSWER,
    "ProvisionedThroughputExceeded",
    "ThrottlingError",
    "TransactionConflict",
    "TransactionInProgressException",
}


@dataclass(frozen=True, slots=True)
class Statement:
    """A PartiQL statement with its parameters in DynamoDB's spelling (`{"S": "text"}`)."""

    text: str
    parameters: Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Record:
    """An item of the ledger.

    Attributes
    ----------
    done
        Whether every destination has it.
    claimed_by
        The token of the invocation that claimed it last.
    lease_until
        When that claim runs out, in epoch milliseconds; 0 once released.
    ended_at
        When the conversation ended, in epoch milliseconds.
    delivered
        The destinations that have it.
    """

    done: bool
    claimed_by: str
    lease_until: int
    ended_at: int
    delivered: tuple[str, ...]


class LedgerTable:
    """The table, by its name."""

    def __init__(self, dynamodb: "DynamoDBClient", name: str) -> None:
        self.name = name
        self._dynamodb = dynamodb

    def write(self, statements: Sequence[Statement], deadline: Deadline) -> list[str]:
        """Carry out statements, no two of them on one key, and return a code for each.

        Statements that are throttled or not answered are repeated until the deadline, so that one
        of them may be carried out twice: its second answer then tells of its first success.

        Returns
        -------
        list[str]
            `DONE`, `NO_TIME`, or DynamoDB's code of what went wrong last.
        """
        codes = [NO_TIME] * len(statements)
        pending = list(range(len(statements)))
        for _ in _tries(deadline):
            for start in range(0, len(pending), MAX_STATEMENTS):
                positions = pending[start : start + MAX_STATEMENTS]
                answered = self._execute([statements[p] for p in positions], deadline)
                for position, code in zip(positions, answered, strict=True):
                    # Why a statement failed before tells more than that time ran out since.
                    if code != NO_TIME:
                        codes[position] = code
            pending = [p for p in pending if codes[p] in _PASSING]
            if not pending:
                break
        return _without_time_because(codes)

    def read(self, keys: Sequence[Key], deadline: Deadline) -> dict[Key, Record | None]:
        """Return the items of different keys, read consistently; None where there is none.

        A key that could not be read before the deadline is missing.
        """
        items = self.read_items(keys, deadline)
        return {key: _record(item) if item else None for key, item in items.items()}

    def read_items(self, keys: Sequence[Key], deadline: Deadline) -> dict[Key, Item | None]:
        """Return items as `read` does, of whatever kind, in DynamoDB's spelling."""
        found: dict[Key, Item | None] = {}
        pending = list(keys)
        for _ in _tries(deadline):
            for start in range(0, len(pending), MAX_KEYS):
                found |= self._get(pending[start : start + MAX_KEYS], deadline)
            pending = [key for key in pending if key not in found]
            if not pending:
                break
        return found

    def _execute(self, statements: Sequence[Statement], deadline: Deadline) -> list[str]:
        if deadline.passed():
            return [NO_TIME] * len(statements)
        calls = [
            {"Statement": statement.text, "Parameters": list(statement.parameters)}
            for statement in statements
        ]
        try:
            with interrupted_after(deadline.left()):
                answer = self._dynamodb.batch_execute_statement(Statements=calls)  # type: ignore[arg-type]
        except (ClientError, BotoCoreError, TimeoutError) as error:
            return [_code(error)] * len(statements)
        responses = answer.get("Responses", [])
        if len(responses) != len(statements):
            return [NO_ANSWER] * len(statements)
        return [str(response.get("Error", {}).get("Code", DONE)) for response in responses]

    def _get(self, keys: Sequence[Key], deadline: Deadline) -> dict[Key, Item | None]:
        if deadline.passed():
            return {}
        asked = [key_values(key) for key in keys]
        request: Any = {self.name: {"Keys": asked, "ConsistentRead": True}}
        try:
            with interrupted_after(deadline.left()):
                answer = self._dynamodb.batch_get_item(RequestItems=request)
        except (ClientError, BotoCoreError, TimeoutError):
            return {}
        items: dict[Key, Item | None] = {
            _key(item): item for item in answer["Responses"].get(self.name, [])
        }
        unprocessed = answer.get("UnprocessedKeys", {})
        unread = unprocessed[self.name]["Keys"] if self.name in unprocessed else []
        missing = set(keys) - {_key(item) for item in unread}
        return dict.fromkeys(missing) | items


def key_values(key: Key) -> dict[str, dict[str, str]]:
    """Return a key as an item has it."""
    conversation_id, queue_id = key
    return {"conversation_id": {"S": conversation_id}, "queue_id": {"S": queue_id}}


def _tries(deadline: Deadline) -> Iterator[float]:
    return deadline.tries(0.05, longest=1, jittered=True)


def _without_time_because(codes: list[str]) -> list[str]:
    """Return the codes, with the reason why there was no time for some, where another one tells."""
    reason = next((code for code in codes if code in _PASSING), NO_TIME)
    return [reason if code == NO_TIME else code for code in codes]


def _code(error: CallError) -> str:
    """Return the code of a call's error; `NO_ANSWER` where it may have been carried out."""
    if not isinstance(error, ClientError):
        return NO_ANSWER
    code = code_of(error)
    return NO_ANSWER if may_pass(error) and code not in _PASSING else code


def _key(item: Item) -> Key:
    return item["conversation_id"]["S"], item["queue_id"]["S"]


def _record(item: Item) -> Record:
    return Record(
        done=item["state"]["S"] == "done",
        claimed_by=item["claimed_by"]["S"],
        lease_until=int(item["lease_until"]["N"]),
        ended_at=int(item["ended_at"]["N"]),
        delivered=tuple(name["S"] for name in item["delivered"]["L"]),
    )
