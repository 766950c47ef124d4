"""A partner event bus sends the events that its rules match to their queues."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from local.aws.emulator import Emulator, emulator
from local.aws.partner_events import (
    Event,
    Matcher,
    SendPartnerEvents,
    field_paths,
    list_rules,
    partner_event_sender,
)

SOURCE = "aws.partner/genesys.com/cloud/11111111-2222-4333-8444-555555555555/QueueEnds-dev"
TOPIC = "v2.detail.events.conversation.{id}."

# One emulator for all that need one.
pytestmark = pytest.mark.xdist_group("partner events")


def event(topic: str = "acd.end", queue_id: str | None = "q1", **fields: Any) -> dict[str, Any]:
    body = {"conversationId": "c", **({"queueId": queue_id} if queue_id else {})}
    return {
        "version": "0",
        "id": "0",
        "detail-type": TOPIC + topic,
        "source": SOURCE,
        "account": "111122223333",
        "time": "2026-11-23T10:00:05Z",
        "region": "us-east-1",
        "resources": [],
        "detail": {"eventBody": body},
        **fields,
    }


def pattern(*topics: str, **detail: Any) -> str:
    wanted = {"source": [SOURCE], "detail-type": [TOPIC + topic for topic in topics]}
    return json.dumps({**wanted, **({"detail": detail} if detail else {})})


QUEUES = pattern("acd.end", "user.end", eventBody={"queueId": ["q1", "q2"]})
ENDS = pattern("customer.end")


class Bus:
    """A partner event bus whose rules send to queues."""

    def __init__(self, aws: Emulator, events: Any, sqs: Any) -> None:
        self.aws, self.events, self.sqs = aws, events, sqs
        self.events.create_event_bus(Name=SOURCE, EventSourceName=SOURCE)

    def rule(self, name: str, pattern: str, *queues: str, **target: Any) -> None:
        """Have a rule that sends to queues, which are made."""
        self.events.put_rule(Name=name, EventBusName=SOURCE, EventPattern=pattern)
        targets = []
        for queue in queues:
            arn = f"arn:aws:sqs:{self.aws.region}:{self.aws.account}:{queue}"
            allow = {
                "Effect": "Allow",
                "Principal": {"Service": "events.amazonaws.com"},
                "Action": "sqs:SendMessage",
                "Resource": arn,
            }
            policy = {"Version": "2012-10-17", "Statement": [allow]}
            self.sqs.create_queue(QueueName=queue, Attributes={"Policy": json.dumps(policy)})
            targets.append({"Id": queue, "Arn": arn, **target})
        if targets:
            self.events.put_targets(Rule=name, EventBusName=SOURCE, Targets=targets)

    def bodies(self, queue: str) -> list[Any]:
        """Take and return what is in a queue, in no particular order."""
        url, found = f"{self.aws.endpoint}/{self.aws.account}/{queue}", []
        while batch := self.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get(
            "Messages"
        ):
            found += [json.loads(message["Body"]) for message in batch]
            for message in batch:
                self.sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return found


@pytest.fixture(scope="module")
def aws() -> Iterator[Emulator]:
    with emulator() as running:
        yield running


@pytest.fixture(scope="module")
def events(aws: Emulator) -> Any:
    return aws.client("events")


@pytest.fixture(scope="module")
def sqs(aws: Emulator) -> Any:
    return aws.client("sqs")


@pytest.fixture
def bus(aws: Emulator, events: Any, sqs: Any) -> Iterator[Bus]:
    bus = Bus(aws, events, sqs)
    yield bus
    for url in sqs.list_queues().get("QueueUrls", []):
        sqs.delete_queue(QueueUrl=url)
    for name in [rule["Name"] for rule in bus.events.list_rules(EventBusName=SOURCE)["Rules"]]:
        targets = bus.events.list_targets_by_rule(Rule=name, EventBusName=SOURCE)["Targets"]
        if targets:
            ids = [target["Id"] for target in targets]
            bus.events.remove_targets(Rule=name, EventBusName=SOURCE, Ids=ids)
        bus.events.delete_rule(Name=name, EventBusName=SOURCE)
    bus.events.delete_event_bus(Name=SOURCE)


@pytest.fixture(scope="module")
def send(aws: Emulator) -> SendPartnerEvents:
    return partner_event_sender(aws)


def to_us(send: SendPartnerEvents, *events: Event) -> list[list[str]]:
    return send(SOURCE, "111122223333", "us-east-1", events)


def test_an_event_goes_as_it_is_to_the_queue_of_the_rule_that_it_matches(
    bus: Bus, send: SendPartnerEvents
) -> None:
    bus.rule("queues", QUEUES, "intake")
    bus.rule("ends", ENDS, "ends")
    ours, other, end = event(), event(queue_id="q3"), event("customer.end", None)

    assert to_us(send, ours, other, end, event("acw")) == [["queues"], [], ["ends"], []]

    assert bus.bodies("intake") == [ours]
    assert bus.bodies("ends") == [end]


def test_an_event_that_matches_two_rules_is_sent_by_each(bus: Bus, send: SendPartnerEvents) -> None:
    bus.rule("one", QUEUES, "intake")
    bus.rule("two", QUEUES, "intake")

    assert to_us(send, event()) == [["one", "two"]]
    assert bus.bodies("intake") == [event(), event()]


def test_more_events_than_fit_into_one_call_all_arrive(bus: Bus, send: SendPartnerEvents) -> None:
    bus.rule("queues", QUEUES, "intake")
    events = [event(id=str(number)) for number in range(23)]

    assert to_us(send, *events) == [["queues"]] * 23
    assert sorted(int(body["id"]) for body in bus.bodies("intake")) == list(range(23))


def test_rules_that_change_apply_to_what_comes_after(bus: Bus, send: SendPartnerEvents) -> None:
    bus.rule("queues", QUEUES, "intake")
    assert to_us(send, event(), event(queue_id="q3")) == [["queues"], []]

    bus.rule("queues", QUEUES.replace("q1", "q3"))
    assert to_us(send, event(), event(queue_id="q3")) == [[], ["queues"]]

    bus.events.disable_rule(Name="queues", EventBusName=SOURCE)
    assert to_us(send, event(queue_id="q3")) == [[]]


def test_an_event_to_another_account_region_or_bus_is_dropped(
    bus: Bus, send: SendPartnerEvents
) -> None:
    bus.rule("queues", QUEUES, "intake")

    assert send(SOURCE, "999999999999", "us-east-1", [event()]) == [[]]
    assert send(SOURCE, "111122223333", "eu-west-1", [event()]) == [[]]
    assert send(f"{SOURCE}-2", "111122223333", "us-east-1", [event()]) == [[]]
    assert bus.bodies("intake") == []


def test_a_target_with_an_input_path_is_an_error(bus: Bus, send: SendPartnerEvents) -> None:
    bus.rule("queues", QUEUES, "intake", InputPath="$.detail")

    with pytest.raises(ValueError, match="InputPath"):
        to_us(send, event())


def test_a_missing_bus_has_no_rules(events: Any) -> None:
    assert list_rules(events, "aws.partner/genesys.com/cloud/none") == []


def test_fields_of_a_pattern_are_found_at_every_depth_and_in_alternatives() -> None:
    looks_at: Mapping[str, Any] = {
        "source": ["a"],
        "detail": {
            "eventBody": {"queueId": [{"prefix": "q"}], "userId": [{"exists": False}]},
            "$or": [{"version": ["2"]}, {"metadata": {"CorrelationId": ["x"]}}],
        },
    }
    assert set(field_paths(looks_at)) == {
        ("source",),
        ("detail", "eventBody", "queueId"),
        ("detail", "eventBody", "userId"),
        ("detail", "version"),
        ("detail", "metadata", "CorrelationId"),
    }


class Asked:
    """Answers like EventBridge, and counts how often it is asked."""

    def __init__(self, events: Any) -> None:
        self.events, self.times = events, 0

    def __call__(self, pattern: str, event: Event) -> bool:
        self.times += 1
        answer = self.events.test_event_pattern(EventPattern=pattern, Event=json.dumps(event))
        return bool(answer["Result"])


def test_events_that_a_pattern_sees_alike_are_asked_for_once(events: Any) -> None:
    asked = Asked(events)
    matcher = Matcher(asked)

    answers = [matcher.matches(QUEUES, event(id=str(number))) for number in range(20)]

    assert answers == [True] * 20
    assert asked.times == 1


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(event(queue_id="q3"), id="another value"),
        pytest.param(event(queue_id=None), id="no such field"),
        pytest.param(event("acw"), id="another topic"),
        pytest.param(event(source="somebody"), id="another source"),
        pytest.param(event(detail={"eventBody": {"queueId": 1}}), id="another type"),
        pytest.param(event(detail={"eventBody": []}), id="another shape"),
    ],
)
def test_events_that_a_pattern_sees_differently_are_told_apart(
    events: Any, other: dict[str, Any]
) -> None:
    matcher = Matcher(Asked(events))

    assert [matcher.matches(QUEUES, one) for one in (event(), other, event())] == [
        True,
        False,
        True,
    ]


def test_a_missing_field_is_told_apart_from_one_that_is_null(events: Any) -> None:
    matcher = Matcher(Asked(events))
    absent = pattern("acd.end", eventBody={"queueId": [{"exists": False}]})

    null = event(detail={"eventBody": {"queueId": None}})
    assert matcher.matches(absent, event(queue_id=None))
    assert not matcher.matches(absent, null)
