"""Each end rule fires the same ends in whatever order, number and batches the events arrive."""

import itertools
import json
import random
from collections.abc import Iterator, Sequence

import pytest

from local.traffic.end_rules import ends_by
from tests.bodies import OTHER_QUEUE, QUEUE
from tests.fakes.batches import SECOND_QUEUE
from tests.fakes.partner_worker import RULES, PartnerWorker
from tests.partner_events import ENDED_MS, event

A, B, FOREIGN = QUEUE, SECOND_QUEUE, OTHER_QUEUE
MINUTE, HOUR = 60, 3600


def done(queue_id: str | None, after: float, how: str = "PEER", talked: int = 9000) -> str:
    return event(
        "user.end", queue_id, after=after, disconnectType=how, interactingDurationMs=talked
    )


def left(after: float = 0, how: str = "ENDPOINT") -> str:
    return event("customer.end", after=after, disconnectType=how)


# Each with the ends by `touched`, `last_queue` and `queue_leg`: queue and seconds.
Ends = list[tuple[str, float]]
CONVERSATIONS: dict[str, tuple[list[str], Ends, Ends, Ends]] = {
    "answered": (
        [event("acd.start", A, after=-90), done(A, -1), left(), event("acw", A, after=9 * MINUTE)],
        [(A, 0)],
        [(A, 0)],
        [(A, -1)],
    ),
    "abandoned": (
        [
            event("acd.start", A, after=-90),
            event("acd.end", A, after=-1, acdOutcome="ABANDON"),
            left(),
        ],
        [(A, 0)],
        [(A, 0)],
        [(A, -1)],
    ),
    "transferred": (
        [done(A, -600, "TRANSFER"), left(-599, "TRANSFER"), done(B, -1), left()],
        [(A, 0), (B, 0)],
        [(B, 0)],
        [(B, -1)],
    ),
    "transferred to a foreign queue": (
        [done(A, -600, "CONSULT_TRANSFER"), done(FOREIGN, -1), left()],
        [(A, 0)],
        [(A, 0)],
        [],
    ),
    "not answered and back in the queue": (
        [done(A, -600, "CLIENT", talked=0), event("acd.start", A, after=-590), done(A, -1), left()],
        [(A, 0)],
        [(A, 0)],
        [(A, -1)],
    ),
    "conference": (
        [done(A, -600), done(B, -1), left()],
        [(A, 0), (B, 0)],
        [(B, 0)],
        [(A, -600), (B, -1)],
    ),
    "re-opened": (
        [done(A, -1), left(), done(A, HOUR - 1), left(HOUR)],
        [(A, 0), (A, HOUR)],
        [(A, 0), (A, HOUR)],
        [(A, -1), (A, HOUR - 1)],
    ),
    "re-opened in another queue": (
        [done(A, -1), left(), done(B, HOUR - 1), left(HOUR)],
        [(A, 0), (A, HOUR), (B, HOUR)],
        [(A, 0), (B, HOUR)],
        [(A, -1), (B, HOUR - 1)],
    ),
    "re-opened in the queue that it was transferred from": (
        [done(A, -600, "TRANSFER"), done(B, -1), left(), done(A, HOUR - 1), left(HOUR)],
        [(A, 0), (A, HOUR), (B, 0), (B, HOUR)],
        [(B, 0), (A, HOUR)],
        [(A, HOUR - 1), (B, -1)],
    ),
    "without a queue": ([done(None, -1), left()], [], [], []),
    "never ours": ([done(FOREIGN, -1), left()], [], [], []),
    "not over": ([event("acd.start", A, after=-90), left(-80, "TRANSFER")], [], [], []),
}
each_conversation = pytest.mark.parametrize("name", CONVERSATIONS)
each_rule = pytest.mark.parametrize("rule", RULES)


def ends_of(name: str, rule: str) -> list[tuple[str, float]]:
    _, touched, last_queue, queue_leg = CONVERSATIONS[name]
    return sorted({"touched": touched, "last_queue": last_queue, "queue_leg": queue_leg}[rule])


def fired(rule: str, batches: Sequence[Sequence[str]]) -> list[tuple[str, float]]:
    """Return queue and seconds of the ends that come of batches, one after the other."""
    worker = PartnerWorker(rule)
    for batch in batches:
        worker.process(*batch)
    worker.settle(batch_size=1)
    assert worker.dynamodb.refused == worker.sqs.refused == []
    return sorted(
        (queue_id, (at_ms - ENDED_MS) / 1000) for _, queue_id, at_ms in worker.delivered_ends()
    )


def arrivals(messages: Sequence[str]) -> Iterator[list[Sequence[str]]]:
    """Yield batches of every order, or of ten: one by one, all at once, cut with one again."""
    chance = random.Random(0)
    orders = [*itertools.permutations(messages)]
    for order in chance.sample(orders, min(len(orders), 10)):
        yield [[message] for message in order]
        yield [order]
        again = list(order)
        again.insert(chance.randrange(len(again) + 1), chance.choice(order))
        cut = chance.randrange(1, len(again))
        yield [again[:cut], again[cut:]]


@each_rule
@each_conversation
def test_the_reference_derives_the_ends_of_the_table(name: str, rule: str) -> None:
    events = [json.loads(message) for message in CONVERSATIONS[name][0]]
    ends = [(end.queue_id, (end.at_ms - ENDED_MS) / 1000) for end in ends_by(rule, events, (A, B))]
    assert sorted(ends) == ends_of(name, rule)


@each_rule
@each_conversation
def test_any_order_and_any_batches_fire_the_ends_of_the_table(name: str, rule: str) -> None:
    for batches in arrivals(CONVERSATIONS[name][0]):
        assert fired(rule, batches) == ends_of(name, rule)


@each_rule
def test_conversations_in_one_batch_do_not_mix(rule: str) -> None:
    mixed, expected = [], []
    for name, (messages, *_) in CONVERSATIONS.items():
        mixed += [message.replace("c-1", name) for message in messages]
        expected += [(name, *end) for end in ends_of(name, rule)]
    random.Random(1).shuffle(mixed)
    worker = PartnerWorker(rule)
    worker.process(*mixed)
    worker.settle(batch_size=100)
    ends = [
        (name, queue_id, (at - ENDED_MS) / 1000) for name, queue_id, at in worker.delivered_ends()
    ]
    assert ends == sorted(expected)


@pytest.mark.parametrize("rule", ["touched", "last_queue"])
@pytest.mark.parametrize(("after", "counts"), [(299.999, True), (300, True), (300.001, False)])
def test_an_event_counts_up_to_five_minutes_after_the_end(
    rule: str, after: float, counts: bool
) -> None:
    messages = [left(), event("acw", A, after=after)]
    for order in itertools.permutations(messages):
        assert fired(rule, [[message] for message in order]) == ([(A, 0)] if counts else [])


@pytest.mark.parametrize("rule", ["touched", "last_queue"])
@pytest.mark.parametrize(("apart", "ends"), [(299, 1), (300, 1), (300.001, 2), (HOUR, 2)])
def test_customers_ends_within_five_minutes_are_one(rule: str, apart: float, ends: int) -> None:
    messages = [event("acd.start", A, after=-90), left(), left(apart)]
    for order in itertools.permutations(messages):
        for batches in ([[message] for message in order], [order]):
            assert len(fired(rule, batches)) == ends
