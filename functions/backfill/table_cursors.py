"""The cursors in items of the ledger's table."""

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from aws_calls import CALL_ERRORS, call, code_of
from backfill.cursor import Cursor, CursorMoved
from backfill.windows import Position
from deadline import Deadline
from dynamodb.writes import key_values
from ledger_keys import BACKFILL_KEY

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

# The attributes of a cursor's item. Each is a number.
_NAMES = (
    "saved_count",
    "searched_until",
    "window_until",
    "interval_begin",
    "interval_end",
    "page_number",
    "undivided_hits",
    "is_final_interval",
    "searched_for",
)
_CONDITION_FAILED = "ConditionalCheckFailedException"


class TableCursors:
    """Keeps cursors in the ledger's table. They never expire."""

    def __init__(self, dynamodb: "DynamoDBClient", table_name: str) -> None:
        self._dynamodb = dynamodb
        self._table_name = table_name

    def read(self, name: str, deadline: Deadline) -> Cursor | None:
        """Return a cursor; None if there is none yet.

        Raises
        ------
        ClientError, BotoCoreError, TimeoutError
            DynamoDB failed.
        """
        operation: Any = self._dynamodb.get_item
        response = call(
            deadline,
            operation,
            TableName=self._table_name,
            Key=_key_of(name),
            ConsistentRead=True,
        )
        item = response.get("Item")
        return _parse(item) if item else None

    def save(self, name: str, cursor: Cursor, deadline: Deadline) -> Cursor:
        """Save a cursor and return it with its new version.

        Raises
        ------
        CursorMoved
            The stored version is not the cursor's. Nothing has been saved.
        ClientError, BotoCoreError, TimeoutError
            DynamoDB failed. The cursor may have been saved.
        """
        target = replace(cursor, version=cursor.version + 1)
        numbers = dict(zip(_NAMES, _numbers_of(target), strict=True))
        values = {f":{name}": {"N": str(number)} for name, number in numbers.items()}
        condition = "attribute_not_exists(saved_count)"
        if cursor.version:
            condition = "saved_count = :known_count"
            values[":known_count"] = {"N": str(cursor.version)}
        operation: Any = self._dynamodb.update_item
        try:
            call(
                deadline,
                operation,
                TableName=self._table_name,
                Key=_key_of(name),
                UpdateExpression="SET " + ", ".join(f"{name} = :{name}" for name in numbers),
                ConditionExpression=condition,
                ExpressionAttributeValues=values,
                ReturnValues="NONE",
            )
        except CALL_ERRORS as error:
            if code_of(error) != _CONDITION_FAILED:
                raise
            # The answer to an earlier attempt of this call may have been lost.
            if self.read(name, deadline) != target:
                raise CursorMoved(f"Another run has moved the cursor {name}.") from None
        return target


def _key_of(name: str) -> dict[str, dict[str, str]]:
    return key_values((BACKFILL_KEY, f"#{name}"))


def _numbers_of(cursor: Cursor) -> tuple[int, ...]:
    position = cursor.position
    place = (
        (
            position.begin_ms,
            position.end_ms,
            position.page,
            position.undivided_hits,
            int(position.is_final),
        )
        if position
        else (0, 0, 0, 0, 0)
    )
    times = cursor.searched_until_ms, cursor.window_until_ms
    return cursor.version, *times, *place, cursor.searched_for


def _parse(item: Mapping[str, Mapping[str, str]]) -> Cursor:
    version, searched_until, window_until, begin, end, page, hits, is_final, searched_for = (
        int(item[name]["N"]) for name in _NAMES
    )
    position = Position(begin, end, page, hits, bool(is_final)) if page else None
    return Cursor(searched_until, window_until, position, version, searched_for)
