"""Items of the ledger's table as domain values."""

from collections.abc import Mapping
from typing import Any

from conversations.history import CustomerEnd, History
from conversations.ledger_store import RecordedEnd, RecordedHistory
from dynamodb.statements import ItemKey

Item = Mapping[str, Any]
"""Typed values by the names of their attributes."""


def key_of(item: Item) -> ItemKey:
    return item["conversation_id"]["S"], item["queue_id"]["S"]


def end_of(item: Item) -> RecordedEnd:
    return RecordedEnd(
        holder=item["claimed_by"]["S"],
        lease_until=int(item["lease_until"]["N"]),
        ended_at=int(item["ended_at"]["N"]),
        done=item["state"]["S"] == "done",
        delivered=tuple(name["S"] for name in item["delivered"]["L"]),
    )


def history_of(item: Item) -> RecordedHistory:
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
        dated=values["dated"]["BOOL"],
        settling=values["settling"]["BOOL"],
        **{name: values[name]["S"] for name in texts if name in values},
    )
