"""Two workers with the same conversation, in every order of their calls, deliver its end once."""

import itertools
from collections.abc import Iterator, Sequence

import pytest

from tests.bodies import QUEUE
from tests.fakes.batches import SECOND_QUEUE
from tests.fakes.dynamodb import FakeDynamoDb
from tests.fakes.interleavings import Stopping, interleavings
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
        Whether what they sent themselves has come by, too.
    """

    def __init__(
        self, rule: str, *batches: Sequence[str], before: Sequence[str] = (), settling: bool = False
    ) -> None:
        self._rule = rule
        self._batches = batches
        self._before = before
        self._settling = settling

    def runs(self) -> Iterator["TwoWorkers"]:
        """Yield when both are done and what failed has come back, for each order of calls."""
        for outcomes in interleavings(self._begin):
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
                self.outcomes += later.arrive(*failed)
            self.outcomes += later.settle()
            self.ended = sorted(
                (queue_id, (at_ms - ENDED_MS) // 1000)
                for worker in self._workers
                for _, queue_id, at_ms in worker.ends()
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
            self._worker().arrive(*self._before)
        if self._settling:
            for batch in self._given:
                batch += [entry["MessageBody"] for entry in self._sqs.delayed]
            self._sqs.delayed.clear()
        turns: list[Turns] = []
        for number, batch in enumerate(self._given):
            worker = self._worker(turns, number)
            turns.append(Turns(lambda worker=worker, batch=batch: worker.arrive(*batch)))  # type: ignore[misc]
        return turns


def cuts(messages: Sequence[str]) -> Iterator[tuple[Sequence[str], Sequence[str]]]:
    """Yield the batches of two workers, for every order of arrival and every place to cut it."""
    seen = set()
    for order in itertools.permutations(messages):
        for cut in range(1, len(order)):
            batches = order[:cut], order[cut:]
            if batches not in seen:
                seen.add(batches)
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
def test_every_queue_touched_has_its_end_once(
    messages: Sequence[str], ends: list[tuple[str, int]]
) -> None:
    for batches in cuts(messages):
        for run in TwoWorkers("touched", *batches).runs():
            assert run.ended == ends
            assert not any(outcome.startswith("failed") for outcome in run.outcomes[3:])
