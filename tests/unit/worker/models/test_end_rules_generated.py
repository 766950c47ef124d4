"""Thousands of generated conversations get the ends of the reference, in their order of arrival."""

import itertools
import random
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pytest

from conversations.topics import CUSTOMER_END, TOPIC_PREFIX
from local.traffic.end_rules import derive_ends
from local.traffic.eventbridge import STORIES, Conversation, partner_conversations
from local.traffic.recorded_ends import FIVE_MINUTES
from local.traffic.subscription import OUR_QUEUES
from tests.fakes.arrivals import deliver
from tests.fakes.aws.dynamodb import FakeDynamoDb
from tests.fakes.partner_worker import RULES, PartnerWorker

Event = Mapping[str, Any]
# A conversation with at most this many events is tried in every order.
MAX_PERMUTED = 3
# An end can be part of an item that recorded a later end first, which is one end with a third.
SAME_END_MS = 2 * FIVE_MINUTES


@pytest.fixture(scope="module")
def conversations() -> list[Conversation]:
    return list(partner_conversations(20_261_123, 2_000, own_share=0.5))


def reaches_the_worker(event: Event) -> bool:
    """Return whether the event bus's rules send an event to the worker."""
    topic, body = event["detail-type"], event["detail"]["eventBody"]
    return topic == TOPIC_PREFIX + CUSTOMER_END or body.get("queueId") in OUR_QUEUES


def arrivals(
    conversation: Conversation, rng: random.Random
) -> Iterator[tuple[str, list[list[Event]]]]:
    """Yield ids and the conversation's events in batches, in an order of arrival of their own.

    A small conversation has every order. Some events are repeated.
    """
    events = [event for event in conversation.events if reaches_the_worker(event)]
    orders: list[Sequence[Event]] = [rng.sample(events, len(events))]
    if len(events) <= MAX_PERMUTED:
        orders = [*itertools.permutations(events)]
    for number, order in enumerate(orders):
        arrived = [*order]
        for event in [event for event in order if rng.random() < 0.1]:
            arrived.insert(rng.randrange(len(arrived) + 1), event)
        yield f"{conversation.id}/{number}", list(split_into_batches(arrived, rng))


def split_into_batches(events: Sequence[Event], rng: random.Random) -> Iterator[list[Event]]:
    """Split events into batches of random sizes, most of them small."""
    start = 0
    while start < len(events):
        size = rng.choice((1, 1, 1, 2, 5))
        yield [*events[start : start + size]]
        start += size


@pytest.mark.parametrize("rule", RULES)
def test_the_delivered_ends_are_those_of_the_reference(
    conversations: list[Conversation], rule: str
) -> None:
    dynamodb = FakeDynamoDb()
    rng = random.Random(rule)
    batches = {
        id_: order for conversation in conversations for id_, order in arrivals(conversation, rng)
    }
    worker = PartnerWorker(rule, dynamodb=dynamodb, queue_ids=OUR_QUEUES)

    delivered = deliver(worker, batches, rng)

    expected = {id_: derive_ends(rule, order, OUR_QUEUES) for id_, order in batches.items()}
    assert {
        id_: (ends, expected[id_]) for id_, ends in delivered.items() if ends != expected[id_]
    } == {}
    assert dynamodb.refused == []
    end_items = [item for (_, key), item in dynamodb.items.items() if key != "#join"]
    assert len(end_items) == len(worker.batches.acted_ends)
    assert all(item["state"] == {"S": "done"} for item in end_items)


def test_the_generated_conversations_cover_every_story_and_size(
    conversations: list[Conversation],
) -> None:
    assert {conversation.story for conversation in conversations} == {*STORIES}
    sizes = Counter(sum(map(reaches_the_worker, each.events)) for each in conversations)
    assert sizes[1] > 25  # conversations of other queues
    assert all(sizes[size] > 25 for size in range(2, MAX_PERMUTED + 1))
    for rule in RULES:
        ends = Counter(len(each.ends[rule]) for each in conversations)
        assert all(ends[number] > 2 for number in range(3))
    assert any(each.ends["touched"] != each.ends["last_queue"] for each in conversations)
    assert any(each.ends["touched"] != each.ends["queue_leg"] for each in conversations)


@pytest.mark.parametrize("rule", RULES)
def test_no_order_loses_an_end_that_comes_in_order_of_time(
    conversations: list[Conversation], rule: str
) -> None:
    rng = random.Random(rule)
    for conversation in conversations[:500]:
        for _, order in arrivals(conversation, rng):
            ends = derive_ends(rule, order, OUR_QUEUES)
            for end in conversation.ends[rule]:
                assert any(
                    one.queue_id == end.queue_id and abs(one.at_ms - end.at_ms) <= SAME_END_MS
                    for one in ends
                ), (conversation.story, end, ends)
