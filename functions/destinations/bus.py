"""The destination `bus`: an EventBridge bus; each end becomes an event."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import boto3

from aws_calls import call
from conversations.end import ConversationEnd
from deadline import Deadline
from destinations.batched_calls import CLIENT_CONFIG, BatchLimits, send_in_batches
from destinations.destination import Receipt

if TYPE_CHECKING:
    from mypy_boto3_events import EventBridgeClient

SOURCE = "queue-ends"
DETAIL_TYPE = "Conversation Ended"
# The bytes that an entry's time counts as (AWS: "Calculating Amazon EventBridge PutEvents event
# entry size").
TIME_BYTES = 14
# "Less than 256 KB": each entry by that page, all of a call's together by the operation's own.
MAX_BYTES = 256 * 1024 - 1
LIMITS = BatchLimits(
    entries=10,
    call_bytes=MAX_BYTES,
    entry_bytes=MAX_BYTES,
    overhead=TIME_BYTES + len(SOURCE) + len(DETAIL_TYPE),
)


def destination(environment: Mapping[str, str]) -> "Bus":
    """Return the bus that `ENDS_BUS` names."""
    return Bus(boto3.client("events", config=CLIENT_CONFIG), environment["ENDS_BUS"])


class Bus:
    """An EventBridge bus, by its name."""

    name = "bus"

    def __init__(self, events: "EventBridgeClient", bus_name: str) -> None:
        self._events = events
        self._bus_name = bus_name

    def deliver(self, ends: Sequence[ConversationEnd], deadline: Deadline) -> Iterator[Receipt]:
        """Put ends on the bus, ten a call."""
        return send_in_batches(ends, deadline, limits=LIMITS, entry=self._entry, send=self._put)

    def _entry(self, end: ConversationEnd, body: bytes) -> dict[str, Any]:
        return {
            "EventBusName": self._bus_name,
            "Time": datetime.fromisoformat(end.ended_at),
            "Source": SOURCE,
            "Resources": [],
            "DetailType": DETAIL_TYPE,
            "Detail": body.decode(),
        }

    def _put(self, entries: list[Any], deadline: Deadline) -> list[str]:
        answer = call(deadline, self._events.put_events, Entries=entries)
        return [entry.get("ErrorCode", "") for entry in answer["Entries"]]
