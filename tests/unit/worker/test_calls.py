"""The calls that a batch makes, and the calls that it repeats after a crash or a failure."""

import random
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from destinations.bus import Bus
from destinations.call_actions import Actions
from tests.bodies import end
from tests.fakes.aws.dynamodb import FakeDynamoDb
from tests.fakes.aws.eventbridge import BUS, FakeEventBridge
from tests.fakes.aws.queue import Queue
from tests.fakes.aws.sqs import FakeSqs
from tests.fakes.aws.sqs_event import record, records
from tests.fakes.batches import Batches, outcomes_of, reported_ids
from tests.fakes.clock import Clock
from tests.fakes.destinations import FakeDestination
from tests.fakes.interleavings import Stopping
from tests.fakes.turns import Killed, Turns

HUNDRED = [end(f"c-{n}") for n in range(100)]


@pytest.fixture
def events() -> FakeEventBridge:
    return FakeEventBridge()


def operation_counts(dynamodb: FakeDynamoDb) -> Counter[str]:
    return Counter(call.operation for call in dynamodb.calls)


def test_a_hundred_new_ends_cost_eight_ledger_calls_and_ten_bus_calls(
    batches: Batches, dynamodb: FakeDynamoDb, events: FakeEventBridge, sqs: FakeSqs
) -> None:
    batches.destinations = [Bus(events, BUS)]  # type: ignore[arg-type]
    report = batches.run(records(*HUNDRED))
    assert report.outcome_counts()["processed"] == 100
    assert operation_counts(dynamodb) == {"batch_execute_statement": 8}
    assert [len(entries) for entries in events.calls] == [10] * 10
    assert sqs.calls == []
    assert events.refused == []


@pytest.mark.parametrize(("batch_size", "calls"), [(10, 200), (25, 80), (100, 80)])
def test_a_thousand_ends_cost_few_calls(
    batches: Batches, dynamodb: FakeDynamoDb, sqs: FakeSqs, batch_size: int, calls: int
) -> None:
    batches.destinations = [Actions(batches.action)]
    for start in range(0, 1000, batch_size):
        batches.run(records(*[end(f"c-{start + n}") for n in range(batch_size)]))
    assert len(batches.acted_ends) == 1000
    assert operation_counts(dynamodb) == {"batch_execute_statement": calls}
    assert sqs.calls == []


def test_a_second_destination_costs_no_more_ledger_calls(
    batches: Batches, dynamodb: FakeDynamoDb, events: FakeEventBridge
) -> None:
    batches.destinations = [Actions(batches.action), Bus(events, BUS)]  # type: ignore[arg-type]
    batches.run(records(*HUNDRED))
    assert len(batches.acted_ends) == len(events.taken) == 100
    assert operation_counts(dynamodb) == {"batch_execute_statement": 8}


def test_duplicates_of_finished_ends_cost_a_claim_and_a_read(
    batches: Batches, dynamodb: FakeDynamoDb
) -> None:
    batches.run(records(*HUNDRED))
    dynamodb.calls.clear()
    report = batches.run(records(*HUNDRED))
    assert report.outcome_counts()["duplicate"] == 100
    assert operation_counts(dynamodb) == {"batch_execute_statement": 4, "batch_get_item": 1}
    assert len(batches.acted_ends) == 100


def test_repeats_within_a_batch_cost_no_call(batches: Batches, dynamodb: FakeDynamoDb) -> None:
    batches.run(records(*[end("c")] * 100))
    assert operation_counts(dynamodb) == {"batch_execute_statement": 2}


