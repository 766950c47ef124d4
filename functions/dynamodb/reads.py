"""Items of the table, read in batches while there is time, as values of the domain."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from aws_calls import CALL_ERRORS, call_once
from conversations.failures import Failed
from conversations.history import CustomerEnd, History
from conversations.ledger_store import ABSENT, Absent, EndKey, RecordedEnd, RecordedHistory
from deadline import Deadline
from dynamodb.writes import ItemKey, attempts, end_key, history_key, key_values

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

# The most keys that a call may hold (AWS: "BatchGetItem").
MAX_KEYS = 100
# The error of an item that was not read.
UNREAD = "Unread"

Item = Mapping[str, Any]
"""Typed values by the names of their attributes."""
_Recorded = TypeVar("_Recorded")


class TableReads:
    """The reads of a `LedgerStore`, from a table of DynamoDB.

    Keys that are not read are asked for again.
    """

    def __init__(self, dynamodb: "DynamoDBClient", name: str) -> None:
        self._dynamodb = dynamodb
        self._name = name

    def read_ends(
        self, keys: Sequence[EndKey], deadline: Deadline
    ) -> dict[EndKey, RecordedEnd | Absent | Failed]:
        """Return the items of ends, read consistently."""
        item_keys = [end_key(key) for key in keys]
        found = self._read(item_keys, deadline)
        ends = [_recorded(found, item_key, _end) for item_key in item_keys]
        return dict(zip(keys, ends, strict=True))

    def read_histories(
        self, conversation_ids: Sequence[str], deadline: Deadline
    ) -> dict[str, RecordedHistory | Absent | Failed]:
        """Return the histories of conversations, read consistently."""
        found = self._read([history_key(c) for c in conversation_ids], deadline)
        return {c: _recorded(found, history_key(c), _history) for c in conversation_ids}

    def _read(self, keys: Sequence[ItemKey], deadline: Deadline) -> dict[ItemKey, Item | None]:
        """Return the items of different keys, None where there is none; unread keys are missing."""
        found: dict[ItemKey, Item | None] = {}
        pending = keys
        for _ in attempts(deadline):
            for start in range(0, len(pending), MAX_KEYS):
                found |= self._get(pending[start : start + MAX_KEYS], deadline)
            pending = [key for key in pending if key not in found]
            if not pending:
                break
        return found

    def _get(self, keys: Sequence[ItemKey], deadline: Deadline) -> dict[ItemKey, Item | None]:
        if deadline.passed():
            return {}
        asked = [key_values(key) for key in keys]
        request: Any = {self._name: {"Keys": asked, "ConsistentRead": True}}
        try:
            answer = call_once(deadline, self._dynamodb.batch_get_item, RequestItems=request)
        except CALL_ERRORS:
            return {}
        items: dict[ItemKey, Item | None] = {
            _key(item): item for item in answer["Responses"].get(self._name, [])
        }
        unprocessed = answer.get("UnprocessedKeys", {})
        unread = unprocessed[self._name]["Keys"] if self._name in unprocessed else []
        return dict.fromkeys({*keys} - {_key(item) for item in unread}) | items


def _recorded(
    found: dict[ItemKey, Item | None], key: ItemKey, read_as: Callable[[Item], _Recorded]
) -> _Recorded | Absent | Failed:
    if key not in found:
        return Failed(UNREAD)
    item = found[key]
    return ABSENT if item is None else read_as(item)


def _key(item: Item) -> ItemKey:
    return item["conversation_id"]["S"], item["queue_id"]["S"]


def _end(item: Item) -> RecordedEnd:
    return RecordedEnd(
        holder=item["claimed_by"]["S"],
        lease_until=int(item["lease_until"]["N"]),
        ended_at=int(item["ended_at"]["N"]),
        done=item["state"]["S"] == "done",
        delivered=tuple(name["S"] for name in item["delivered"]["L"]),
    )


def _history(item: Item) -> RecordedHistory:
    queues = {
        queue_id: tuple(int(time["N"]) for time in times["L"])
        for queue_id, times in item["queues"]["M"].items()
    }
    ends = {int(at_ms): _customer_end(end["M"]) for at_ms, end in item["ends"]["M"].items()}
    return RecordedHistory(History(queues, ends), int(item["version"]["N"]))


def _customer_end(values: Item) -> CustomerEnd:
    texts = ("media_type", "direction", "disconnect_type", "decided")
    return CustomerEnd(
        latest_ms=int(values["latest_ms"]["N"]),
        expires_at=int(values["expires_at"]["N"]),
        has_own_time=values["dated"]["BOOL"],
        settling=values["settling"]["BOOL"],
        **{name: values[name]["S"] for name in texts if name in values},
    )
