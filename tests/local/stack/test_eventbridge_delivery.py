"""The stack deployed with `delivery = "eventbridge"`, in an org that has nothing else."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from conversations.topics import QUEUE_TOPICS, TOPIC_PREFIX
from local.aws.project import Deployment
from local.demo.counts import logged_outcomes
from local.demo.report import PartnerRunReport
from local.genesys.entities import Entity
from local.genesys.problems import problem, too_many_requests
from local.receivers.bus import BusRecorder, record_bus
from local.runs.queues import count_messages
from local.traffic.eventbridge import Conversation, partner_conversations, shuffled
from local.traffic.subscription import OUR_QUEUES
from tests.local.stack.world import World, running_world
from tests.polling import wait_until

# One process for all that share the costly fixture.
pytestmark = pytest.mark.xdist_group("eventbridge")

End = tuple[str, str]


@pytest.fixture(scope="module")
def bridged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """An org without event subscriptions, and AWS, where IAM and queue policies are enforced."""
    folder = tmp_path_factory.mktemp("bridged")
    with running_world(folder, enforce_iam=True, delivery="eventbridge") as world:
        world.genesys.has_subscription_api = False
        world.genesys.integrations.seed("somebody-else")
        yield world


def integrations(bridged: World, stage: str) -> list[Entity]:
    """Return Genesys Cloud's integrations of a stage."""
    return bridged.genesys.integrations.find_by_name(f"queue-ends-{stage}")


def buses(bridged: World) -> set[str]:
    """Return the names of the partner event buses."""
    found = bridged.aws.client("events").list_event_buses()["EventBuses"]
    return {bus["Name"] for bus in found if bus["Name"].startswith("aws.partner/")}


def publish(bridged: World, events: Sequence[dict[str, Any]]) -> list[list[str]]:
    """Have events published a burst at a time; return the rules that each one matched."""
    bursts = [events[start : start + 200] for start in range(0, len(events), 200)]
    return [rules for burst in bursts for rules in bridged.genesys.publish_partner_events(burst)]


@pytest.fixture(scope="module")
def stack(bridged: World) -> Deployment:
    """The stack of stage dev, deployed while Genesys Cloud was busy and others were at it."""
    bridged.genesys.instead("create", too_many_requests(1))
    bridged.genesys.instead("configure", problem(409, "Conflict."))
    return bridged.project.deploy("dev", **bridged.settings())


@pytest.fixture(scope="module")
def bus(bridged: World, stack: Deployment) -> Iterator[BusRecorder]:
    with record_bus(bridged.aws, stack.outputs["EndsBusName"]) as bus:
        yield bus


@dataclass(frozen=True)
class Published:
    """Conversations, their events as they were published, and the rules that each one matched."""

    told: list[Conversation]
    events: list[dict[str, Any]]
    matched: list[list[str]]


@pytest.fixture(scope="module")
def published(bridged: World, stack: Deployment, bus: BusRecorder) -> Published:
    """Conversations whose events come in any order, some of them twice."""
    told = list(partner_conversations(41, 35, own_share=0.5, any_order=True))
    events = shuffled(told, 41)
    return Published(told, events, publish(bridged, events))


def ends_of(told: Sequence[Conversation], rule: str) -> Counter[End]:
    """Return how often each conversation ends in each queue by an end rule."""
    return Counter((one.id, end.queue_id) for one in told for end in one.ends[rule])


def end_ids(bridged: World, bus: BusRecorder) -> dict[str, Mapping[End, Counter[str]]]:
    """Return how often each `end_id` arrived, keyed by destination, then by end."""
    bus.collect()
    return {
        "actions": bridged.customers.end_ids,
        "bus": bus.end_ids,
        "webhook": bridged.webhook.end_ids,
    }


def test_a_deploy_makes_one_integration_that_sends_the_topics_of_the_end_rule(
    bridged: World, stack: Deployment
) -> None:
    (integration,) = integrations(bridged, "dev")

    assert integration["id"] == stack.outputs["SubscriptionId"]
    assert integration["reportedState"]["code"] == "ACTIVE"
    properties = {**integration["config"]["current"]["properties"]}
    assert set(properties.pop("eventFilter")) == {
        TOPIC_PREFIX + topic for topic in (*QUEUE_TOPICS, "customer.end")
    }
    assert properties == {
        "awsAccountId": bridged.aws.account,
        "awsAccountRegion": bridged.aws.region,
        "eventSourceSuffix": "QueueEnds-dev",
    }
    assert buses(bridged) == {bridged.genesys.event_source("QueueEnds-dev")}


def test_only_events_of_our_queues_and_customer_ends_reach_the_intake_queue(
    published: Published,
) -> None:
    for event, rules in zip(published.events, published.matched, strict=True):
        topic, body = event["detail-type"].removeprefix(TOPIC_PREFIX), event["detail"]["eventBody"]
        in_our_queue = topic in QUEUE_TOPICS and body.get("queueId") in OUR_QUEUES
        assert bool(rules) == (in_our_queue or topic == "customer.end"), event


