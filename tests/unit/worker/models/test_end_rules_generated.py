"""Hundreds of made-up conversations end as their whole histories say, whatever the order."""

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
# Of so many events that reach the worker, every order is tried.
SMALL = 3


@pytest.fixture(scope="module")
def conversations() -> list[Conversation]:
    return list(partner_conversations(20_261_123, 500))


def reaches_the_worker(event: Mapping[str, Any]) -> bool:
    """Return whether the rules of the event bus pass an event on."""
    topic, body = event["detail-type"], event["detail"]["eventBody"]
    return topic == TOPIC_PREFIX + CUSTOMER_END or body.get("queueId") in OUR_QUEUES


def arrivals(
    conversations: Sequence[Conversation], chance: random.Random
) -> Iterator[tuple[str, Conversation, list[str]]]:
    """Yield id, conversation and messages in order of arrival; a small one in every order.

    Every order has a conversation id of its own, and some messages come twice.
    """
    for one in conversations:
        messages = [json.dumps(event) for event in one.events if reaches_the_worker(event)]
        orders: list[Sequence[str]] = [chance.sample(messages, len(messages))]
        if len(messages) <= SMALL:
            orders = [*itertools.permutations(messages)]
        for number, order in enumerate(orders):
            id_ = f"{one.id}/{number}"
            renamed = [message.replace(one.id, id_) for message in order]
            for message in [message for message in renamed if chance.random() < 0.1]:
                renamed.insert(chance.randrange(len(renamed) + 1), message)
            yield id_, one, renamed


def mingled(sequences: Sequence[Sequence[str]], chance: random.Random) -> list[str]:
    """Return the messages of all sequences in one, each sequence in its own order."""
    placed: list[tuple[float, str]] = []
    for sequence in sequences:
        places = sorted(chance.random() for _ in sequence)
        placed += zip(places, sequence, strict=True)
    return [message for _, message in sorted(placed)]


def batches(messages: Sequence[str], chance: random.Random) -> Iterator[Sequence[str]]:
    """Cut messages into batches anywhere."""
    start = 0
    while start < len(messages):
        size = chance.randint(1, 300)
        yield messages[start : start + size]
        start += size


def agree(fired: Sequence[QueueEnd], said: Sequence[QueueEnd]) -> bool:
    """Return whether ends are the same: of ends within five minutes the first to arrive dates."""
    return len(fired) == len(said) and all(
        one.queue_id == other.queue_id and abs(one.at_ms - other.at_ms) <= FIVE_MINUTES
        for one, other in zip(sorted(fired), sorted(said), strict=True)
    )


@pytest.mark.parametrize("rule", RULES)
def test_the_delivered_ends_are_those_of_the_reference(
    conversations: list[Conversation], rule: str
) -> None:
    dynamodb = FakeDynamoDb()
    chance = random.Random(rule)
    arriving = [*arrivals(conversations, chance)]
    worker = PartnerWorker(rule, dynamodb=dynamodb, queue_ids=OUR_QUEUES)
    outcomes: Counter[str] = Counter()
    messages = mingled([messages for _, _, messages in arriving], chance)
    for batch in batches(messages, chance):
        outcomes.update(worker.process(*batch))
    outcomes.update(worker.settle(batch_size=300))

    fired: defaultdict[str, list[QueueEnd]] = defaultdict(list)
    for conversation_id, queue_id, at_ms in worker.delivered_ends():
        fired[conversation_id].append(QueueEnd(queue_id, at_ms))
    wrong = {
        (id_, one.story): (fired[id_], one.ends[rule])
        for id_, one, _ in arriving
        if not agree(fired[id_], one.ends[rule])
    }
    assert wrong == {}
    assert {*fired} <= {id_ for id_, _, _ in arriving}

    assert dynamodb.refused == []
    known_words = {"processed", "duplicate", "ignored.noted", "ignored.other_queue"}
    assert {*outcomes} <= known_words
    done = [item for (_, key), item in dynamodb.items.items() if key != "#join"]
    assert len(done) == len(worker.batches.acted_ends)
    assert all(item["state"] == {"S": "done"} for item in done)


def test_the_generated_conversations_cover_every_story_and_size(
    conversations: list[Conversation],
) -> None:
    assert {one.story for one in conversations} == {*STORIES}
    sizes = Counter(sum(map(reaches_the_worker, one.events)) for one in conversations)
    assert sizes[1] > 25  # foreign ones
    assert all(sizes[size] > 25 for size in range(2, SMALL + 1))
    for rule in RULES:
        ends = Counter(len(one.ends[rule]) for one in conversations)
        assert all(ends[number] > 2 for number in range(3))
    assert any(one.ends["touched"] != one.ends["last_queue"] for one in conversations)
    assert any(one.ends["touched"] != one.ends["queue_leg"] for one in conversations)
