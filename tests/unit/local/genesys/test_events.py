"""Subscriptions get the published events that they select."""

import json
from typing import Any

import pytest

from local.genesys.stand_in import GenesysCloud
from tests.fakes.clock import Clock
from tests.unit.local.genesys.conftest import Api, wanted

QUEUES = ("q1", "q2", "q3")


def end(queue_id: str, event_type: str = "event:conversation:end") -> dict[str, Any]:
    attributes = {"conversationId": "c", "queueId": queue_id, "queue": {"id": queue_id}}
    return {"eventType": event_type, "attributes": attributes}


def test_an_event_goes_to_the_queue_of_the_subscription_that_selects_it(
    genesys: GenesysCloud, api: Api, sent: list[Any]
) -> None:
    made = api.subscribe()

    assert genesys.publish(end("q1")) == [made["id"]]
    assert genesys.publish(end("q2")) == []
    awsqs = made["destination"]["awsSqs"]
    assert [(arn, region) for arn, region, _ in sent] == [(awsqs["arn"], awsqs["region"])]
    assert [json.loads(body) for *_, bodies in sent for body in bodies] == [end("q1")]


def test_events_of_other_types_are_not_sent(genesys: GenesysCloud, api: Api) -> None:
    api.subscribe()
    assert genesys.publish(end("q1", "event:conversation:start")) == []


@pytest.mark.parametrize(
    ("expression", "matching"),
    [
        ("queueId in ['q1', 'q3']", ["q1", "q3"]),
        ("$exists(queue) and queue.id = 'q2'", ["q2"]),
        ("", ["q1", "q2", "q3"]),
        ("true", ["q1", "q2", "q3"]),
        ("queueId", []),
    ],
)
def test_filters_are_evaluated_on_the_attributes(
    genesys: GenesysCloud, api: Api, expression: str, matching: list[str]
) -> None:
    api.subscribe(attributeFilter=expression)

    receivers = genesys.publish_all([end(queue_id) for queue_id in QUEUES])
    hit = [queue_id for queue_id, ids in zip(QUEUES, receivers, strict=True) if ids]
    assert hit == matching
    assert genesys.subscriptions.filter_errors == 0


def test_a_filter_that_fails_matches_nothing_and_is_counted(
    genesys: GenesysCloud, api: Api, sent: list[Any]
) -> None:
    api.subscribe(attributeFilter="exists(queue) and queue.id = 'q1'")

    assert genesys.publish_all([end("q1"), end("q2")]) == [[], []]
    assert genesys.subscriptions.filter_errors == 2
    assert sent == []


def test_an_event_without_attributes_matches_no_filter(genesys: GenesysCloud, api: Api) -> None:
    api.subscribe()
    assert genesys.publish({"eventType": "event:conversation:end"}) == []


def test_many_events_are_sent_together_and_in_order(
    genesys: GenesysCloud, api: Api, sent: list[Any]
) -> None:
    mine = api.subscribe()
    foreign = genesys.subscriptions.seed("foreign", attributeFilter="")

    events = [{**end("q1"), "eventTime": str(number)} for number in range(25)]
    receivers = genesys.publish_all([*events, end("q2")])

    assert receivers == [[mine["id"], foreign]] * 25 + [[foreign]]
    assert [len(bodies) for *_, bodies in sent] == [25, 26]
    assert [json.loads(body) for body in sent[0][2]] == events


def test_a_pending_subscription_gets_nothing_yet(
    genesys: GenesysCloud, api: Api, clock: Clock
) -> None:
    genesys.subscriptions.activation_seconds = 1
    made = api.subscribe()
    assert genesys.publish(end("q1")) == []
    clock.now += 1
    assert genesys.publish(end("q1")) == [made["id"]]


def test_a_changed_subscription_sends_as_before_until_the_change_is_active(
    genesys: GenesysCloud, api: Api, clock: Clock
) -> None:
    made = api.subscribe()
    genesys.subscriptions.activation_seconds = 1
    api.call("PUT", f"/{made['id']}", json=wanted(attributeFilter="queueId = 'q2'"))

    assert [bool(genesys.publish(end(queue_id))) for queue_id in QUEUES] == [True, False, False]
    clock.now += 1
    assert [bool(genesys.publish(end(queue_id))) for queue_id in QUEUES] == [False, True, False]


def test_an_inactive_or_deleted_subscription_gets_nothing(genesys: GenesysCloud, api: Api) -> None:
    inactive = api.subscribe(status="inactive")
    assert inactive["status"] == "inactive"
    assert genesys.publish(end("q1")) == []

    active = api.subscribe(name="another")
    api.call("DELETE", f"/{active['id']}")
    assert genesys.publish(end("q1")) == []


def test_publish_returns_the_receivers_without_a_sender() -> None:
    with GenesysCloud() as genesys:
        foreign = genesys.subscriptions.seed("foreign", attributeFilter="queueId = 'q1'")
        assert genesys.publish(end("q1")) == [foreign]
