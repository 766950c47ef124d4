"""The destination `bus`: puts each end on an EventBridge bus, as an EventBridge event."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from aws_calls import call
from aws_clients import make_client
from conversations.end import ConversationEnd
from deadline import Deadline
from destinations.destination import Receipt
from destinations.grouped_calls import READ_TIMEOUT_SECONDS, CallLimits, send_in_groups
from side_by_side import Runner, SideBySide, run_in_turn

if TYPE_CHECKING:
    from mypy_boto3_events import EventBridgeClient

# The fields `source` and `detail-type` of every EventBridge event that is put on the bus.
SOURCE = "queue-ends"
DETAIL_TYPE = "Conversation Ended"
# EventBridge counts this many bytes for an entry's time (see "Calculating Amazon EventBridge
# PutEvents event entry size" in the AWS documentation).
TIME_BYTES = 14
# All entries of a call together must be "less than 1MB" (see "PutEvents" in the AWS documentation).
# 1 MB is taken as 1,000,000 bytes, the smaller of its two meanings: EventBridge adds some hundred
# bytes to an entry when it makes the event, and a target such as an SQS queue accepts no event over
# 1,048,576 bytes.
MAX_BYTES = 1_000_000 - 1
LIMITS = CallLimits(
    service="EventBridge",
    max_entries=10,
    max_call_bytes=MAX_BYTES,
    max_entry_bytes=MAX_BYTES,
    overhead_bytes=TIME_BYTES + len(SOURCE) + len(DETAIL_TYPE),
)


def make_destination(environment: Mapping[str, str]) -> "Bus":
    """Return the destination for the bus that the variable `ENDS_BUS` names."""
    client = make_client("events", read_timeout_seconds=READ_TIMEOUT_SECONDS)
    return Bus(client, environment["ENDS_BUS"], SideBySide())


class Bus:
    """The destination that puts ends on an EventBridge bus. `run` runs the calls."""

    name = "bus"
    needs_main_thread = False

    def __init__(
        self, eventbridge: "EventBridgeClient", bus_name: str, run: Runner = run_in_turn
    ) -> None:
        self._eventbridge = eventbridge
        self._bus_name = bus_name
        self._run = run

    def deliver(self, ends: Sequence[ConversationEnd], deadline: Deadline) -> Iterator[Receipt]:
        """Put ends on the bus, up to 10 in each call; see `Destination.deliver`."""
        return send_in_groups(
            ends,
            deadline,
            limits=LIMITS,
            make_entry=self._make_entry,
            send=self._put,
            run=self._run,
        )

    def _make_entry(self, end: ConversationEnd, end_json: bytes) -> dict[str, Any]:
        return {
            "EventBusName": self._bus_name,
            "Time": int(datetime.fromisoformat(end.ended_at).timestamp()),
            "Source": SOURCE,
            "Resources": [],
            "DetailType": DETAIL_TYPE,
            "Detail": end_json.decode(),
        }

    def _put(self, entries: list[Any], deadline: Deadline) -> list[str]:
        """Put entries on the bus; return each entry's error code, empty if the entry arrived."""
        response = call(deadline, self._eventbridge.put_events, Entries=entries)
        return [result.get("ErrorCode") or "" for result in response["Entries"]]
