"""The request slots of all invocations, in an item of the ledger's table."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from aws_calls import CALL_ERRORS, call_once, code_of
from deadline import Clock, Deadline
from dynamodb.writes import key_values
from ledger_keys import REQUEST_SLOTS_KEY

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


class TableSlots:
    """Request slots in a DynamoDB table, one update for each slot.

    The item has one attribute, `next_at`: when the next slot begins, in epoch milliseconds. To take
    a slot, an invocation adds the slot's length. After a time without requests, `next_at` lies in
    the past. Then the slots between that time and now may be used at once, but at most `burst`.

    Parameters
    ----------
    slot_ms
        The length of a slot in milliseconds.
    now_ms
        Returns the time in epoch milliseconds.
    """

    def __init__(
        self,
        dynamodb: "DynamoDBClient",
        table_name: str,
        *,
        slot_ms: int,
        burst: int,
        now_ms: Clock,
    ) -> None:
        self._dynamodb = dynamodb
        self._table_name = table_name
        self._slot_ms = slot_ms
        self._burst_ms = slot_ms * burst
        self._now_ms = now_ms
        # The latest `next_at` that this invocation knows.
        self._next_at = 0

    def take(self, deadline: Deadline) -> bool:
        """Take the next slot and wait for it; return False if no slot comes before the deadline.

        Raises
        ------
        ClientError, BotoCoreError, TimeoutError
            DynamoDB failed, so it is unknown whether a request may be sent.
        """
        now = self._now_ms()
        latest = now + int(1000 * deadline.left())
        # `next_at` never becomes lower, so a known one can save the update.
        if deadline.passed() or self._next_at > latest:
            return False
        # A slot is either the next one in a row, or the first one after a time without requests.
        # The known `next_at` can rule the second case out.
        slot_at = None
        if self._next_at < now - self._burst_ms:
            slot_at = self._take_first(now, deadline)
        if slot_at is None:
            slot_at = self._take_next(now, latest, deadline)
        if slot_at is None:
            return False
        wait_seconds = (slot_at - self._now_ms()) / 1000
        return wait_seconds <= 0 or deadline.sleep(wait_seconds)

    def pause(self, seconds: float, deadline: Deadline) -> None:
        """Let no slot come for some seconds, in any invocation."""
        self._update(
            "SET next_at = :later",
            "attribute_not_exists(next_at) OR next_at < :later",
            {":later": self._now_ms() + int(1000 * seconds)},
            deadline,
        )

    def _take_next(self, now: int, latest: int, deadline: Deadline) -> int | None:
        return self._update(
            "SET next_at = next_at + :slot",
            "next_at BETWEEN :earliest AND :latest",
            {":slot": self._slot_ms, ":earliest": now - self._burst_ms, ":latest": latest},
            deadline,
        )

    def _take_first(self, now: int, deadline: Deadline) -> int | None:
        earliest = now - self._burst_ms
        return self._update(
            "SET next_at = :next",
            "attribute_not_exists(next_at) OR next_at < :earliest",
            {":next": earliest + self._slot_ms, ":earliest": earliest},
            deadline,
        )

    def _update(
        self, change: str, condition: str, values: Mapping[str, int], deadline: Deadline
    ) -> int | None:
        """Update the item; return when the slot begins, or None if the condition does not hold."""
        try:
            operation: Any = self._dynamodb.update_item
            response = call_once(
                deadline,
                operation,
                TableName=self._table_name,
                Key=key_values((REQUEST_SLOTS_KEY, REQUEST_SLOTS_KEY)),
                UpdateExpression=change,
                ConditionExpression=condition,
                ExpressionAttributeValues={name: {"N": str(v)} for name, v in values.items()},
                ReturnValues="UPDATED_NEW",
            )
        except CALL_ERRORS as error:
            if code_of(error) != "ConditionalCheckFailedException":
                raise
            return None
        self._next_at = int(response["Attributes"]["next_at"]["N"])
        return self._next_at - self._slot_ms
