"""Ends arrive at the bus as events, ten a call; see test_entries.py for all that can fail."""

import dataclasses
import json
from datetime import UTC, datetime

import pytest

from destinations.bus import Bus, destination
from destinations.delivery import Delivery
from tests.bodies import CANARY
from tests.fakes.aws.eventbridge import BUS, MAX_BYTES, FakeEventBridge, size_of
from tests.fakes.aws.sqs_event import Countdown
from tests.fakes.clock import Clock
from tests.fakes.ends import big, ended, sample
from tests.fakes.scripted_http import Answer, HttpServer


@pytest.fixture
def events() -> FakeEventBridge:
    return FakeEventBridge()


@pytest.fixture
def bus(events: FakeEventBridge) -> Bus:
    return Bus(events, BUS)  # type: ignore[arg-type]


def test_the_event_is_the_one_of_the_contract(bus: Bus, events: FakeEventBridge) -> None:
    assert bus.name == "bus"
    assert list(bus.deliver([sample()], Clock().deadline(9))) == [Delivery(0, "arrived")]
    (event,) = events.taken
    assert event == {
        "EventBusName": BUS,
        "Source": "queue-ends",
        "DetailType": "Conversation Ended",
        "Detail": sample().as_json().decode(),
        "Time": datetime(2026, 11, 23, 10, 0, tzinfo=UTC),
        "Resources": [],
    }
    assert sample().ended_at == "2026-11-23T10:00:00.000Z"


def test_a_hundred_ends_of_the_usual_size_are_ten_calls(bus: Bus, events: FakeEventBridge) -> None:
    ends = [ended(f"c-{number}") for number in range(100)]
    assert len(list(bus.deliver(ends, Clock().deadline(9)))) == 100
    assert [len(entries) for entries in events.calls] == [10] * 10
    assert events.refused == []


def test_an_event_may_have_all_bytes_that_eventbridge_takes_by_its_own_count(
    bus: Bus, events: FakeEventBridge
) -> None:
    empty = len(big("c", 0).as_json())
    for size in (200_000, MAX_BYTES - 43 - empty, MAX_BYTES - 42 - empty):
        list(bus.deliver([big("c", size)], Clock().deadline(9)))
    assert events.refused == []
    sizes = [size_of(entry) for entry in events.taken]
    assert sizes[1] == MAX_BYTES - 1
    assert sizes[2] < 10_000


@pytest.mark.parametrize("ended_at", ["0001-01-01T00:00:00.000Z", "9999-12-31T23:59:59.999Z"])
def test_any_time_can_be_written(aws: HttpServer, ended_at: str) -> None:
    aws.script(Answer(body={"FailedEntryCount": 0, "Entries": [{"EventId": "e"}]}))
    end = dataclasses.replace(ended(), ended_at=ended_at)
    bus = destination({"ENDS_BUS": BUS})
    assert list(bus.deliver([end], Clock().deadline(9))) == [Delivery(0, "arrived")]


def test_what_boto3_sends_is_what_eventbridge_reads(aws: HttpServer) -> None:
    failed = {"ErrorCode": "MalformedDetail", "ErrorMessage": CANARY}
    aws.script(Answer(body={"FailedEntryCount": 1, "Entries": [{"EventId": "e"}, failed]}))
    ends = [ended("c-0", name="é😀"), ended("c-1")]
    bus = destination({"ENDS_BUS": BUS})
    assert list(bus.deliver(ends, Clock().deadline(9))) == [
        Delivery(0, "arrived"),
        Delivery(1, "failed", "MalformedDetail"),
    ]
    (asked,) = aws.asked
    assert asked.headers["X-Amz-Target"] == "AWSEvents.PutEvents"
    entries = asked.json["Entries"]
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


@pytest.mark.parametrize(
    "answers",
    [
        [Answer(500, {"__type": "InternalException", "message": CANARY})] * 3,
        [Answer(400, {"__type": "ThrottlingException", "message": CANARY})] * 3,
        [Answer(fate="lost")] * 3,
        [Answer(400, {"__type": "AccessDeniedException", "message": CANARY})],
    ],
    ids=lambda answers: str(answers[0]),
)
def test_boto3_itself_repeats_nothing(aws: HttpServer, answers: list[Answer]) -> None:
    aws.script(*answers)
    bus = destination({"ENDS_BUS": BUS})
    (delivery,) = bus.deliver([ended()], Clock().deadline(9))
    assert delivery.verdict == "failed"
    assert CANARY not in delivery.detail
    assert delivery.detail in (
        "InternalException",
        "ThrottlingException",
        "ConnectionClosedError",
        "AccessDeniedException",
    )
    assert len(aws.asked) == len(answers)


def test_an_eventbridge_that_hangs_is_interrupted_and_not_asked_again(aws: HttpServer) -> None:
    aws.respond = lambda _: Answer(fate="hung")
    context = Countdown(15)
    bus = destination({"ENDS_BUS": BUS})
    told = list(bus.deliver([ended("c-0"), ended("c-1")], Clock().deadline(0.3)))
    assert [delivery.verdict for delivery in told] == ["failed", "failed"]
    assert len(aws.asked) == 1
    assert context.get_remaining_time_in_millis() > 10_000
