"""Each end rule completes the same ends, whatever the order, repetition and batches of events."""

import itertools
import json
import random
from collections.abc import Iterator, Sequence

import pytest

from local.traffic.end_rules import derive_ends
from tests.bodies import OTHER_QUEUE, QUEUE
from tests.fakes.batches import SECOND_QUEUE
from tests.fakes.partner_worker import RULES, PartnerWorker
from tests.partner_events import ENDED_MS, event

A, B, FOREIGN = QUEUE, SECOND_QUEUE, OTHER_QUEUE
MINUTE, HOUR = 60, 3600


def agent_leaves(
    queue_id: str | None, after: float, disconnect_type: str = "PEER", interacting_ms: int = 9000
) -> str:
    return event(
        "user.end",
        queue_id,
        after=after,
        disconnectType=disconnect_type,
        interactingDurationMs=interacting_ms,
    )


def customer_leaves(after: float = 0, disconnect_type: str = "ENDPOINT") -> str:
    return event("customer.end", after=after, disconnectType=disconnect_type)


Ends = list[tuple[str, float]]
"""The queue ids and times of ends, in seconds after `ENDED_MS`."""
# Each conversation has its events, and its ends under `touched`, `last_queue` and `queue_leg`.
CONVERSATIONS: dict[str, tuple[list[str], Ends, Ends, Ends]] = {
    "answered": (
        [
            event("acd.start", A, after=-90),
            agent_leaves(A, -1),
            customer_leaves(),
            event("acw", A, after=9 * MINUTE),
        ],
        [(A, 0)],
        [(A, 0)],
        [(A, -1)],
    ),
    "abandoned": (
        [
            event("acd.start", A, after=-90),
            event("acd.end", A, after=-1, acdOutcome="ABANDON"),
            customer_leaves(),
        ],
        [(A, 0)],
        [(A, 0)],
        [(A, -1)],
    ),
    "transferred": (
        [
            agent_leaves(A, -600, "TRANSFER"),
            customer_leaves(-599, "TRANSFER"),
            agent_leaves(B, -1),
            customer_leaves(),
        ],
        [(A, 0), (B, 0)],
        [(B, 0)],
        [(B, -1)],
    ),
    "transferred to a foreign queue": (
        [agent_leaves(A, -600, "CONSULT_TRANSFER"), agent_leaves(FOREIGN, -1), customer_leaves()],
        [(A, 0)],
        [(A, 0)],
        [],
    ),
    "not answered and back in the queue": (
        [
            agent_leaves(A, -600, "CLIENT", interacting_ms=0),
            event("acd.start", A, after=-590),
            agent_leaves(A, -1),
            customer_leaves(),
        ],
        [(A, 0)],
        [(A, 0)],
        [(A, -1)],
    ),
    "conference": (
        [agent_leaves(A, -600), agent_leaves(B, -1), customer_leaves()],
        [(A, 0), (B, 0)],
        [(B, 0)],
        [(A, -600), (B, -1)],
    ),
    "re-opened": (
        [agent_leaves(A, -1), customer_leaves(), agent_leaves(A, HOUR - 1), customer_leaves(HOUR)],
        [(A, 0), (A, HOUR)],
        [(A, 0), (A, HOUR)],
        [(A, -1), (A, HOUR - 1)],
    ),
    "re-opened in another queue": (
        [agent_leaves(A, -1), customer_leaves(), agent_leaves(B, HOUR - 1), customer_leaves(HOUR)],
        [(A, 0), (A, HOUR), (B, HOUR)],
        [(A, 0), (B, HOUR)],
        [(A, -1), (B, HOUR - 1)],
    ),
    "re-opened in the queue that it was transferred from": (
        [
            agent_leaves(A, -600, "TRANSFER"),
            agent_leaves(B, -1),
            customer_leaves(),
            agent_leaves(A, HOUR - 1),
            customer_leaves(HOUR),
        ],
        [(A, 0), (A, HOUR), (B, 0), (B, HOUR)],
        [(B, 0), (A, HOUR)],
        [(A, HOUR - 1), (B, -1)],
    ),
    "without a queue": ([agent_leaves(None, -1), customer_leaves()], [], [], []),
    "never ours": ([agent_leaves(FOREIGN, -1), customer_leaves()], [], [], []),
    "not over": ([event("acd.start", A, after=-90), customer_leaves(-80, "TRANSFER")], [], [], []),
}
each_conversation = pytest.mark.parametrize("name", CONVERSATIONS)
each_rule = pytest.mark.parametrize("rule", RULES)


