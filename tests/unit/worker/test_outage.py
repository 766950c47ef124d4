"""After an hour's outage of a destination, every end has arrived and no other end was delayed."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import pytest

from conversations.end import ConversationEnd
from deadline import Deadline
from destinations.destination import CALL_SECONDS, Receipt
from tests.bodies import end
from tests.fakes.aws.dynamodb import FakeDynamoDb, client_error
from tests.fakes.aws.queue import Queue
from tests.fakes.batches import Batches, reported_ids
from tests.fakes.clock import Alarm, Clock
from tests.fakes.destinations import FakeDestination

HOUR = 3600.0
# The delays in docs/outcomes.md with the default settings: 12 receives, first delay 30 s.
DELAYS = [30, 60, 120, 240, 480, *[900] * 6]
MAX_OUTAGE = sum(DELAYS)


@dataclass
class DownDestination:
    """A destination in an outage. Until that ends, deliveries hang and fail."""

    clock: Clock
    outage_ends_at: float
    hang_seconds: float
    name: str = "down"
    needs_main_thread: bool = False
    received: list[str] = field(default_factory=list)

    def deliver(self, ends: Sequence[ConversationEnd], deadline: Deadline) -> Iterator[Receipt]:
        for position, conversation_end in enumerate(ends):
            if deadline.passed():
                return
            if self.clock.now < self.outage_ends_at:
                self.clock.sleep(min(self.hang_seconds, deadline.left()))
                yield Receipt(position, "failed", "no answer")
            else:
                self.received.append(conversation_end.conversation_id)
                yield Receipt(position, "arrived")


def run(
    batches: Batches, queue: Queue, arrivals: dict[str, float], *, batch_size: int = 10
) -> None:
    """Process messages in batches when they fall due, all due batches at the same time."""
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
        while records := queue.receive(batch_size):
            queue.settle(records, reported_ids(batches.run(records)))
            # The next batch is processed at the same time.
            clock.now = now
    raise AssertionError("the messages never run out")


@pytest.fixture
def queue(clock: Clock) -> Queue:
    return Queue(clock)


@pytest.fixture
def batches(queue: Queue, clock: Clock, dynamodb: FakeDynamoDb) -> Batches:
    return Batches(queue, clock, dynamodb)


@pytest.mark.parametrize(
    "hang_seconds", [0.1, CALL_SECONDS], ids=["refuses quickly", "hangs to the limit"]
)
@pytest.mark.parametrize("is_alone", [True, False], ids=["alone", "before another"])
def test_an_hour_without_a_destination_is_survived(
    batches: Batches, queue: Queue, clock: Clock, hang_seconds: float, is_alone: bool
) -> None:
    down, other = DownDestination(clock, HOUR, hang_seconds), FakeDestination("other")
    batches.destinations = [down] if is_alone else [down, other]
    bursts = {f"c-{n}": HOUR / 4 * (n // 13) for n in range(13 * 4)}
    run(batches, queue, bursts)
    assert sorted(down.received) == sorted(bursts)
    assert len(other.received) == len(set(other.received)) == (0 if is_alone else len(bursts))
    assert queue.waiting == {}
    assert queue.bodies_of_the_dead() == []
    assert queue.refused == []
    for delays in queue.delays.values():
        assert delays == DELAYS[: len(delays)]
    # The first messages failed during the whole hour: at 0, 30, 90 … 2,730 s, but not at 3,630 s.
    assert max(map(len, queue.delays.values())) == 8
    assert clock.now < HOUR + 900 + 30


def test_an_hour_without_the_ledger_is_survived(
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


def test_a_destination_that_is_down_does_not_delay_others(
    batches: Batches, queue: Queue, clock: Clock
) -> None:
    down, other = DownDestination(clock, HOUR, CALL_SECONDS), FakeDestination("other")
    batches.destinations = [down, other]
    for n in range(10):
        queue.put(end(f"c-{n}"))
    batches.run(queue.receive(10))
    assert len(other.received) == 10
    assert down.received == []
    assert clock.now < 30


@pytest.mark.parametrize(("extra_seconds", "arrives"), [(-1, True), (1, False)])
def test_an_outage_as_long_as_all_delays_is_survived(
    batches: Batches, queue: Queue, clock: Clock, extra_seconds: float, arrives: bool
) -> None:
    down = DownDestination(clock, MAX_OUTAGE + extra_seconds, 0)
    batches.destinations = [down]
    run(batches, queue, {"c": 0})
    assert down.received == (["c"] if arrives else [])
    assert len(queue.bodies_of_the_dead()) == (not arrives)
    (delays,) = queue.delays.values()
    assert delays == DELAYS + [900] * (not arrives)


@pytest.mark.parametrize("is_interrupted", [True, False])
@pytest.mark.usefixtures("random_delays")
def test_a_slow_action_with_a_large_batch_exhausts_no_end_s_receives(
    batches: Batches, queue: Queue, clock: Clock, alarm: Alarm, *, is_interrupted: bool
) -> None:
    # Of a batch of 100, an invocation delivers 5 or 6 ends: 12 receives of the whole batch deliver
    # 60 or 72. The others fail with `destination` if the last action is interrupted, or else with
    # `no_time`.
    arrived: list[str] = []

    def act(conversation_end: ConversationEnd) -> None:
        if is_interrupted and alarm.seconds_to_alarm < 4.6:
            alarm.hang()
        clock.sleep(4.6 if is_interrupted else 4.5)
        arrived.append(conversation_end.conversation_id)

    batches.action = act
    ends = {f"c-{n}": 0.0 for n in range(100)}
    run(batches, queue, ends, batch_size=100)
    assert sorted(arrived) == sorted(ends)
    assert queue.bodies_of_the_dead() == []
    assert max(map(len, queue.delays.values())) <= 6
