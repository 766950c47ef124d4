"""The deployed worker, as Genesys Cloud feeds it and as the CRM and the operator see it."""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest
from botocore.exceptions import ClientError

from local.aws.project import Deployment
from local.genesys.sqs import ACCOUNT
from local.http.messages import Answer
from local.receivers.bus import BusRecorder, record_bus
from local.traffic.subscription import FOREIGN_QUEUES, Event, conversations, malformed_bodies
from tests.local.stack.world import World
from tests.polling import wait_until

# One process for all that share the costly fixture.
pytestmark = pytest.mark.xdist_group("deployed stack")

Events = Callable[[int], list[Event]]


def key(event: Event) -> tuple[str, str]:
    return event.conversation_id, event.queue_id


@pytest.fixture(scope="module")
def bus(world: World, deployed: Deployment) -> Iterator[BusRecorder]:
    with record_bus(world.aws, deployed.outputs["EndsBusName"]) as bus:
        yield bus


def arrivals(world: World, bus: BusRecorder, events: Sequence[Event]) -> dict[str, list[int]]:
    """Return for each destination how often each of the events arrived there."""
    bus.collect()
    noted = {
        "actions": world.customers.arrivals,
        "bus": bus.arrivals,
        "webhook": world.webhook.arrivals,
    }
    return {
        name: [len(ends.get(key(event), ())) for event in events] for name, ends in noted.items()
    }


def once(events: Sequence[Event]) -> dict[str, list[int]]:
    return dict.fromkeys(("actions", "bus", "webhook"), [1] * len(events))


def waiting(world: World, deployment: Deployment) -> int:
    """Return how many messages are in the intake queue, visible or not."""
    kinds = [f"ApproximateNumberOfMessages{kind}" for kind in ("", "NotVisible", "Delayed")]
    answer = world.aws.client("sqs").get_queue_attributes(
        QueueUrl=deployment.outputs["QueueUrl"], AttributeNames=kinds
    )
    return sum(int(count) for count in answer["Attributes"].values())


def test_a_deploy_rides_out_a_busy_genesys_cloud_and_makes_one_subscription(
    world: World, deployed: Deployment
) -> None:
    (subscription,) = world.of_stage("dev")

    assert subscription["id"] == deployed.outputs["SubscriptionId"]
    assert subscription["status"] == "active"
    posts = [call for call in world.genesys.calls if call.operation == "create"]
    assert [call.status for call in posts] == [429, 429, 503, 201]
    assert posts[1].time - posts[0].time >= 2
    assert posts[2].time - posts[1].time >= 2


def test_ends_of_our_queues_reach_the_action_once_and_others_are_filtered_at_the_source(
    world: World, deployed: Deployment, some_events: Events
) -> None:
    ours = some_events(25)
    foreign = [e for e in conversations(1, 40, FOREIGN_QUEUES[:1]) if e.queue_id in FOREIGN_QUEUES]

    reached = world.genesys.publish_all([event.body for event in (*ours, *foreign)])

    assert reached == [[deployed.outputs["SubscriptionId"]]] * 25 + [[]] * len(foreign)
    wait_until(lambda: {*map(key, ours)} <= world.customers.arrivals.keys(), "all ends in the CRM")
    assert all(len(world.customers.arrivals[key(event)]) == 1 for event in ours)
    assert not world.customers.arrivals.keys() & {*map(key, foreign)}


def test_one_failing_end_is_retried_alone(
    world: World, deployed: Deployment, some_events: Events
) -> None:
    failing, *others = some_events(10)
    world.customers.refusals[failing.conversation_id] = 2

    world.genesys.publish_all([event.body for event in (failing, *others)])

    wait_until(lambda: key(failing) in world.customers.arrivals, "the failing end in the CRM")
    assert world.customers.refused[key(failing)] == 2
    assert all(len(world.customers.arrivals[key(event)]) == 1 for event in (failing, *others))
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
    errors = world.counted("Errors", "Worker")

    world.genesys.publish(event.body)

    def redriven() -> bool:
        found = [m for m in world.dead_letters(deployed) if event.conversation_id in m["Body"]]
        return bool(found) and "MessageAttributes" not in found[0]

    wait_until(redriven, "the end in the dead-letter queue, without a reason")
    # A worker that times out, as on a machine that is suspended meanwhile, costs a receive too.
    lost = world.counted("Errors", "Worker") - errors
    assert 4 - lost <= world.customers.refused[key(event)] <= 4


def test_an_end_of_a_foreign_queue_is_ignored_by_the_worker(
    world: World, deployed: Deployment, some_events: Events
) -> None:
    (stray,) = [
        e for e in conversations(2, 60, FOREIGN_QUEUES[:1]) if e.queue_id in FOREIGN_QUEUES
    ][:1]
    (last,) = some_events(1)
    sqs = world.aws.client("sqs")

    for event in (stray, last):
        sqs.send_message(QueueUrl=deployed.outputs["QueueUrl"], MessageBody=json.dumps(event.body))

    wait_until(lambda: key(last) in world.customers.arrivals, "the later end in the CRM")
    assert key(stray) not in world.customers.arrivals
    bodies = [message["Body"] for message in world.dead_letters(deployed)]
    assert json.dumps(stray.body) not in bodies


