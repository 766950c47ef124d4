"""Stacks deployed with `details = "analytics"`: one for each delivery, in the same org."""

import json
import time
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from local.aws.project import Deployment
from local.genesys.limits import MINUTE, PER_MINUTE
from local.receivers.bus import BusRecorder, record_bus
from local.traffic.analytics import analytics_of
from local.traffic.both_ways import subscription_events_of
from local.traffic.eventbridge import Conversation, partner_conversations
from local.traffic.subscription import QUEUES
from tests.local.stack.world import World, running_world
from tests.polling import wait_until

# One process for all that share the costly fixture.
pytestmark = pytest.mark.xdist_group("details")

STORIES = ("answered", "abandoned", "transferred", "e-mail", "callback")
STAGES = {"dev": "subscription", "bridge": "eventbridge"}
"""The delivery of each stack, keyed by stage."""
ENDS_A_SECOND, SECONDS, WORKERS = 20, 20, 10


@pytest.fixture(scope="module")
def detailed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """An org whose analytics lag behind, and AWS, where IAM and queue policies are enforced."""
    with running_world(
        tmp_path_factory.mktemp("detailed"),
        enforce_iam=True,
        destinations=["bus"],
        details="analytics",
        details_wait_seconds=2,
        # So that a request that fails on a busy machine costs no end its details.
        details_attempts=5,
        max_concurrency=WORKERS,
        worker_timeout_seconds=30,
    ) as world:
        world.genesys.rate_limit = PER_MINUTE
        yield world


@pytest.fixture(scope="module")
def stacks(detailed: World) -> dict[str, Deployment]:
    """The stacks, keyed by stage."""
    return {
        stage: detailed.project.deploy(stage, **detailed.settings(delivery=delivery))
        for stage, delivery in STAGES.items()
    }


@pytest.fixture(scope="module")
def buses(detailed: World, stacks: dict[str, Deployment]) -> Iterator[dict[str, BusRecorder]]:
    """The recorded buses of the stacks, keyed by stage."""
    with ExitStack() as cleanup:
        yield {
            stage: cleanup.enter_context(
                record_bus(detailed.aws, deployment.outputs["EndsBusName"])
            )
            for stage, deployment in stacks.items()
        }


def make_conversations(seed: int, count: int, *stories: str) -> list[Conversation]:
    return list(partner_conversations(seed, count, own_share=1, stories=stories))


def wait_for_ends(bus: BusRecorder, count: int) -> None:
    def have_arrived() -> bool:
        bus.collect()
        return len(bus.arrivals) >= count

    wait_until(have_arrived, f"{count} ends on the bus")


@pytest.mark.parametrize("story", STORIES)
def test_an_end_that_is_sent_both_ways_arrives_as_the_same_end(
    detailed: World, buses: dict[str, BusRecorder], story: str
) -> None:
    (conversation,) = make_conversations(STORIES.index(story), 1, story)
    ends = conversation.ends["touched"]
    detailed.genesys.analytics.lag_seconds = 1
    detailed.genesys.analytics.add(analytics_of(conversation.events, QUEUES))
    detailed.genesys.publish_all(event.body for event in subscription_events_of(conversation, ends))
    # Workers run side by side: an event after the end, if it overtook, could give another end time.
    ended_at_ms = max(end.at_ms for end in ends)
    detailed.genesys.publish_partner_events(
        [
            event
            for event in conversation.events
            if event["detail"]["eventBody"]["eventTime"] <= ended_at_ms
        ]
    )

    def ends_on(stage: str) -> dict[str, dict[str, Any]]:
        buses[stage].collect()
        found = [e for e in buses[stage].details if e["conversation_id"] == conversation.id]
        assert len({end["end_id"] for end in found}) == len(found)
        return {end["queue_id"]: end for end in found}

    wait_until(lambda: all(len(ends_on(stage)) == len(ends) for stage in STAGES), "the ends")
    by_subscription, by_eventbridge = ends_on("dev"), ends_on("bridge")
    assert by_subscription.keys() == by_eventbridge.keys() == {end.queue_id for end in ends}
    for queue_id, end in by_subscription.items():
        other = by_eventbridge[queue_id]
        assert (end.pop("source"), other.pop("source")) == ("subscription", "eventbridge")
        assert end.pop("raw") != other.pop("raw")
        assert end == other
        assert end["details"] == "complete"
        assert end["queue_name"] == QUEUES[queue_id]
        # The stand-in's analytics and events have names and addresses, too.
        assert "name" not in {key for one in end["participants"] for key in one}
        assert "@" not in json.dumps(end)
        assert "tel:" not in json.dumps(end)


def test_at_20_ends_a_second_10_workers_stay_below_300_requests_a_minute(
    detailed: World, buses: dict[str, BusRecorder]
) -> None:
    conversations = make_conversations(99, ENDS_A_SECOND * SECONDS, "answered")
    detailed.genesys.analytics.lag_seconds = 0
    earlier = {end["end_id"] for end in buses["dev"].details}
    began = time.monotonic()
    for number, conversation in enumerate(conversations):
        detailed.genesys.analytics.add(analytics_of(conversation.events, QUEUES))
        detailed.genesys.publish_all(
            event.body
            for event in subscription_events_of(conversation, conversation.ends["touched"])
        )
        # Keep the pace; after a pause of the machine, go on at once.
        time.sleep(max(0.0, began + (number + 1) / ENDS_A_SECOND - time.monotonic()))
    ids = {one.id for one in conversations}

    def arrived() -> list[dict[str, Any]]:
        buses["dev"].collect()
        return [end for end in buses["dev"].details if end["conversation_id"] in ids]

    wait_until(lambda: len(arrived()) == len(ids), "all ends")
    assert len({end["end_id"] for end in arrived()} - earlier) == len(ids)
    # Workers wait for request slots, and their batches grow meanwhile. So hardly an end gets none.
    complete = [end for end in arrived() if end["details"] == "complete"]
    assert len(complete) > 0.9 * len(ids)
    calls = [call for call in detailed.genesys.calls if call.operation == "details"]
    assert 429 not in {call.status for call in calls}
    for first in calls:
        in_a_minute = [c for c in calls if first.time <= c.time < first.time + MINUTE]
        assert len(in_a_minute) <= PER_MINUTE
