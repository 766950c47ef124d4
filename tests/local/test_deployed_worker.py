"""The deployed worker, as Genesys Cloud feeds it and as the CRM and the operator see it."""

import json
from collections.abc import Callable

import pytest

from local.genesys import SUBSCRIPTIONS
from local.project import Deployment
from local.traffic import FOREIGN, Event, conversations, malformed_bodies
from tests.local.conftest import World
from tests.polling import wait_until

# One process for all that share the costly fixture.
pytestmark = pytest.mark.xdist_group("deployed stack")

Events = Callable[[int], list[Event]]


def key(event: Event) -> tuple[str, str]:
    return event.conversation_id, event.queue_id


def test_a_deploy_rides_out_a_busy_genesys_cloud_and_makes_one_subscription(
    world: World, deployed: Deployment
) -> None:
    (subscription,) = world.of_stage("dev")

    assert subscription["id"] == deployed.outputs["SubscriptionId"]
    assert subscription["status"] == "active"
    posts = [c for c in world.genesys.calls if (c.method, c.path) == ("POST", SUBSCRIPTIONS)]
    assert [call.status for call in posts] == [429, 429, 503, 201]
    assert posts[1].time - posts[0].time >= 2
    assert posts[2].time - posts[1].time >= 2


def test_ends_of_our_queues_reach_the_action_once_and_others_are_filtered_at_the_source(
    world: World, deployed: Deployment, some_events: Events
) -> None:
    ours = some_events(25)
    foreign = [e for e in conversations(1, 40, FOREIGN[:1]) if e.queue_id in FOREIGN]

    reached = world.genesys.publish_all([event.body for event in (*ours, *foreign)])

    assert reached == [[deployed.outputs["SubscriptionId"]]] * 25 + [[]] * len(foreign)
    wait_until(lambda: {*map(key, ours)} <= world.customers.noted.keys(), "all ends in the CRM")
    assert all(len(world.customers.noted[key(event)]) == 1 for event in ours)
    assert not world.customers.noted.keys() & {*map(key, foreign)}


def test_one_failing_end_is_retried_alone(
    world: World, deployed: Deployment, some_events: Events
) -> None:
    failing, *others = some_events(10)
    world.customers.refusals[failing.conversation_id] = 2

    world.genesys.publish_all([event.body for event in (failing, *others)])

    wait_until(lambda: key(failing) in world.customers.noted, "the failing end in the CRM")
    assert world.customers.refused[key(failing)] == 2
    assert all(len(world.customers.noted[key(event)]) == 1 for event in (failing, *others))
    assert world.customers.refused.keys() & {*map(key, others)} == set()


def test_poison_goes_to_the_dead_letter_queue_with_its_reason_and_its_body_untouched(
    world: World, deployed: Deployment
) -> None:
    poison = {one.body: one.reason for one in malformed_bodies()}
    sqs = world.aws.client("sqs")

    sent = {
        sqs.send_message(QueueUrl=deployed.outputs["QueueUrl"], MessageBody=body)["MessageId"]: body
        for body in poison
    }

    def arrived() -> dict[str, tuple[str, str]]:
        found = world.dead_letters(deployed)
        return {
            message["MessageAttributes"]["source_message_id"]["StringValue"]: (
                message["Body"],
                message["MessageAttributes"]["reason"]["StringValue"],
            )
            for message in found
            if "MessageAttributes" in message
        }

    wait_until(lambda: sent.keys() <= arrived().keys(), "all poison in the dead-letter queue")
    seen = arrived()
    assert {i: seen[i] for i in sent} == {i: (body, poison[body]) for i, body in sent.items()}


def test_an_end_whose_action_always_fails_goes_to_the_dead_letter_queue_after_its_receives(
    world: World, deployed: Deployment, some_events: Events
) -> None:
    (event,) = some_events(1)
    world.customers.refusals[event.conversation_id] = 1_000

    world.genesys.publish(event.body)

    def redriven() -> bool:
        found = [m for m in world.dead_letters(deployed) if event.conversation_id in m["Body"]]
        return bool(found) and "MessageAttributes" not in found[0]

    wait_until(redriven, "the end in the dead-letter queue, without a reason")
    assert world.customers.refused[key(event)] == 4


def test_what_the_filter_would_not_let_through_is_ignored_by_the_worker_too(
    world: World, deployed: Deployment, some_events: Events
) -> None:
    (stray,) = [e for e in conversations(2, 60, FOREIGN[:1]) if e.queue_id in FOREIGN][:1]
    (last,) = some_events(1)
    sqs = world.aws.client("sqs")

    for event in (stray, last):
        sqs.send_message(QueueUrl=deployed.outputs["QueueUrl"], MessageBody=json.dumps(event.body))

    wait_until(lambda: key(last) in world.customers.noted, "the later end in the CRM")
    assert key(stray) not in world.customers.noted
    bodies = [message["Body"] for message in world.dead_letters(deployed)]
    assert json.dumps(stray.body) not in bodies
