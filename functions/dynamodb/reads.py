"""Reads the ledger's items from the table, and converts them into domain objects."""

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from aws_calls import CALL_ERRORS, call_once
from conversations.failures import Failed
from conversations.ledger_store import ABSENT, Absent, EndKey, RecordedEnd, RecordedHistory, Span
from deadline import Deadline
from dynamodb.history_items import parse_history
from dynamodb.writes import (
    SPAN_ATTRIBUTES,
    ItemKey,
    attempts_until,
    end_key,
    failure_of_call,
    history_key,
    is_to_be_retried,
    key_values,
    split_into_groups,
)
from side_by_side import Runner, run_in_turn

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

# The maximum number of keys in a call (see "BatchGetItem" in the AWS documentation).
MAX_KEYS = 100
# The error of an item that no call has read before the deadline, although no call failed.
UNREAD = "Unread"

Item = Mapping[str, Any]
"""Typed values such as `{"S": "claimed"}`, keyed by attribute name."""
_Content = TypeVar("_Content")


class TableReader:
    """The reading half of a `LedgerStore` in a DynamoDB table.

    Parameters
    ----------
    table_name
        The name of the ledger's table.
    run
        Runs the calls for several groups of keys.
    """

    def __init__(
        self, dynamodb: "DynamoDBClient", table_name: str, run: Runner = run_in_turn
    ) -> None:
        self._dynamodb = dynamodb
        self._table_name = table_name
        self._run = run

    def read_ends(
        self, keys: Sequence[EndKey], deadline: Deadline
    ) -> dict[EndKey, RecordedEnd | Absent | Failed]:
        """Return the ends' current items, keyed by `EndKey`."""
        item_keys = [end_key(key) for key in keys]
        items, failure = self._read_with_retries(item_keys, deadline)
        ends = [_parse_item(items, failure, item_key, _parse_end) for item_key in item_keys]
        return dict(zip(keys, ends, strict=True))

    def read_histories(
        self, conversation_ids: Sequence[str], deadline: Deadline
    ) -> dict[str, RecordedHistory | Absent | Failed]:
        """Return the current histories of conversations, keyed by conversation id."""
        item_keys = [history_key(conversation_id) for conversation_id in conversation_ids]
        items, failure = self._read_with_retries(item_keys, deadline)
        histories = [_parse_item(items, failure, key, parse_history) for key in item_keys]
        return dict(zip(conversation_ids, histories, strict=True))

    def _read_with_retries(
        self, keys: Sequence[ItemKey], deadline: Deadline
    ) -> tuple[dict[ItemKey, Item | None], Failed]:
        """Read the items of distinct keys. Until the deadline, retry the keys that were not read.

        An error that is not transient, such as a missing permission, ends the retries.

        Returns
        -------
        dict[ItemKey, Item | None]
            The items by key. The value is None for a key that has no item in the table. A key that
            could not be read is missing.
        Failed
            The failure of the missing keys: that of the last failed call, or `UNREAD`.
        """
        items: dict[ItemKey, Item | None] = {}
        failure = Failed(UNREAD)
        pending_keys = keys
        for _ in attempts_until(deadline):
            calls = [
                functools.partial(self._read_once, group, deadline)
                for group in split_into_groups(pending_keys, MAX_KEYS)
            ]
            can_succeed_later = True
            for _, result in self._run(calls, deadline):
                if isinstance(result, Failed):
                    failure = result
                    can_succeed_later &= is_to_be_retried(result)
                else:
                    items |= result
            pending_keys = [key for key in pending_keys if key not in items]
            if not (pending_keys and can_succeed_later):
                break
        return items, failure

    def _read_once(
        self, keys: Sequence[ItemKey], deadline: Deadline
    ) -> dict[ItemKey, Item | None] | Failed:
        """Read items with one call; return them as `_read_with_retries` does, or its failure."""
        if deadline.passed():
            return {}
        key_attributes = [key_values(key) for key in keys]
        request: Any = {self._table_name: {"Keys": key_attributes, "ConsistentRead": True}}
        try:
            response = call_once(deadline, self._dynamodb.batch_get_item, RequestItems=request)
        except CALL_ERRORS as error:
            return failure_of_call(error)
        items: dict[ItemKey, Item | None] = {
            _key_of(item): item for item in response["Responses"].get(self._table_name, [])
        }
        unprocessed = (response.get("UnprocessedKeys") or {}).get(self._table_name, {"Keys": []})
        unread_keys = {_key_of(attributes) for attributes in unprocessed["Keys"]}
        read_keys = {*keys} - unread_keys
        return {key: items.get(key) for key in read_keys}


def _parse_item(
    items: dict[ItemKey, Item | None],
    failure: Failed,
    key: ItemKey,
    parse: Callable[[Item], _Content],
) -> _Content | Absent | Failed:
    if key not in items:
        return failure
    item = items[key]
    return ABSENT if item is None else parse(item)


def _key_of(item: Item) -> ItemKey:
    return item["conversation_id"]["S"], item["queue_id"]["S"]


def _parse_end(item: Item) -> RecordedEnd:
    ended_at = item["ended_at"]
    return RecordedEnd(
        holder=item["claimed_by"]["S"],
        lease_until=int(item["lease_until"]["N"]),
        ended_at=int(ended_at["N"]),
        done=item["state"]["S"] == "done",
        delivered=tuple(name["S"] for name in item["delivered"]["L"]),
        # An item without these attributes has the span of its one time.
        span=Span(*(int(item.get(name, ended_at)["N"]) for name in SPAN_ATTRIBUTES)),
        details_attempts=int(item.get("details_attempts", {"N": "0"})["N"]),
    )
