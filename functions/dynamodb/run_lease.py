"""The lease of the watchdog's runs, in an item of the ledger's table.

While a run has the lease, no other run does the same work. A run that is killed cannot give the
lease back, so the lease also expires by itself.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from aws_calls import CALL_ERRORS, call_once, code_of, is_transient
from deadline import Clock, Deadline, now_ms
from ledger_keys import WATCHDOG_KEY

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

# `dynamodb.writes` could make this key, but a cold start would take ten milliseconds more with it.
_KEY = {name: {"S": WATCHDOG_KEY} for name in ("conversation_id", "queue_id")}


class RunLease:
    """The lease, as one run sees it.

    The item has two attributes: `claimed_by`, a random token of the last run that took the lease,
    and `lease_until`, when the lease expires, in epoch milliseconds; 0 once it is given back.

    Parameters
    ----------
    table_name
        The name of the ledger's table.
    now_ms
        Returns the time in epoch milliseconds.
    """

    def __init__(self, dynamodb: "DynamoDBClient", table_name: str, now_ms: Clock = now_ms) -> None:
        self._dynamodb = dynamodb
        self._table_name = table_name
        self._now_ms = now_ms
        self._run = uuid4().hex

    def take(self, length_ms: int, deadline: Deadline) -> bool:
        """Take the lease for some milliseconds; return False if another run has it.

        Raises
        ------
        ClientError, BotoCoreError, TimeoutError
            DynamoDB failed, so it is unknown who has the lease.
        """
        now = self._now_ms()
        return self._update(
            "SET claimed_by = :run, lease_until = :until",
            # If this run has the lease, the answer to an earlier attempt was lost.
            "attribute_not_exists(lease_until) OR lease_until < :now OR claimed_by = :run",
            {":until": now + length_ms, ":now": now},
            deadline,
        )

    def give_back(self, deadline: Deadline) -> None:
        """Give the lease back, unless another run has it.

        Raises
        ------
        ClientError, BotoCoreError, TimeoutError
            DynamoDB failed. The lease may remain until it expires.
        """
        self._update("SET lease_until = :over", "claimed_by = :run", {":over": 0}, deadline)

    def _update(
        self, change: str, condition: str, times: Mapping[str, int], deadline: Deadline
    ) -> bool:
        """Update the item, with retries; return whether the condition holds.

        The update can be repeated, because it does not depend on the item that it changes.
        """
        operation: Any = self._dynamodb.update_item
        last_error: Exception
        for _ in deadline.attempts(first_pause_seconds=0.1, growth_factor=4, jittered=True):
            try:
                call_once(
                    deadline,
                    operation,
                    TableName=self._table_name,
                    Key=_KEY,
                    UpdateExpression=change,
                    ConditionExpression=condition,
                    ExpressionAttributeValues={
                        ":run": {"S": self._run},
                        **{name: {"N": str(time)} for name, time in times.items()},
                    },
                    ReturnValues="NONE",
                )
            except CALL_ERRORS as error:
                if code_of(error) == "ConditionalCheckFailedException":
                    return False
                if not is_transient(error):
                    raise
                last_error = error
            else:
                return True
        raise last_error
