"""Ends arrive on the bus as events, ten in each call; test_grouped_calls.py tests failures."""

import dataclasses
import json
from datetime import UTC, datetime
from typing import Any

import botocore.session
import pytest

from destinations.bus import LIMITS, Bus, make_destination
from destinations.destination import Receipt
from local.http.messages import Answer
from local.http.server import HttpServer
from tests.bodies import CANARY
from tests.fakes.aws.eventbridge import BUS, MAX_BYTES, FakeEventBridge, size_of
from tests.fakes.clock import Clock
from tests.fakes.ends import large_end, make_end, sample_end


@pytest.fixture
def eventbridge() -> FakeEventBridge:
    return FakeEventBridge()


@pytest.fixture
def bus(eventbridge: FakeEventBridge) -> Bus:
    return Bus(eventbridge, BUS)  # type: ignore[arg-type]


def details_of(eventbridge: FakeEventBridge) -> list[dict[str, Any]]:
    """Return the ends that EventBridge accepted."""
    return [json.loads(entry["Detail"]) for entry in eventbridge.taken]


def test_an_event_has_the_documented_form(bus: Bus, eventbridge: FakeEventBridge) -> None:
    assert bus.name == "bus"
    assert list(bus.deliver([sample_end()], Clock().deadline(9))) == [Receipt(0, "arrived")]
    (event,) = eventbridge.taken
    assert event == {
        "EventBusName": BUS,
        "Source": "queue-ends",
        "DetailType": "Conversation Ended",
        "Detail": sample_end().as_json().decode(),
        "Time": datetime(2026, 11, 23, 10, 0, tzinfo=UTC).timestamp(),
        "Resources": [],
    }
    assert sample_end().ended_at == "2026-11-23T10:00:00.000Z"


def test_a_hundred_ends_of_the_usual_size_are_sent_in_ten_calls(
    bus: Bus, eventbridge: FakeEventBridge
) -> None:
    ends = [make_end(f"c-{number}") for number in range(100)]
    assert len(list(bus.deliver(ends, Clock().deadline(9)))) == 100
    assert [len(entries) for entries in eventbridge.calls] == [10] * 10
    assert eventbridge.refused == []


def test_an_event_of_the_maximum_size_by_eventbridge_s_count_is_accepted(
    bus: Bus, eventbridge: FakeEventBridge
) -> None:
    empty = len(large_end("c", 0).as_json())
    for size in (200_000, MAX_BYTES - 43 - empty, MAX_BYTES - 42 - empty):
        list(bus.deliver([large_end("c", size)], Clock().deadline(9)))
    assert eventbridge.refused == []
    sizes = [size_of(entry) for entry in eventbridge.taken]
    assert sizes[1] == MAX_BYTES - 1
    assert sizes[2] < 10_000


def test_the_limits_are_those_that_botocore_s_model_of_eventbridge_states() -> None:
    model = botocore.session.get_session().get_service_model("events")
    put_events = model.operation_model("PutEvents")
    assert "the total entry size must be less than 1MB" in put_events.documentation
    assert put_events.input_shape
    assert put_events.input_shape.members["Entries"].metadata["max"] == LIMITS.max_entries
    assert LIMITS.max_call_bytes == LIMITS.max_entry_bytes == 1_000_000 - 1


def test_where_eventbridge_takes_less_ends_arrive_in_smaller_calls_or_without_raw(
    bus: Bus, eventbridge: FakeEventBridge
) -> None:
    eventbridge.max_bytes = 256 * 1024  # the limit everywhere until January 2026
    ends = [*(large_end(f"c-{n}", 100_000) for n in range(4)), large_end("c-4", 500_000)]
    receipts = bus.deliver(ends, Clock().deadline(9))
    assert sorted(receipts, key=lambda receipt: receipt.position) == [
        Receipt(position, "arrived") for position in range(5)
    ]
    arrived = {end["conversation_id"]: "raw" in end for end in details_of(eventbridge)}
    assert arrived == {"c-0": True, "c-1": True, "c-2": True, "c-3": True, "c-4": False}
    assert len(eventbridge.taken) == 5


def test_an_end_whose_detail_eventbridge_calls_malformed_is_refused(
    bus: Bus, eventbridge: FakeEventBridge
) -> None:
    malformed = dataclasses.replace(make_end("c-1"), raw={"number": 2**63})
    ends = [make_end("c-0"), malformed, make_end("c-2")]
    assert list(bus.deliver(ends, Clock().deadline(9))) == [
        Receipt(0, "arrived"),
        Receipt(1, "refused", "MalformedDetail"),
        Receipt(2, "arrived"),
    ]
    assert [end["conversation_id"] for end in details_of(eventbridge)] == ["c-0", "c-2"]
    assert len(eventbridge.calls) == 1


@pytest.mark.parametrize("ended_at", ["0001-01-01T00:00:00.000Z", "9999-12-31T23:59:59.999Z"])
def test_any_time_can_be_encoded(aws: HttpServer, ended_at: str) -> None:
    aws.script(Answer(body={"FailedEntryCount": 0, "Entries": [{"EventId": "e"}]}))
    end = dataclasses.replace(make_end(), ended_at=ended_at)
    bus = make_destination({"ENDS_BUS": BUS})
    assert list(bus.deliver([end], Clock().deadline(9))) == [Receipt(0, "arrived")]


def test_boto3_sends_entries_in_the_form_that_eventbridge_expects(aws: HttpServer) -> None:
    failed = {"ErrorCode": "InternalFailure", "ErrorMessage": CANARY}
    aws.script(Answer(body={"FailedEntryCount": 1, "Entries": [{"EventId": "e"}, failed]}))
    ends = [make_end("c-0", name="é😀"), make_end("c-1")]
    bus = make_destination({"ENDS_BUS": BUS})
    assert list(bus.deliver(ends, Clock().deadline(9))) == [
        Receipt(0, "arrived"),
        Receipt(1, "failed", "InternalFailure"),
    ]
    (request,) = aws.requests
    assert request.headers["X-Amz-Target"] == "AWSEvents.PutEvents"
    entries = request.json["Entries"]
    assert [json.loads(entry.pop("Detail")) for entry in entries] == [
        json.loads(end.as_json()) for end in ends
    ]
    assert entries[0] == {
        "EventBusName": BUS,
        "Source": "queue-ends",
        "DetailType": "Conversation Ended",
        "Time": datetime(2026, 11, 23, 10, 0, tzinfo=UTC).timestamp(),
        "Resources": [],
    }
