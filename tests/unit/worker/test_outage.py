"""A destination that is down for an hour costs no end its way there, and no other end its time."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import pytest

from conversations.end import ConversationEnd
from deadline import Deadline
from destinations.destination import CALL_SECONDS, Receipt
from tests.bodies import end
from tests.fakes.aws.dynamodb import FakeDynamoDb, client_error
from tests.fakes.aws.queue import Queue
from tests.fakes.batches import Batches, reported
from tests.fakes.clock import Clock
from tests.fakes.destinations import FakeDestination

HOUR = 3600.0
# As docs/outcomes.md has them: of the default settings, 12 receives and a first delay of 30 s.
DELAYS = [30, 60, 120, 240, 480, *[900] * 6]
RIDDEN_OUT = sum(DELAYS)


@dataclass
class Down:
    """A destination that takes nothing until it is up again; each call of it hangs for so long."""

    clock: Clock
    up_again: float
    hangs: float
    name: str = "down"
    took: list[str] = field(default_factory=list)

    def deliver(self, ends: Sequence[ConversationEnd], deadline: Deadline) -> Iterator[Receipt]:
        for position, ended in enumerate(ends):
            if deadline.passed():
                return
            if self.clock.now < self.up_again:
                self.clock.sleep(min(self.hangs, deadline.left()))
                yield Receipt(position, "failed", "no answer")
            else:
                self.took.append(ended.conversation_id)
                yield Receipt(position, "arrived")


def run(batches: Batches, queue: Queue, arrivals: dict[str, float]) -> None:
    """Have workers take batches of ten as messages fall due, as many at once as there are."""
    clock = batches.clock
    unsent = sorted(arrivals.items(), key=lambda arrival: arrival[1])
    for _ in range(10_000):
        moments = [
            due for due in (queue.next_due(), *(at for _, at in unsent[:1])) if due is not None
        ]
        if not moments:
            return
        now = clock.now = max(clock.now, min(moments))
        while unsent and unsent[0][1] <= now:
            queue.put(end(unsent.pop(0)[0]))
        while records := queue.receive(10):
            queue.settle(records, reported(batches.run(records)))
            # The next batch is worked on at the same time.
            clock.now = now
    raise AssertionError("it never ends")


@pytest.fixture
def queue(clock: Clock) -> Queue:
    return Queue(clock)


@pytest.fixture
def batches(queue: Queue, clock: Clock, dynamodb: FakeDynamoDb) -> Batches:
    return Batches(queue, clock, dynamodb)


@pytest.mark.parametrize(
    "hangs", [0.1, CALL_SECONDS], ids=["refuses quickly", "hangs to the limit"]
)
@pytest.mark.parametrize("alone", [True, False], ids=["alone", "before another"])
def test_an_hour_without_a_destination_is_ridden_out(
    batches: Batches, queue: Queue, clock: Clock, hangs: float, alone: bool
) -> None:
    down, other = Down(clock, HOUR, hangs), FakeDestination("other")
    batches.destinations = [down] if alone else [down, other]
    bursts = {f"c-{n}": HOUR / 4 * (n // 13) for n in range(13 * 4)}
    run(batches, queue, bursts)
    assert sorted(down.took) == sorted(bursts)
    assert len(other.received) == len(set(other.received)) == (0 if alone else len(bursts))
    assert queue.waiting == {}
    assert queue.bodies_of_the_dead() == []
    assert queue.refused == []
    for delays in queue.delays.values():
        assert delays == DELAYS[: len(delays)]
    # What came at the beginning failed for the whole hour: at 0, 30, 90 … 2,730 s; not at 3,630 s.
    assert max(map(len, queue.delays.values())) == 8
    assert clock.now < HOUR + 900 + 30


def test_an_hour_without_the_ledger_is_ridden_out(
    batches: Batches, queue: Queue, clock: Clock, dynamodb: FakeDynamoDb
) -> None:
    throttled = client_error("ThrottlingException")
    for operation in ("batch_execute_statement", "batch_get_item"):
        dynamodb.always(operation, lambda: throttled if clock.now < HOUR else None)
    bus = FakeDestination("bus")
    batches.destinations = [bus]
    arrivals = {f"c-{n}": HOUR / 3 * (n // 13) for n in range(13 * 3)}
    run(batches, queue, arrivals)
    assert sorted(conversation_id for conversation_id, _, _ in bus.received) == sorted(arrivals)
    assert queue.waiting == {}
    assert queue.bodies_of_the_dead() == []
    for delays in queue.delays.values():
        assert delays == DELAYS[: len(delays)]


def test_a_destination_that_is_down_delays_no_other(
    batches: Batches, queue: Queue, clock: Clock
) -> None:
    down, other = Down(clock, HOUR, CALL_SECONDS), FakeDestination("other")
    batches.destinations = [down, other]
    for n in range(10):
        queue.put(end(f"c-{n}"))
    batches.run(queue.receive(10))
    assert len(other.received) == 10
    assert down.took == []
    assert clock.now < 30


@pytest.mark.parametrize(("beyond", "arrives"), [(-1, True), (1, False)])
def test_an_outage_as_long_as_all_delays_is_ridden_out(
    batches: Batches, queue: Queue, clock: Clock, beyond: float, arrives: bool
) -> None:
    down = Down(clock, RIDDEN_OUT + beyond, 0)
    batches.destinations = [down]
    run(batches, queue, {"c": 0})
    assert down.took == (["c"] if arrives else [])
    assert len(queue.bodies_of_the_dead()) == (not arrives)
    (delays,) = queue.delays.values()
    assert delays == DELAYS + [900] * (not arrives)
