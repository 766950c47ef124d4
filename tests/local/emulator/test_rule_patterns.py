"""The deployed rules' patterns, asked of EventBridge itself: what they take and what they refuse.

No stack is deployed for it: the patterns are those of a synthesised template, with the name of
the event source put in as CloudFormation does.
"""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from infra.packaging import Asset
from local.aws.emulator import emulator
from tests.infra.stacks import QUEUES, synthesise_stack

# Where the other templates are synthesised: it takes seconds to start for the first.
pytestmark = pytest.mark.xdist_group("template")

ORG = "0f1e2d3c-4b5a-4697-8879-6a5b4c3d2e1f"
SOURCE = f"aws.partner/genesys.com/cloud/{ORG}/QueueEnds-dev"
OTHER_QUEUE = "c3d4e5f6-a7b8-4012-9456-7890abcdef12"
TOPIC = "v2.detail.events.conversation.{id}."
MANY = (*QUEUES, *(f"{n:x>64}" for n in range(48)))

# The names of the rules, of a stack with some end rule, that take an event; none if nobody does.
TakenBy = Callable[[str, dict[str, Any]], list[str]]


def event(topic: str, queue_id: str | None, source: str = SOURCE, **body: Any) -> dict[str, Any]:
    """Return an event as it comes over a partner event source."""
    event_body = {"conversationId": "c-1", "eventTime": 1_790_000_000_000, **body}
    if queue_id:
        event_body["queueId"] = queue_id
    return {
        "version": "0",
        "id": "6a7e8feb-b491-4cf7-a9f1-bf3703467718",
        "detail-type": topic,
        "source": source,
        "account": "111122223333",
        "time": "2026-11-23T10:00:00Z",
        "region": "us-east-1",
        "resources": [],
        "detail": {
            "topicName": topic.replace("{id}", "c-1"),
            "version": "2",
            "eventBody": event_body,
            "metadata": {"CorrelationId": "d3b0"},
        },
    }


@pytest.fixture(scope="session")
def taken_by(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TakenBy]:
    folder = tmp_path_factory.mktemp("asset")
    (folder / "code.py").write_text("pass\n")
    asset = Asset(folder, "hash-of-the-code")

    def patterns_of(folder: Path, **settings: Any) -> dict[str, str]:
        stack = synthesise_stack(
            asset, folder, {}, delivery="eventbridge", watchdog="off", **settings
        )
        name = {"Fn::GetAtt": [stack.ids["EventSource/Resource/Default"], "EventSourceName"]}
        rules = [rule["Properties"] for rule in stack.of_type("AWS::Events::Rule")]
        assert all(rule["EventPattern"]["source"] == [name] for rule in rules)
        return {
            rule["Name"]: json.dumps(rule["EventPattern"] | {"source": [SOURCE]}) for rule in rules
        }

    stacks: dict[str, dict[str, Any]] = {
        "touched": {"end_rule": "touched"},
        "last_queue": {"end_rule": "last_queue", "queue_ids": MANY},
        "queue_leg": {"end_rule": "queue_leg"},
    }
    patterns = {
        end_rule: patterns_of(tmp_path_factory.mktemp("cdk"), **settings)
        for end_rule, settings in stacks.items()
    }
    with emulator() as aws:
        events = aws.client("events")

        def taken(end_rule: str, event: dict[str, Any]) -> list[str]:
            return [
                name
                for name, pattern in patterns[end_rule].items()
                if events.test_event_pattern(EventPattern=pattern, Event=json.dumps(event))[
                    "Result"
                ]
            ]

        yield taken


@pytest.mark.parametrize("end_rule", ["touched", "last_queue"])
@pytest.mark.parametrize(
    "topic", ["acd.start", "acd.end", "user.start", "user.end", "acw", "wrapup"]
)
def test_events_of_our_queues_match_the_rule_for_queues(
    taken_by: TakenBy, end_rule: str, topic: str
) -> None:
    for queue_id in QUEUES:
        assert taken_by(end_rule, event(TOPIC + topic, queue_id)) == ["queues-1"]


@pytest.mark.parametrize("end_rule", ["touched", "last_queue"])
def test_every_customer_end_matches_its_rule_as_it_names_no_queue(
    taken_by: TakenBy, end_rule: str
) -> None:
    for body in ({}, {"disconnectType": "CLIENT"}, {"disconnectType": "TRANSFER"}):
        assert taken_by(end_rule, event(TOPIC + "customer.end", None, **body)) == ["customer-end"]


def test_by_queue_leg_only_acd_end_and_user_end_match(taken_by: TakenBy) -> None:
    for topic in ("acd.end", "user.end"):
        assert taken_by("queue_leg", event(TOPIC + topic, QUEUES[0])) == ["queues-1"]
    for topic in ("acd.start", "user.start", "acw", "wrapup", "customer.end"):
        assert taken_by("queue_leg", event(TOPIC + topic, QUEUES[0])) == []


REFUSED = {
    "another queue": event(TOPIC + "acd.end", OTHER_QUEUE),
    "a queue in capitals": event(TOPIC + "acd.end", QUEUES[0].upper()),
    "the beginning of a queue's id": event(TOPIC + "acd.end", QUEUES[0][:-1]),
    "no queue": event(TOPIC + "user.end", None),
    "a queue elsewhere": event(TOPIC + "user.end", None, queue={"id": QUEUES[0]}),
    "another topic of conversations": event(TOPIC + "customer.start", None),
    "another topic with our queue": event(TOPIC + "flow.end", QUEUES[0]),
    "a topic of another family": event("v2.routing.queues.{id}.conversations", QUEUES[0]),
    "a topic with the id filled in": event("v2.detail.events.conversation.c-1.acd.end", QUEUES[0]),
    "a topic that only begins as ours": event(TOPIC + "acd.end.more", QUEUES[0]),
    "another org": event(
        TOPIC + "acd.end", QUEUES[0], SOURCE.replace(ORG, "11111111-2222-4333-8444-555555555555")
    ),
    "the end of another org's conversation": event(
        TOPIC + "customer.end", None, SOURCE.replace(ORG, "11111111-2222-4333-8444-555555555555")
    ),
    "another stage's event source": event(
        TOPIC + "acd.end", QUEUES[0], SOURCE.replace("-dev", "-development")
    ),
    "another partner": event(TOPIC + "acd.end", QUEUES[0], "aws.partner/example.com/cloud/x/y"),
    "an application of the same account": event(TOPIC + "acd.end", QUEUES[0], "genesys"),
}


@pytest.mark.parametrize("stranger", REFUSED)
def test_a_foreign_event_matches_no_rule(taken_by: TakenBy, stranger: str) -> None:
    for end_rule in ("touched", "last_queue", "queue_leg"):
        assert taken_by(end_rule, REFUSED[stranger]) == []


def test_each_of_fifty_queues_matches_exactly_one_rule(taken_by: TakenBy) -> None:
    taken = [taken_by("last_queue", event(TOPIC + "wrapup", queue_id)) for queue_id in MANY]
    assert {len(rules) for rules in taken} == {1}
    assert {rules[0] for rules in taken} == {"queues-1", "queues-2", "queues-3"}
