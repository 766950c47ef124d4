"""What a batch costs in calls, and what is called again after a crash or a failure."""

import random
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from destinations.bus import Bus
from destinations.user_code import Actions
from tests.bodies import end
from tests.fakes.aws.dynamodb import FakeDynamoDb
from tests.fakes.aws.eventbridge import BUS, FakeEventBridge
from tests.fakes.aws.queue import Queue
from tests.fakes.aws.sqs import FakeSqs
from tests.fakes.aws.sqs_event import record, records
from tests.fakes.batches import Batches, outcomes_of, reported
from tests.fakes.clock import Clock
from tests.fakes.destinations import FakeDestination
from tests.fakes.interleavings import Stopping
from tests.fakes.turns import Killed, Turns

HUNDRED = [end(f"c-{n}") for n in range(100)]


@pytest.fixture
def events() -> FakeEventBridge:
    return FakeEventBridge()


def calls_of(dynamodb: FakeDynamoDb) -> Counter[str]:
    return Counter(call.operation for call in dynamodb.calls)


def test_a_hundred_new_ends_cost_eight_ledger_calls_and_ten_of_the_bus(
    batches: Batches, dynamodb: FakeDynamoDb, events: FakeEventBridge, sqs: FakeSqs
) -> None:
    batches.destinations = [Bus(events, BUS)]  # type: ignore[arg-type]
    report = batches.run(records(*HUNDRED))
    assert report.outcome_counts()["processed"] == 100
    assert calls_of(dynamodb) == {"batch_execute_statement": 8}
    assert [len(entries) for entries in events.calls] == [10] * 10
    assert sqs.calls == []
    assert events.refused == []


def test_a_second_destination_costs_four_ledger_calls_more(
    batches: Batches, dynamodb: FakeDynamoDb, events: FakeEventBridge
) -> None:
    batches.destinations = [Actions(batches.act), Bus(events, BUS)]  # type: ignore[arg-type]
    batches.run(records(*HUNDRED))
    assert len(batches.acted) == len(events.taken) == 100
    assert calls_of(dynamodb) == {"batch_execute_statement": 12}


def test_duplicates_of_finished_ends_cost_a_claim_and_a_read(
    batches: Batches, dynamodb: FakeDynamoDb
) -> None:
    batches.run(records(*HUNDRED))
    dynamodb.calls.clear()
    report = batches.run(records(*HUNDRED))
    assert report.outcome_counts()["duplicate"] == 100
    assert calls_of(dynamodb) == {"batch_execute_statement": 4, "batch_get_item": 1}
    assert len(batches.acted) == 100


def test_repeats_within_a_batch_cost_no_call(batches: Batches, dynamodb: FakeDynamoDb) -> None:
    batches.run(records(*[end("c")] * 100))
    assert calls_of(dynamodb) == {"batch_execute_statement": 2}


def test_a_worker_killed_between_two_destinations_repeats_the_second_alone(
    batches: Batches, dynamodb: FakeDynamoDb, sqs: FakeSqs, clock: Clock
) -> None:
    bus, webhook = FakeDestination("bus"), FakeDestination("webhook")
    batches.destinations = [bus, webhook]
    told = [end(f"c-{n}") for n in range(10)]

    def die() -> None:
        for operation in ("batch_execute_statement", "batch_get_item"):
            dynamodb.always(operation, Killed())
        sqs.always("change_message_visibility_batch", Killed())
        raise Killed

    webhook.answers = {"c-5": die}
    with pytest.raises(Killed):
        batches.run(records(*told))
    assert len(bus.took) == 10
    webhook.answers = {}
    dynamodb.no_more_faults()

    clock.now += 180
    assert set(outcomes_of(batches.run(records(*told))).values()) == {"processed"}
    assert len(bus.took) == len(set(bus.took)) == 10
    # The first five had arrived and were not yet marked.
    assert Counter(webhook.took) == Counter([*bus.took[:5], *bus.took])
    assert set(outcomes_of(batches.run(records(*told))).values()) == {"duplicate"}
    assert len(bus.took) == 10


def test_one_failure_and_one_poison_leave_ninety_eight_done(
    batches: Batches, sqs: FakeSqs, events: FakeEventBridge
) -> None:
    batches.destinations = [Actions(batches.act), Bus(events, BUS)]  # type: ignore[arg-type]
    batches.does = {"c-40": ValueError()}
    report = batches.run(records(*HUNDRED[:60], "{", *HUNDRED[60:99]))
    assert report.outcome_counts() == {
        **{"processed": 98, "duplicate": 0, "ignored": 0, "rejected": 1, "failed": 1},
    }
    assert report.end_count == 98
    assert reported(report) == ["m-41"]
    assert sqs.visibility == {"r:m-41": 30}
    assert sqs.deleted == ["r:m-61"]

    batches.does = {}
    batches.acted.clear()
    assert outcomes_of(batches.run([record(HUNDRED[40], "m-41", receives=2)])) == {
        "m-41": "processed"
    }
    assert [acted.conversation_id for acted in batches.acted] == ["c-40"]
    assert len(events.taken) == 99


@pytest.mark.parametrize("seed", range(10))
def test_the_same_event_fifty_times_at_once_is_delivered_once(
    dynamodb: FakeDynamoDb, clock: Clock, seed: int
) -> None:
    """Five workers with ten of them each, which take turns at every call."""
    turns: list[Turns] = []
    queue = Queue(clock)
    destinations = [FakeDestination("bus"), FakeDestination("webhook")]
    for _ in range(50):
        queue.put(end("c"))
    outcomes: Counter[str] = Counter()
    batches = []

    def work(number: int) -> Callable[[], Any]:
        told = queue.receive(10)

        def process() -> None:
            stopping = [Stopping(client, turns, number) for client in (queue, dynamodb)]
            worker = Batches(stopping[0], clock, stopping[1])  # type: ignore[arg-type]
            worker.destinations = [*destinations]
            batches.append((told, worker.run(told)))

        return process

    turns += [Turns(work(number)) for number in range(5)]
    chance = random.Random(seed)
    at_work = [*turns]
    while at_work:
        worker = chance.choice(at_work)
        if not worker.go_on():
            at_work.remove(worker)
    for told, report in batches:
        queue.settle(told, reported(report))
        outcomes.update(report.outcome_counts())
    while (due := queue.next_due()) is not None:
        clock.now = max(clock.now, due)
        told = queue.receive(10)
        later = Batches(queue, clock, dynamodb)
        later.destinations = [*destinations]
        report = later.run(told)
        queue.settle(told, reported(report))
        outcomes.update(report.outcome_counts())
    assert [len(destination.took) for destination in destinations] == [1, 1]
    assert (outcomes["processed"], outcomes["duplicate"]) == (1, 49)
    assert outcomes["rejected"] == outcomes["ignored"] == 0
    assert clock.now < 40
    assert all(len(delays) <= 1 for delays in queue.delays.values())