def test_an_end_arrives_at_each_destination_and_is_done(
    world: World, deployed: Deployment, bus: BusRecorder, some_events: Events
) -> None:
    events = some_events(12)

    world.genesys.publish_all([event.body for event in events])

    wait_until(lambda: arrivals(world, bus, events) == once(events), "all ends at all destinations")
    done = ("done", set(world.settings()["destinations"]))
    wait_until(
        lambda: all(world.ledger(deployed).get(key(event)) == done for event in events),
        "all ends done in the ledger",
    )
    assert world.webhook.forged == 0
    sent = {detail["conversation_id"]: detail for detail in bus.details}
    assert all(sent[event.conversation_id]["raw"] == event.body for event in events)


def test_the_same_event_fifty_times_at_once_is_one_delivery_to_each_destination(
    world: World, deployed: Deployment, bus: BusRecorder, some_events: Events
) -> None:
    events = some_events(4)
    sqs, url = world.aws.client("sqs"), deployed.outputs["QueueUrl"]

    def send_ten(event: Event) -> None:
        entries = [{"Id": str(n), "MessageBody": json.dumps(event.body)} for n in range(10)]
        assert not sqs.send_message_batch(QueueUrl=url, Entries=entries).get("Failed")

    with ThreadPoolExecutor(len(events)) as pool:
        list(pool.map(send_ten, events * 5))

    wait_until(lambda: waiting(world, deployed) == 0, "every message done with")
    assert arrivals(world, bus, events) == once(events)
    dead = [message["Body"] for message in world.dead_letters(deployed)]
    assert not {json.dumps(event.body) for event in events} & set(dead)


def test_an_event_that_comes_again_later_is_a_duplicate(
    world: World, deployed: Deployment, bus: BusRecorder, some_events: Events
) -> None:
    *events, last = some_events(6)
    world.genesys.publish_all([event.body for event in events])
    wait_until(lambda: arrivals(world, bus, events) == once(events), "all ends at all destinations")
    wait_until(lambda: waiting(world, deployed) == 0, "every message done with")

    world.genesys.publish_all([event.body for event in (*events, last)])

    wait_until(lambda: arrivals(world, bus, [last]) == once([last]), "the new end everywhere")
    wait_until(lambda: waiting(world, deployed) == 0, "every message done with")
    assert arrivals(world, bus, events) == once(events)


def test_only_the_destination_that_failed_is_tried_again(
    world: World, deployed: Deployment, bus: BusRecorder, some_events: Events
) -> None:
    (event,) = some_events(1)
    world.webhook.refusals[event.conversation_id] = 2

    world.genesys.publish(event.body)

    wait_until(lambda: key(event) in world.webhook.arrivals, "the end at the webhook")
    assert world.webhook.refused[key(event)] == 2
    wait_until(lambda: arrivals(world, bus, [event]) == once([event]), "the end everywhere, once")


def test_an_end_that_a_webhook_refuses_for_good_can_be_redriven(
    world: World, deployed: Deployment, bus: BusRecorder, some_events: Events
) -> None:
    gone, other = some_events(2)
    body = json.dumps(gone.body, separators=(",", ":"))
    world.webhook.server.intercept = lambda request: (
        Answer(410) if gone.conversation_id.encode() in request.body else None
    )

    world.genesys.publish_all([gone.body, other.body])

    def refused() -> Counter[str]:
        found = [m for m in world.dead_letters(deployed) if m["Body"] == body]
        attributes = [message.get("MessageAttributes", {}) for message in found]
        return Counter(each.get("reason", {}).get("StringValue", "none") for each in attributes)

    wait_until(lambda: refused() == {"destination_refused": 1}, "the refused end, with its reason")
    wait_until(lambda: arrivals(world, bus, [other]) == once([other]), "the other end everywhere")

    world.webhook.server.intercept = lambda request: None
    world.aws.client("sqs").send_message(QueueUrl=deployed.outputs["QueueUrl"], MessageBody=body)

    wait_until(lambda: arrivals(world, bus, [gone]) == once([gone]), "the end everywhere, once")


def test_genesys_cloud_alone_may_send_and_it_may_do_nothing_else(
    world: World, deployed: Deployment
) -> None:
    url = deployed.outputs["QueueUrl"]
    with pytest.raises(ClientError, match="AccessDenied"):
        world.aws.client("sqs", account="444455556666").send_message(QueueUrl=url, MessageBody="{}")
    with pytest.raises(ClientError, match="AccessDenied"):
        world.aws.client("sqs", account=ACCOUNT).receive_message(QueueUrl=url)