def expected_ends(name: str, rule: str) -> list[tuple[str, float]]:
    _, touched, last_queue, queue_leg = CONVERSATIONS[name]
    return sorted({"touched": touched, "last_queue": last_queue, "queue_leg": queue_leg}[rule])


def completed_ends(rule: str, batches: Sequence[Sequence[str]]) -> list[tuple[str, float]]:
    """Return the ends that a worker completes when batches of messages arrive in turn."""
    worker = PartnerWorker(rule)
    for batch in batches:
        worker.process(*batch)
    worker.settle(batch_size=1)
    assert worker.dynamodb.refused == worker.sqs.refused == []
    return sorted(
        (queue_id, (at_ms - ENDED_MS) / 1000) for _, queue_id, at_ms in worker.delivered_ends()
    )


def batch_sequences(messages: Sequence[str]) -> Iterator[list[Sequence[str]]]:
    """Yield sequences of batches for up to ten orders of the messages.

    Each order comes in batches of one message, in a single batch, and split into two batches with
    one message repeated.
    """
    rng = random.Random(0)
    orders = [*itertools.permutations(messages)]
    for order in rng.sample(orders, min(len(orders), 10)):
        yield [[message] for message in order]
        yield [order]
        repeated = list(order)
        repeated.insert(rng.randrange(len(repeated) + 1), rng.choice(order))
        split = rng.randrange(1, len(repeated))
        yield [repeated[:split], repeated[split:]]


@each_rule
@each_conversation
def test_the_reference_implementation_completes_the_ends_of_the_table(name: str, rule: str) -> None:
    events = [json.loads(message) for message in CONVERSATIONS[name][0]]
    ends = [
        (end.queue_id, (end.at_ms - ENDED_MS) / 1000) for end in derive_ends(rule, events, (A, B))
    ]
    assert sorted(ends) == expected_ends(name, rule)


@each_rule
@each_conversation
def test_any_order_and_any_batches_complete_the_ends_of_the_table(name: str, rule: str) -> None:
    for batches in batch_sequences(CONVERSATIONS[name][0]):
        assert completed_ends(rule, batches) == expected_ends(name, rule)


@each_rule
def test_conversations_in_one_batch_do_not_mix(rule: str) -> None:
    messages_of_all, expected = [], []
    for name, (messages, *_) in CONVERSATIONS.items():
        messages_of_all += [message.replace("c-1", name) for message in messages]
        expected += [(name, *end) for end in expected_ends(name, rule)]
    random.Random(1).shuffle(messages_of_all)
    worker = PartnerWorker(rule)
    worker.process(*messages_of_all)
    worker.settle(batch_size=100)
    ends = [
        (name, queue_id, (at - ENDED_MS) / 1000) for name, queue_id, at in worker.delivered_ends()
    ]
    assert ends == sorted(expected)


@pytest.mark.parametrize("rule", ["touched", "last_queue"])
@pytest.mark.parametrize(("after", "is_counted"), [(299.999, True), (300, True), (300.001, False)])
def test_an_event_counts_up_to_five_minutes_after_the_end(
    rule: str, after: float, is_counted: bool
) -> None:
    messages = [customer_leaves(), event("acw", A, after=after)]
    for order in itertools.permutations(messages):
        assert completed_ends(rule, [[message] for message in order]) == (
            [(A, 0)] if is_counted else []
        )


@pytest.mark.parametrize("rule", ["touched", "last_queue"])
@pytest.mark.parametrize(("seconds_apart", "ends"), [(299, 1), (300, 1), (300.001, 2), (HOUR, 2)])
def test_customer_ends_within_five_minutes_are_one_end(
    rule: str, seconds_apart: float, ends: int
) -> None:
    messages = [event("acd.start", A, after=-90), customer_leaves(), customer_leaves(seconds_apart)]
    for order in itertools.permutations(messages):
        for batches in ([[message] for message in order], [order]):
            assert len(completed_ends(rule, batches)) == ends