def test_creates_that_fail_say_why_and_leave_no_integration(
    bridged: World, published: Published
) -> None:
    def calls(operation: str, status: int) -> int:
        return sum((c.operation, c.status) == (operation, status) for c in bridged.genesys.calls)

    made = calls("create", 200)
    bridged.genesys.instead("switch", problem(403, "Forbidden."))
    bridged.create("refused")
    wait_until(lambda: calls("switch", 403), "the integration not to be enabled")
    bridged.genesys.integrations.error = "The AWS account cannot be reached."
    bridged.create("broken")

    def rolled_back() -> bool:
        return {bridged.stack(at)[0] for at in ("refused", "broken")} == {"ROLLBACK_COMPLETE"}

    wait_until(rolled_back, "both to be rolled back")
    bridged.genesys.integrations.error = ""
    assert "integrations:integration:edit" in bridged.stack("refused")[1][0]
    assert "The AWS account cannot be reached." in bridged.stack("broken")[1][0]
    assert calls("create", 200) == made + 2
    held = [one["name"] for one in bridged.genesys.integrations.values()]
    assert sorted(held) == ["queue-ends-dev", "somebody-else"]
    assert buses(bridged) == {bridged.genesys.event_source("QueueEnds-dev")}


def test_in_any_order_and_some_twice_every_event_is_accounted_for_and_every_end_arrives_once(
    bridged: World, stack: Deployment, bus: BusRecorder, published: Published
) -> None:
    ends = ends_of(published.told, "touched")
    report = PartnerRunReport(
        published=len(published.events),
        filtered=sum(not rules for rules in published.matched),
        expected=Counter(
            {
                "ended": ends.total(),
                "conversations": sum(bool(one.ends["touched"]) for one in published.told),
            }
        ),
    )

    def balances() -> bool:
        report.left_in_queue = count_messages(bridged.aws, stack.outputs["QueueUrl"])
        if report.left_in_queue:  # the rest takes time that the worker could use
            return False
        report.logged = logged_outcomes(bridged.aws, stack.outputs["WorkerFunctionName"])
        report.dead_letters = Counter(len(bridged.dead_letters(stack)) * ["dead"])
        noted = end_ids(bridged, bus)
        report.arrived = {
            place: [n for end in ends for n in of_place.get(end, Counter()).values()]
            for place, of_place in noted.items()
        }
        report.unexpected = Counter(
            {place: len(of_place.keys() - ends.keys()) for place, of_place in noted.items()}
        )
        report.forged = bridged.webhook.forged
        return all(report.checks().values())

    wait_until(balances, "the account to balance")
    assert report.logged["ignored"] == report.logged["ignored.noted"]
    in_actions, *elsewhere = end_ids(bridged, bus).values()
    assert elsewhere == [in_actions, in_actions]
    assert len({id_ for ids in in_actions.values() for id_ in ids}) == ends.total()


def test_another_end_rule_and_other_queues_are_changed_in_place(
    bridged: World, stack: Deployment, bus: BusRecorder
) -> None:
    (before,) = integrations(bridged, "dev")

    changed = bridged.project.deploy(
        "dev", **bridged.settings(end_rule="queue_leg", queue_ids=OUR_QUEUES[:1])
    )

    (after,) = integrations(bridged, "dev")
    assert changed.outputs["SubscriptionId"] == after["id"] == before["id"]
    assert set(after["config"]["current"]["properties"]["eventFilter"]) == {
        f"{TOPIC_PREFIX}acd.end",
        f"{TOPIC_PREFIX}user.end",
    }
    told = list(partner_conversations(42, 25, OUR_QUEUES[:1], own_share=0.5, any_order=True))
    ends, known = ends_of(told, "queue_leg"), {one.id for one in told}
    publish(bridged, shuffled(told, 42))

    def arrived() -> bool:
        return all(
            Counter({end: ids.total() for end, ids in of_place.items() if end[0] in known}) == ends
            for of_place in end_ids(bridged, bus).values()
        )

    wait_until(
        lambda: count_messages(bridged.aws, stack.outputs["QueueUrl"]) == 0, "an empty queue"
    )
    wait_until(arrived, "the ends by the new rule, each once at each destination")


def test_destroy_removes_our_integration_and_no_other(bridged: World, stack: Deployment) -> None:
    assert integrations(bridged, "dev")

    bridged.aws.client("cloudformation").delete_stack(StackName="QueueEnds-dev")

    wait_until(lambda: integrations(bridged, "dev") == [], "its removal")
    wait_until(lambda: buses(bridged) == set(), "the removal of its bus")
    left = list(bridged.genesys.integrations.values())
    assert [one["name"] for one in left] == ["somebody-else"]
    assert [one["reportedState"]["code"] for one in left] == ["ACTIVE"]
