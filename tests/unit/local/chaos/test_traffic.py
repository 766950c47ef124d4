"""The traffic of a chaos run: its events, its ends and its steps."""

import random
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from backfill.expected_ends import CONVERSATION, find_expected_ends
from details.models import parse_conversation
from local.chaos.plan import Gap, Plan, full_plan, short_plan
from local.chaos.source.deliveries import DELIVERIES
from local.chaos.source.steps import GapStep, Publication, event_key, scheduled_steps
from local.chaos.source.traffic import RULE, Traffic, partner_traffic, subscription_traffic
from local.traffic.end_rules import derive_ends
from local.traffic.subscription import OUR_QUEUES

NOW = datetime(2026, 11, 28, tzinfo=UTC)
GAPS = (Gap("deleted", 3.0, 3.5), Gap("disabled", 4.0, 4.5))
PLANS = {name: replace(short_plan(1, delivery=name), gaps=GAPS, dropped=0.1) for name in DELIVERIES}
TRAFFIC = {
    "subscription": subscription_traffic(PLANS["subscription"], NOW),
    "eventbridge": partner_traffic(PLANS["eventbridge"], NOW),
}


def steps(name: str) -> list[Publication | GapStep]:
    return scheduled_steps(PLANS[name], random.Random(1), TRAFFIC[name])


def is_lost(plan: Plan, step: Publication) -> bool:
    return step.is_dropped or plan.is_in_gap(step.at)


@pytest.mark.parametrize("name", DELIVERIES)
def test_every_event_of_the_chaos_traffic_has_a_key_of_its_own(name: str) -> None:
    keys = Counter(event_key(event.body) for event in TRAFFIC[name].events)

    assert set(keys.values()) == {1}
    assert 0.9 * PLANS[name].events < keys.total() <= PLANS[name].events


@pytest.mark.parametrize("name", DELIVERIES)
def test_re_opened_conversations_end_again_in_the_same_queue(name: str) -> None:
    again = {end for end in TRAFFIC[name].ends if "#" in end[1]}

    assert again
    assert {(one, queue.partition("#")[0]) for one, queue in again} < TRAFFIC[name].ends


def test_a_re_opened_subscription_conversation_ends_hours_later_by_its_own_times() -> None:
    times: defaultdict[tuple[str, str], list[datetime]] = defaultdict(list)
    for event in TRAFFIC["subscription"].events:
        attributes = event.body["attributes"]
        ended_at = datetime.fromisoformat(event.body["eventTime"])
        times[attributes["conversationId"], attributes["queueId"]].append(ended_at)
    hours = {(max(ends) - min(ends)).total_seconds() / 3600 for ends in times.values()}

    assert hours == {0, 2}


def test_every_end_of_the_chaos_traffic_lies_in_the_past() -> None:
    def time_of(event: Mapping[str, Any]) -> float:
        if "eventTime" in event:
            return datetime.fromisoformat(event["eventTime"]).timestamp()
        return float(event["detail"]["eventBody"]["eventTime"]) / 1000

    for traffic in TRAFFIC.values():
        assert max(time_of(event.body) for event in traffic.events) < NOW.timestamp() - 3600


@pytest.mark.parametrize("name", DELIVERIES)
def test_repeats_reach_the_queue_and_events_that_must_not_be_lost_are_published(name: str) -> None:
    plan, traffic = PLANS[name], TRAFFIC[name]
    published: defaultdict[str, list[bool]] = defaultdict(list)
    for step in steps(name):
        if isinstance(step, Publication) and step.event:
            published[event_key(step.event)].append(is_lost(plan, step))

    assert published.keys() == {event_key(event.body) for event in traffic.events}
    assert Counter(map(len, published.values())).keys() == {1, 2}
    kept = [event for event in traffic.events if not event.may_be_lost]
    assert kept
    assert all(not all(published[event_key(event.body)]) for event in kept)
    lost = [event for event in traffic.events if all(published[event_key(event.body)])]
    assert len(lost) > 0.05 * len(traffic.events)


def test_a_lost_event_makes_no_end_that_the_conversation_does_not_have() -> None:
    traffic: Traffic = TRAFFIC["eventbridge"]
    events: defaultdict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for event in traffic.events:
        if event.may_be_lost:
            events[event.conversation_id].append(event.body)
    for conversation_id, all_events in events.items():
        for lost in all_events:
            rest = [[event] for event in all_events if event is not lost]
            ends = derive_ends(RULE, rest, OUR_QUEUES)
            assert {(conversation_id, end.queue_id) for end in ends} <= traffic.ends


def test_a_gap_begins_and_ends_at_its_times_and_the_same_seed_makes_the_same_steps() -> None:
    taken = [step for step in steps("subscription") if isinstance(step, GapStep)]

    assert [(step.at, step.gap.kind, step.begins) for step in taken] == [
        (3.0, "deleted", True),
        (3.5, "deleted", False),
        (4.0, "disabled", True),
        (4.5, "disabled", False),
    ]
    assert steps("subscription") == steps("subscription")


@pytest.mark.parametrize(("seed", "events"), [(1, 5000), (3, 777)])
def test_analytics_have_no_end_that_is_not_published(seed: int, events: int) -> None:
    traffic = subscription_traffic(full_plan(seed, events))
    published = {(conversation_id, key.partition("#")[0]) for conversation_id, key in traffic.ends}
    expected = {
        (conversation_id, end.queue_id)
        for conversation_id in {event.conversation_id for event in traffic.events}
        if (conversation := parse_conversation(traffic.analytics_of(conversation_id)))
        for end in find_expected_ends(conversation, CONVERSATION, OUR_QUEUES)
    }
    assert len(traffic.events) == events
    assert expected == published


@pytest.mark.parametrize("name", DELIVERIES)
def test_the_chaos_traffic_starts_before_its_first_end(name: str) -> None:
    traffic = TRAFFIC[name]
    ids = {event.conversation_id for event in traffic.events}
    over_at = min(str(traffic.analytics_of(each)["conversationEnd"]) for each in ids)

    assert datetime.fromisoformat(over_at) > traffic.start
