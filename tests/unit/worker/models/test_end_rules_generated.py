"""Hundreds of generated conversations get the expected ends, in any order of their events."""

import itertools
import json
import random
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pytest

from conversations.topics import CUSTOMER_END, TOPIC_PREFIX
from local.traffic.end_rules import QueueEnd
from local.traffic.eventbridge import STORIES, Conversation, partner_conversations
from local.traffic.subscription import OUR_QUEUES
from tests.fakes.aws.dynamodb import FakeDynamoDb
from tests.fakes.partner_worker import RULES, PartnerWorker

FIVE_MINUTES = 300_000
# A conversation with at most this many messages is tried in every order.
MAX_PERMUTED = 3


@pytest.fixture(scope="module")
def conversations() -> list[Conversation]:
    return list(partner_conversations(20_261_123, 500))


def reaches_the_worker(event: Mapping[str, Any]) -> bool:
    """Return whether the event bus's rules send an event to the worker."""
    topic, body = event["detail-type"], event["detail"]["eventBody"]
    return topic == TOPIC_PREFIX + CUSTOMER_END or body.get("queueId") in OUR_QUEUES


def arrivals(
    conversations: Sequence[Conversation], rng: random.Random
) -> Iterator[tuple[str, Conversation, list[str]]]:
    """Yield conversation ids, conversations, and their messages in a random order of arrival.

    A small conversation is yielded once for every order, each with a new id. Some messages are
    repeated.
    """
    for conversation in conversations:
        messages = [json.dumps(event) for event in conversation.events if reaches_the_worker(event)]
        orders: list[Sequence[str]] = [rng.sample(messages, len(messages))]
        if len(messages) <= MAX_PERMUTED:
            orders = [*itertools.permutations(messages)]
        for number, order in enumerate(orders):
            id_ = f"{conversation.id}/{number}"
            renamed = [message.replace(conversation.id, id_) for message in order]
            for message in [message for message in renamed if rng.random() < 0.1]:
                renamed.insert(rng.randrange(len(renamed) + 1), message)
            yield id_, conversation, renamed


def shuffle_together(message_lists: Sequence[Sequence[str]], rng: random.Random) -> list[str]:
    """Merge lists of messages at random; each list keeps its order."""
    positioned: list[tuple[float, str]] = []
    for message_list in message_lists:
        positions = sorted(rng.random() for _ in message_list)
        positioned += zip(positions, message_list, strict=True)
    return [message for _, message in sorted(positioned)]


def split_into_batches(messages: Sequence[str], rng: random.Random) -> Iterator[Sequence[str]]:
    """Split messages into batches of random sizes."""
    start = 0
    while start < len(messages):
        size = rng.randint(1, 300)
        yield messages[start : start + size]
        start += size


def are_same(delivered: Sequence[QueueEnd], expected: Sequence[QueueEnd]) -> bool:
    """Return whether ends are the same, with up to five minutes between their times."""
    return len(delivered) == len(expected) and all(
        end.queue_id == other.queue_id and abs(end.at_ms - other.at_ms) <= FIVE_MINUTES
        for end, other in zip(sorted(delivered), sorted(expected), strict=True)
    )


@pytest.mark.parametrize("rule", RULES)
def test_the_delivered_ends_are_the_expected_ends(
    conversations: list[Conversation], rule: str
) -> None:
    dynamodb = FakeDynamoDb()
    rng = random.Random(rule)
    all_arrivals = [*arrivals(conversations, rng)]
    worker = PartnerWorker(rule, dynamodb=dynamodb, queue_ids=OUR_QUEUES)
    outcomes: Counter[str] = Counter()
    messages = shuffle_together([messages for _, _, messages in all_arrivals], rng)
    for batch in split_into_batches(messages, rng):
        outcomes.update(worker.process(*batch))
    outcomes.update(worker.settle(batch_size=300))

    delivered: defaultdict[str, list[QueueEnd]] = defaultdict(list)
    for conversation_id, queue_id, at_ms in worker.delivered_ends():
        delivered[conversation_id].append(QueueEnd(queue_id, at_ms))
    mismatches = {
        (id_, conversation.story): (delivered[id_], conversation.ends[rule])
        for id_, conversation, _ in all_arrivals
        if not are_same(delivered[id_], conversation.ends[rule])
    }
    assert mismatches == {}
    assert {*delivered} <= {id_ for id_, _, _ in all_arrivals}

    assert dynamodb.refused == []
    expected_outcomes = {"processed", "duplicate", "ignored.noted", "ignored.other_queue"}
    assert {*outcomes} <= expected_outcomes
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
