"""Two workers process one conversation and deliver its end once, in every order of their calls."""

import itertools
from collections.abc import Iterator, Sequence

import pytest

from tests.bodies import QUEUE
from tests.fakes.aws.dynamodb import FakeDynamoDb
from tests.fakes.batches import SECOND_QUEUE
from tests.fakes.interleavings import Stopping, interleavings, some_interleavings
from tests.fakes.partner_worker import DelayingSqs, PartnerWorker
from tests.fakes.turns import Turns
from tests.partner_events import ENDED_MS, event

A, B = QUEUE, SECOND_QUEUE
IN_A, IN_B = event("acd.start", A, after=-90), event("acd.start", B, after=-60)
DONE_IN_A = event("user.end", A, after=-1)
END, END_AGAIN = event("customer.end"), event("customer.end", after=3)


class TwoWorkers:
    """Two workers, each with a batch, that take turns at every DynamoDB call.

    Parameters
    ----------
    earlier_messages
        Messages that another worker processes before.
    settling_workers
        The indexes of the workers that receive the settling messages sent until then.
    """

    def __init__(
        self,
        rule: str,
        *batches: Sequence[str],
        earlier_messages: Sequence[str] = (),
        settling_workers: Sequence[int] = (),
    ) -> None:
        self._rule = rule
        self._batches = batches
        self._earlier_messages = earlier_messages
        self._settling_workers = settling_workers

    def runs(self, max_runs: int = 0) -> Iterator["TwoWorkers"]:
        """Yield after each run, when failed and settling messages have been processed, too.

        There is a run for each order of the calls, or for `max_runs` random orders.
        """
        begin = self._begin
        for outcomes in some_interleavings(begin, max_runs) if max_runs else interleavings(begin):
            failed_bodies = [
                body
                for batch, batch_outcomes in zip(self._all_batches, outcomes, strict=True)
                for body, outcome in zip(batch, batch_outcomes, strict=True)
                if outcome.startswith("failed")
            ]
            self.outcomes = [outcome for batch_outcomes in outcomes for outcome in batch_outcomes]
            later_worker = self._new_worker()
            later_worker.clock.now = 100  # No lease is longer.
            if failed_bodies:
                self.outcomes += later_worker.process(*failed_bodies)
            self.outcomes += later_worker.settle()
            self.ends = sorted(
                (queue_id, (at_ms - ENDED_MS) // 1000)
                for worker in self._workers
                for _, queue_id, at_ms in worker.delivered_ends()
            )
            assert self._dynamodb.refused == self._sqs.refused == []
            yield self

    def _new_worker(self, turns: list[Turns] | None = None, number: int = 0) -> PartnerWorker:
        dynamodb = self._dynamodb if turns is None else Stopping(self._dynamodb, turns, number)
        self._workers.append(PartnerWorker(self._rule, dynamodb=dynamodb, sqs=self._sqs))
        return self._workers[-1]

    def _begin(self) -> list[Turns]:
        self._dynamodb, self._sqs = FakeDynamoDb(), DelayingSqs()
        self._workers: list[PartnerWorker] = []
        self._all_batches = [[*batch] for batch in self._batches]
        if self._earlier_messages:
            self._new_worker().process(*self._earlier_messages)
        if self._settling_workers:
            for number in self._settling_workers:
                self._all_batches[number] += [entry["MessageBody"] for entry in self._sqs.delayed]
            self._sqs.delayed.clear()
        turns: list[Turns] = []
        for number, batch in enumerate(self._all_batches):
            worker = self._new_worker(turns, number)
            turns.append(Turns(lambda worker=worker, batch=batch: worker.process(*batch)))  # type: ignore[misc]
        return turns


def cut_in_two(messages: Sequence[str]) -> Iterator[tuple[Sequence[str], Sequence[str]]]:
    """Yield two batches for every order of the messages and every way to cut it in two.

    A pair is not yielded twice with its batches swapped, as every order of the calls is tried.
    """
    seen = set()
    for order in itertools.permutations(messages):
        for cut in range(1, len(order)):
            batches = order[:cut], order[cut:]
            if batches not in seen:
                seen |= {batches, batches[::-1]}
                yield batches


def divide(messages: Sequence[str]) -> Iterator[tuple[Sequence[str], Sequence[str]]]:
    """Yield two batches for every way to divide the messages between two workers."""
    for batches in cut_in_two(messages):
        if all(list(batch) == sorted(batch) for batch in batches):
            yield batches


@pytest.mark.parametrize(
    ("messages", "ends"),
    [
        ([IN_A, END], [(A, 0)]),
        ([END, END, IN_A], [(A, 0)]),
        ([IN_A, END, DONE_IN_A], [(A, 0)]),
        ([IN_A, IN_B, END], sorted([(A, 0), (B, 0)])),
    ],
)
def test_every_queue_touched_has_its_end_once_in_any_order(
    messages: Sequence[str], ends: list[tuple[str, int]]
) -> None:
    run_count = 0
    for batches in cut_in_two(messages):
        for run in TwoWorkers("touched", *batches).runs():
            run_count += 1
            assert run.ends == ends
            assert "processed" in run.outcomes
    assert run_count >= len(messages)


def test_four_events_divided_between_two_workers_make_one_end_in_each_queue() -> None:
    for batches in divide([IN_A, DONE_IN_A, IN_B, END]):
        for run in TwoWorkers("touched", *batches).runs():
            assert run.ends == sorted([(A, 0), (B, 0)])


def test_two_ends_within_five_minutes_are_one_for_two_workers() -> None:
    for run in TwoWorkers("touched", [END], [END_AGAIN], earlier_messages=[IN_A]).runs(max_runs=60):
        assert run.ends in ([(A, 0)], [(A, 3)])


def test_an_end_that_another_worker_holds_comes_back_and_is_delivered_once() -> None:
    held_count = 0
    for run in TwoWorkers("touched", [END], [DONE_IN_A], earlier_messages=[IN_A]).runs():
        assert run.ends == [(A, 0)]
        held_count += run.outcomes.count("failed.claimed_elsewhere")
    assert held_count


@pytest.mark.parametrize(
    ("batches", "end"),
    [
        (cut_in_two([IN_A, END]), (A, 0)),
        (cut_in_two([END, END, IN_A]), (A, 0)),
        (divide([IN_A, IN_B, END]), (B, 0)),
    ],
    ids=["one queue", "repeated", "two queues"],
)
def test_the_last_queue_has_the_end_once_in_any_order(
    batches: Iterator[tuple[Sequence[str], Sequence[str]]], end: tuple[str, int]
) -> None:
    run_count = 0
    for pair in batches:
        for run in TwoWorkers("last_queue", *pair).runs():
            run_count += 1
            assert run.ends == [end]
    assert run_count >= 2


def test_two_settling_messages_at_the_same_moment_fire_one_end() -> None:
    workers = TwoWorkers(
        "last_queue", [], [], earlier_messages=[IN_A, END], settling_workers=[0, 1]
    )
    for run in workers.runs(max_runs=80):
        assert run.ends == [(A, 0)]


def test_an_event_at_the_moment_of_the_decision_makes_no_second_end() -> None:
    queues = set()
    for run in TwoWorkers(
        "last_queue", [IN_B], [], earlier_messages=[IN_A, END], settling_workers=[1]
    ).runs():
        ((queue_id, at),) = run.ends
        queues.add(queue_id)
        assert at == 0
    assert queues == {A, B}


def test_the_end_of_a_leg_that_comes_twice_is_delivered_once() -> None:
    for run in TwoWorkers("queue_leg", [DONE_IN_A], [DONE_IN_A]).runs():
        assert run.ends == [(A, -1)]


@pytest.mark.parametrize(
    ("rule", "ends"), [("touched", [(A, 0), (B, 0)]), ("last_queue", [(B, 0)])]
)
@pytest.mark.parametrize("batch", [[END], [IN_B, END], [IN_A, IN_B, END]])
def test_a_worker_that_is_killed_at_any_call_loses_no_end(
    rule: str, ends: list[tuple[str, int]], batch: list[str]
) -> None:
    earlier_messages = [message for message in (IN_A, IN_B) if message not in batch]
    for calls in itertools.count():
        dynamodb, sqs, turns = FakeDynamoDb(), DelayingSqs(), list[Turns]()
        healthy = PartnerWorker(rule, dynamodb=dynamodb, sqs=sqs)
        healthy.process(*earlier_messages)
        killed = PartnerWorker(rule, dynamodb=Stopping(dynamodb, turns, 0), sqs=sqs)
        turns.append(Turns(lambda killed=killed: killed.process(*batch)))  # type: ignore[misc]
        is_alive = all(turns[0].go_on() for _ in range(calls + 1))
        turns[0].kill()

        healthy.clock.now = 100
        assert {"failed.claimed_elsewhere"}.isdisjoint(healthy.process(*batch))
        healthy.settle()
        delivered = {
            (queue_id, (at - ENDED_MS) // 1000) for _, queue_id, at in healthy.delivered_ends()
        }
        delivered_by_killed = {
            (queue_id, (at - ENDED_MS) // 1000) for _, queue_id, at in killed.delivered_ends()
        }
        assert sorted(delivered | delivered_by_killed) == sorted(ends)
        # Only ends that the killed worker delivered and could not mark are delivered twice.
        assert len(healthy.delivered_ends()) == len(delivered)
        if not is_alive:
            assert not delivered & delivered_by_killed
            return
