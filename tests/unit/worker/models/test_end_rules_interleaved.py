"""Two workers with the same conversation, in every order of their calls, deliver its end once."""

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
    """Two workers, each with a batch, who take turns at every call of DynamoDB.

    Parameters
    ----------
    before
        Messages that have been worked at before.
    settling
        To which of the two what was sent to be settled then has come.
    """

    def __init__(
        self,
        rule: str,
        *batches: Sequence[str],
        before: Sequence[str] = (),
        settling: Sequence[int] = (),
    ) -> None:
        self._rule = rule
        self._batches = batches
        self._before = before
        self._settling = settling

    def runs(self, times: int = 0) -> Iterator["TwoWorkers"]:
        """Yield when both are done and what failed has come back.

        For each order of their calls; or for so many of them.
        """
        begin = self._begin
        for outcomes in some_interleavings(begin, times) if times else interleavings(begin):
            failed = [
                body
                for batch, of_batch in zip(self._given, outcomes, strict=True)
                for body, outcome in zip(batch, of_batch, strict=True)
                if outcome.startswith("failed")
            ]
            self.outcomes = [outcome for of_batch in outcomes for outcome in of_batch]
            later = self._worker()
            later.clock.now = 100  # No lease is longer.
            if failed:
                self.outcomes += later.process(*failed)
            self.outcomes += later.settle()
            self.ended = sorted(
                (queue_id, (at_ms - ENDED_MS) // 1000)
                for worker in self._workers
                for _, queue_id, at_ms in worker.delivered_ends()
            )
            assert self._dynamodb.refused == self._sqs.refused == []
            yield self

    def _worker(self, turns: list[Turns] | None = None, number: int = 0) -> PartnerWorker:
        taking_turns = self._dynamodb if turns is None else Stopping(self._dynamodb, turns, number)
        self._workers.append(PartnerWorker(self._rule, dynamodb=taking_turns, sqs=self._sqs))
        return self._workers[-1]

    def _begin(self) -> list[Turns]:
        self._dynamodb, self._sqs = FakeDynamoDb(), DelayingSqs()
        self._workers: list[PartnerWorker] = []
        self._given = [[*batch] for batch in self._batches]
        if self._before:
            self._worker().process(*self._before)
        if self._settling:
            for number in self._settling:
                self._given[number] += [entry["MessageBody"] for entry in self._sqs.delayed]
            self._sqs.delayed.clear()
        turns: list[Turns] = []
        for number, batch in enumerate(self._given):
            worker = self._worker(turns, number)
            turns.append(Turns(lambda worker=worker, batch=batch: worker.process(*batch)))  # type: ignore[misc]
        return turns


def cuts(messages: Sequence[str]) -> Iterator[tuple[Sequence[str], Sequence[str]]]:
    """Yield the batches of two workers, for every order of arrival and every place to cut it.

    Which worker has which batch makes no difference, as every order of their calls is tried.
    """
    seen = set()
    for order in itertools.permutations(messages):
        for cut in range(1, len(order)):
            batches = order[:cut], order[cut:]
            if batches not in seen:
                seen |= {batches, batches[::-1]}
                yield batches


def halves(messages: Sequence[str]) -> Iterator[tuple[Sequence[str], Sequence[str]]]:
    """Yield the batches of two workers, for every way to share messages out."""
    for batches in cuts(messages):
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
    runs = 0
    for batches in cuts(messages):
        for run in TwoWorkers("touched", *batches).runs():
            runs += 1
            assert run.ended == ends
            assert "processed" in run.outcomes
    assert runs >= len(messages)


def test_four_events_shared_out_among_two_workers_end_once_too() -> None:
    for batches in halves([IN_A, DONE_IN_A, IN_B, END]):
        for run in TwoWorkers("touched", *batches).runs():
            assert run.ended == sorted([(A, 0), (B, 0)])


def test_two_ends_within_five_minutes_are_one_for_two_workers() -> None:
    for run in TwoWorkers("touched", [END], [END_AGAIN], before=[IN_A]).runs(times=60):
        assert run.ended in ([(A, 0)], [(A, 3)])


def test_an_end_that_failed_elsewhere_comes_back_and_is_done_once() -> None:
    waited = 0
    for run in TwoWorkers("touched", [END], [DONE_IN_A], before=[IN_A]).runs():
        assert run.ended == [(A, 0)]
        waited += run.outcomes.count("failed.claimed_elsewhere")
    assert waited


@pytest.mark.parametrize(
    ("batches", "end"),
    [
        (cuts([IN_A, END]), (A, 0)),
        (cuts([END, END, IN_A]), (A, 0)),
        (halves([IN_A, IN_B, END]), (B, 0)),
    ],
    ids=["one queue", "told twice", "two queues"],
)
def test_the_last_queue_has_the_end_once_in_any_order(
    batches: Iterator[tuple[Sequence[str], Sequence[str]]], end: tuple[str, int]
) -> None:
    runs = 0
    for of_both in batches:
        for run in TwoWorkers("last_queue", *of_both).runs():
            runs += 1
            assert run.ended == [end]
    assert runs >= 2


def test_two_settling_messages_at_the_same_moment_fire_one_end() -> None:
    workers = TwoWorkers("last_queue", [], [], before=[IN_A, END], settling=[0, 1])
    for run in workers.runs(times=80):
        assert run.ended == [(A, 0)]


def test_an_event_at_the_moment_of_the_decision_makes_no_second_end() -> None:
    queues = set()
    for run in TwoWorkers("last_queue", [IN_B], [], before=[IN_A, END], settling=[1]).runs():
        ((queue_id, at),) = run.ended
        queues.add(queue_id)
        assert at == 0
    assert queues == {A, B}


def test_the_end_of_a_leg_that_comes_twice_is_delivered_once() -> None:
    for run in TwoWorkers("queue_leg", [DONE_IN_A], [DONE_IN_A]).runs():
        assert run.ended == [(A, -1)]


@pytest.mark.parametrize(
    ("rule", "ends"), [("touched", [(A, 0), (B, 0)]), ("last_queue", [(B, 0)])]
)
@pytest.mark.parametrize("batch", [[END], [IN_B, END], [IN_A, IN_B, END]])
def test_a_worker_that_is_killed_at_any_call_loses_no_end(
    rule: str, ends: list[tuple[str, int]], batch: list[str]
) -> None:
    before = [message for message in (IN_A, IN_B) if message not in batch]
    for calls in itertools.count():
        dynamodb, sqs, turns = FakeDynamoDb(), DelayingSqs(), list[Turns]()
        sound = PartnerWorker(rule, dynamodb=dynamodb, sqs=sqs)
        sound.process(*before)
        killed = PartnerWorker(rule, dynamodb=Stopping(dynamodb, turns, 0), sqs=sqs)
        turns.append(Turns(lambda killed=killed: killed.process(*batch)))  # type: ignore[misc]
        alive = all(turns[0].go_on() for _ in range(calls + 1))
        turns[0].kill()

        sound.clock.now = 100
        assert {"failed.claimed_elsewhere"}.isdisjoint(sound.process(*batch))
        sound.settle()
        delivered = {
            (queue_id, (at - ENDED_MS) // 1000) for _, queue_id, at in sound.delivered_ends()
        }
        by_killed = {
            (queue_id, (at - ENDED_MS) // 1000) for _, queue_id, at in killed.delivered_ends()
        }
        assert sorted(delivered | by_killed) == sorted(ends)
        # What it delivered and could not mark comes twice, and nothing else does.
        assert len(sound.delivered_ends()) == len(delivered)
        if not alive:
            assert not delivered & by_killed
            return