def test_a_worker_that_is_killed_repeats_only_what_arrived_in_its_last_second(
    batches: Batches, clock: Clock
) -> None:
    bus, webhook = FakeDestination("bus"), FakeDestination("webhook")
    batches.destinations = [bus, webhook]
    bodies = [end(f"c-{n}") for n in range(10)]
    webhook.results = {f"c-{n}": lambda: clock.sleep(0.3) for n in range(10)}

    def crash() -> None:
        raise Killed

    webhook.results["c-5"] = crash
    with pytest.raises(Killed):
        batches.run(records(*bodies))
    assert (len(bus.received), len(webhook.received)) == (10, 5)
    webhook.results = {}

    clock.now += 180
    outcomes = Counter(outcomes_of(batches.run(records(*bodies))).values())
    assert outcomes == {"duplicate": 3, "processed": 7}
    assert len(bus.received) == len(set(bus.received)) == 10
    # After a second, everything that had arrived was marked. Since then, two ends had arrived.
    assert Counter(webhook.received) == Counter([*webhook.received[3:5], *bus.received])
    assert set(outcomes_of(batches.run(records(*bodies))).values()) == {"duplicate"}
    assert len(bus.received) == 10


def test_one_failing_end_and_one_poison_message_leave_ninety_eight_ends_done(
    batches: Batches, sqs: FakeSqs, events: FakeEventBridge
) -> None:
    batches.destinations = [Actions(batches.action), Bus(events, BUS)]  # type: ignore[arg-type]
    batches.action_effects = {"c-40": ValueError()}
    report = batches.run(records(*HUNDRED[:60], "{", *HUNDRED[60:99]))
    assert report.outcome_counts() == {
        **{"processed": 98, "duplicate": 0, "ignored": 0, "rejected": 1, "failed": 1},
    }
    assert report.end_count == 98
    assert reported_ids(report) == ["m-41"]
    assert sqs.visibility == {"r:m-41": 30}
    assert sqs.deleted == ["r:m-61"]

    batches.action_effects = {}
    batches.acted_ends.clear()
    assert outcomes_of(batches.run([record(HUNDRED[40], "m-41", receives=2)])) == {
        "m-41": "processed"
    }
    assert [acted.conversation_id for acted in batches.acted_ends] == ["c-40"]
    assert len(events.taken) == 99


@pytest.mark.parametrize("seed", range(10))
def test_the_same_event_fifty_times_at_once_is_delivered_once(
    dynamodb: FakeDynamoDb, clock: Clock, seed: int
) -> None:
    """Five workers process ten of the messages each, and take turns at every call."""
    turns: list[Turns] = []
    queue = Queue(clock)
    destinations = [FakeDestination("bus"), FakeDestination("webhook")]
    for _ in range(50):
        queue.put(end("c"))
    outcomes: Counter[str] = Counter()
    batches = []

    def work(number: int) -> Callable[[], Any]:
        received = queue.receive(10)

        def process() -> None:
            clients = [Stopping(client, turns, number) for client in (queue, dynamodb)]
            worker = Batches(clients[0], clock, clients[1])  # type: ignore[arg-type]
            worker.destinations = [*destinations]
            batches.append((received, worker.run(received)))

        return process

    turns += [Turns(work(number)) for number in range(5)]
    rng = random.Random(seed)
    active = [*turns]
    while active:
        worker = rng.choice(active)
        if not worker.go_on():
            active.remove(worker)
    for received, report in batches:
        queue.settle(received, reported_ids(report))
        outcomes.update(report.outcome_counts())
    while (due := queue.next_due()) is not None:
        clock.now = max(clock.now, due)
        received = queue.receive(10)
        later_worker = Batches(queue, clock, dynamodb)
        later_worker.destinations = [*destinations]
        report = later_worker.run(received)
        queue.settle(received, reported_ids(report))
        outcomes.update(report.outcome_counts())
    assert [len(destination.received) for destination in destinations] == [1, 1]
    assert destinations[0].ends == destinations[1].ends
    assert (outcomes["processed"], outcomes["duplicate"]) == (1, 49)
    assert outcomes["rejected"] == outcomes["ignored"] == 0
    assert clock.now < 40
    assert all(len(delays) <= 1 for delays in queue.delays.values())
