"""Reads the ledger's items as an operator wants to see them."""

import itertools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

Item = Mapping[str, Any]
"""Typed values such as `{"S": "claimed"}`, keyed by attribute name."""

# A page of a scan has 1 MB. Reading 5 MB takes a second or two, and costs less than a cent.
_MAX_SCAN_PAGES = 5


@dataclass(frozen=True, slots=True)
class EndItem:
    """The item of a conversation's end in a queue. All times are epoch milliseconds.

    Attributes
    ----------
    state
        `claimed` or `done`.
    lease_until
        When the claim expires; 0 or less if it was released, or if the end is done.
    earliest_at, latest_at
        The span of the times that the end's events reported.
    details_attempts
        How often the worker has asked for the end's details and put the end off.
    expires_at
        When the ledger forgets the end.
    """

    conversation_id: str
    queue_id: str
    sequence: int
    state: str
    ended_at: int
    delivered: list[str]
    lease_until: int
    claimed_by: str
    earliest_at: int
    latest_at: int
    details_attempts: int
    source: str
    expires_at: int

    @property
    def is_done(self) -> bool:
        return self.state == "done"


@dataclass(frozen=True, slots=True)
class JoinItem:
    """A conversation's join item: its events in our queues, and its customer's ends.

    Attributes
    ----------
    events_by_queue
        The times of the events of each queue, in epoch milliseconds.
    customer_ends
        For each time of a customer's end, the queue that the rule `last_queue` has decided for;
        None if there is no decision.
    """

    events_by_queue: dict[str, list[int]]
    customer_ends: dict[int, str | None]


@dataclass(frozen=True, slots=True)
class Recorded:
    """The ledger's items of one conversation."""

    ends: list[EndItem]
    join: JoinItem | None


@dataclass(frozen=True, slots=True)
class LastEnds:
    """The newest ends among the items that were read.

    Attributes
    ----------
    items_read
        The number of items that were read.
    cut_short
        Whether the ledger has more items.
    """

    ends: list[EndItem]
    items_read: int
    cut_short: bool


def read_conversation(dynamodb: Any, table: str, conversation_id: str) -> Recorded:
    """Return the ledger's items of a conversation."""
    items = list(query_items(dynamodb, table, conversation_id))
    ends = [end for item in items if (end := _parse_end(item))]
    joins = [item for item in items if item["queue_id"]["S"] == "#join"]
    return Recorded(sorted(ends, key=_age_order), _parse_join(joins[0]) if joins else None)


def query_items(dynamodb: Any, table: str, conversation_id: str) -> Iterable[Item]:
    """Yield all items of a conversation, with a consistent read."""
    pages = dynamodb.get_paginator("query").paginate(
        TableName=table,
        KeyConditionExpression="conversation_id = :id",
        ExpressionAttributeValues={":id": {"S": conversation_id}},
        ConsistentRead=True,
    )
    for page in pages:
        yield from page["Items"]


def read_end(dynamodb: Any, table: str, conversation_id: str, queue_id: str) -> EndItem | None:
    """Return the first end of a conversation in a queue; None if the ledger does not have it."""
    key = {"conversation_id": {"S": conversation_id}, "queue_id": {"S": queue_id}}
    item = dynamodb.get_item(TableName=table, Key=key, ConsistentRead=True).get("Item")
    return _parse_end(item) if item else None


def scan_last_ends(dynamodb: Any, table: str, count: int) -> LastEnds:
    """Return the newest ends, newest first. At most 5 MB of the ledger are read."""
    # `state` is a reserved word of DynamoDB.
    pages = dynamodb.get_paginator("scan").paginate(
        TableName=table,
        ProjectionExpression="conversation_id, queue_id, ended_at, #state, delivered",
        ExpressionAttributeNames={"#state": "state"},
    )
    ends: list[EndItem] = []
    items_read, cut_short = 0, False
    for page in itertools.islice(pages, _MAX_SCAN_PAGES):
        items_read += len(page["Items"])
        ends += [end for item in page["Items"] if (end := _parse_end(item))]
        ends = sorted(ends, key=_age_order, reverse=True)[:count]
        cut_short = bool(page.get("LastEvaluatedKey"))
    return LastEnds(ends, items_read, cut_short)


def _age_order(end: EndItem) -> tuple[int, str, str, int]:
    return end.ended_at, end.conversation_id, end.queue_id, end.sequence


def _parse_end(item: Item) -> EndItem | None:
    """Return an end's item; None for an item of another kind."""
    conversation_id, sort_key = item["conversation_id"]["S"], item["queue_id"]["S"]
    if conversation_id.startswith("#") or sort_key.startswith("#") or "ended_at" not in item:
        return None
    queue_id, _, sequence = sort_key.partition("#")
    ended_at = _number(item, "ended_at")
    return EndItem(
        conversation_id=conversation_id,
        queue_id=queue_id,
        sequence=int(sequence or 1),
        state=item["state"]["S"],
        ended_at=ended_at,
        delivered=[name["S"] for name in item.get("delivered", {"L": []})["L"]],
        lease_until=_number(item, "lease_until"),
        claimed_by=item.get("claimed_by", {"S": ""})["S"],
        earliest_at=_number(item, "earliest_at", ended_at),
        latest_at=_number(item, "latest_at", ended_at),
        details_attempts=_number(item, "details_attempts"),
        source=item.get("source", {"S": ""})["S"],
        expires_at=1000 * _number(item, "expires_at"),
    )


def _parse_join(item: Item) -> JoinItem:
    return JoinItem(
        {
            queue_id: [int(time["N"]) for time in times["L"]]
            for queue_id, times in item["queues"]["M"].items()
        },
        {
            int(at_ms): values["M"].get("decided", {}).get("S")
            for at_ms, values in sorted(item["ends"]["M"].items())
        },
    )


def _number(item: Item, name: str, default: int = 0) -> int:
    return int(item[name]["N"]) if name in item else default
