"""The edges of the end rules: five minutes, conversations that never end, batches that mix them.

The worked examples are in test_worked_examples.py, generated conversations in
tests/unit/worker/models/test_end_rules_generated.py.
"""

import itertools
import random
from collections.abc import Sequence

import pytest

from tests.bodies import OTHER_QUEUE, QUEUE
from tests.fakes.batches import SECOND_QUEUE
from tests.fakes.partner_worker import RULES, PartnerWorker
from tests.partner_events import ENDED_MS, event
from tests.worked_examples import OURS, QUEUES, examples, table

A, B, FOREIGN = QUEUE, SECOND_QUEUE, OTHER_QUEUE
HOUR = 3600
each_rule = pytest.mark.parametrize("rule", RULES)


def agent_leaves(queue_id: str | None, after: float) -> str:
    return event(
        "user.end", queue_id, after=after, disconnectType="PEER", interactingDurationMs=9000
    )


def customer_leaves(after: float = 0, disconnect_type: str = "ENDPOINT") -> str:
    return event("customer.end", after=after, disconnectType=disconnect_type)


def completed_ends(rule: str, batches: Sequence[Sequence[str]]) -> list[tuple[str, float]]:
    """Return queue and time of the ends that a worker completes when batches arrive in turn.

    Times are in seconds after `ENDED_MS`.
    """
    worker = PartnerWorker(rule)
    for batch in batches:
        worker.process(*batch)
    worker.settle(batch_size=1)
    assert worker.dynamodb.refused == worker.sqs.refused == []
    return sorted(
        (queue_id, (at_ms - ENDED_MS) / 1000) for _, queue_id, at_ms in worker.delivered_ends()
    )


@each_rule
@pytest.mark.parametrize(
    "messages",
    [
        [agent_leaves(None, -1), customer_leaves()],
        [agent_leaves(FOREIGN, -1), customer_leaves()],
        [event("acd.start", A, after=-90), customer_leaves(-80, "TRANSFER")],
    ],
    ids=["without a queue", "in a foreign queue", "not over"],
)
def test_a_conversation_without_an_end_in_our_queues_completes_none(
    rule: str, messages: Sequence[str]
) -> None:
    for order in itertools.permutations(messages):
        assert completed_ends(rule, [[message] for message in order]) == []
        assert completed_ends(rule, [order]) == []


@each_rule
def test_conversations_in_one_batch_do_not_mix(rule: str) -> None:
    messages, expected = [], []
    for name, events in examples().items():
        messages += [e.message(name) for e in events if e.queue in (None, *OURS)]
        expected += [(name, QUEUES[queue], at.total_seconds()) for queue, at in table()[name][rule]]
    random.Random(1).shuffle(messages)
    worker = PartnerWorker(rule)
    worker.process(*messages)
    worker.settle(batch_size=100)
    ends = [
        (name, queue_id, (at - ENDED_MS) / 1000) for name, queue_id, at in worker.delivered_ends()
    ]
    assert ends == sorted(expected)


@pytest.mark.parametrize("rule", ["touched", "last_queue"])
@pytest.mark.parametrize(("after", "is_counted"), [(299.999, True), (300, True), (300.001, False)])
def test_paperwork_counts_up_to_five_minutes_after_the_end(
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
    messages = [
        event("acd.start", A, after=-90),
        customer_leaves(),
        event("acd.start", A, after=1),
        customer_leaves(seconds_apart),
    ]
    for order in itertools.permutations(messages):
        for batches in ([[message] for message in order], [order]):
            assert len(completed_ends(rule, batches)) == ends


@pytest.mark.parametrize("rule", ["touched", "last_queue"])
def test_a_queue_that_is_not_touched_again_does_not_end_again(rule: str) -> None:
    messages = [event("acd.start", A, after=-90), customer_leaves(), customer_leaves(HOUR)]
    for order in itertools.permutations(messages):
        ends = completed_ends(rule, [[message] for message in order])
        # If the later end arrives first, both can be meant. The worker then delivers both.
        first, second = order.index(messages[1]), order.index(messages[2])
        may_be_two = second < first
        assert ends == [(A, 0)] or (may_be_two and ends == [(A, 0), (A, HOUR)])
