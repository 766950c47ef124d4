"""The request slots in DynamoDB space the requests of all invocations, and pause them together."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from hypothesis import given, settings
from hypothesis import strategies as st

from deadline import Deadline
from details.request_slots import BURST, REQUESTS_PER_MINUTE, SLOT_MS
from dynamodb.request_slots import TableSlots
from tests.bodies import ENDED
from tests.fakes.aws.dynamodb import TABLE, FakeDynamoDb, Lost, client_error
from tests.fakes.clock import Alarm, Clock
from tests.fakes.turns import Turns

START_MS = int(ENDED.timestamp() * 1000)
UPDATE = "update_item"
CONDITION_FAILED = "ConditionalCheckFailedException"


class Org:
    """Invocations that share request slots, in the time of one clock."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.dynamodb = FakeDynamoDb()

    def now_ms(self) -> int:
        return START_MS + round(self.clock.now * 1000)

    def invocation(self, dynamodb: Any = None) -> TableSlots:
        """Return the slots of another invocation, which knows nothing yet."""
        client: Any = dynamodb or self.dynamodb
        return TableSlots(client, TABLE, slot_ms=SLOT_MS, burst=BURST, now_ms=self.now_ms)

    def take(self, slots: TableSlots, seconds: float = 10) -> bool:
        return slots.take(self.clock.deadline(seconds))

    def pause(self, slots: TableSlots, seconds: float) -> None:
        slots.pause(seconds, self.clock.deadline(2))

    @property
    def next_at(self) -> int:
        [item] = self.dynamodb.items.values()
        return int(item["next_at"]["N"])


@pytest.fixture
def org(clock: Clock) -> Org:
    return Org(clock)


def test_the_first_requests_come_at_once_and_then_four_a_second(org: Org) -> None:
    slots = org.invocation()
    times = []
    for _ in range(BURST + 9):
        assert org.take(slots)
        times.append(org.clock.now)
    assert times == [0.0] * (BURST + 1) + [0.25 * number for number in range(1, 9)]
    assert org.dynamodb.mistakes() == []


def test_a_burst_is_limited_after_any_time_without_requests(org: Org) -> None:
    slots, other = org.invocation(), org.invocation()
    assert org.take(slots)
    for idle_seconds, at_once in [(3600, 21), (2, 9), (0.25, 2), (5, 21), (5.1, 21)]:
        begin = org.clock.now = org.clock.now + idle_seconds
        count = 0
        while org.take([slots, other][count % 2]) and org.clock.now == begin:
            count += 1
        # The last slot, which came later, is part of the next burst.
        assert at_once - 1 <= count <= at_once


def test_slots_in_a_row_cost_one_update_each(org: Org) -> None:
    slots = org.invocation()
    for _ in range(100):
        assert org.take(slots)
    assert org.dynamodb.count(UPDATE) == 100


def test_an_invocation_that_knows_nothing_needs_two_updates_once(org: Org) -> None:
    assert org.take(org.invocation())
    slots = org.invocation()
    for updates in (3, 4, 5):
        assert org.take(slots)
        assert org.dynamodb.count(UPDATE) == updates


def test_a_slot_after_a_long_time_costs_one_update(org: Org) -> None:
    slots = org.invocation()
    for updates in (1, 2, 3):
        assert org.take(slots)
        assert org.dynamodb.count(UPDATE) == updates
        org.clock.now += 60


def test_a_slot_whose_place_another_invocation_took_costs_two_updates(org: Org) -> None:
    slots, other = org.invocation(), org.invocation()
    assert org.take(slots)
    org.clock.now += 60
    assert org.take(other)
    before = org.dynamodb.count(UPDATE)
    assert org.take(slots)
    assert org.dynamodb.count(UPDATE) - before == 2


def test_a_slot_that_others_have_taken_costs_one_update(org: Org) -> None:
    slots, other = org.invocation(), org.invocation()
    assert org.take(slots)
    while org.take(other, 0.1):
        pass
    before = org.dynamodb.count(UPDATE)
    assert not org.take(slots, 0.1)
    assert org.dynamodb.count(UPDATE) - before == 1


def test_no_slot_comes_after_the_deadline(org: Org) -> None:
    slots = org.invocation()
    for _ in range(BURST + 1):
        assert org.take(slots)
    assert not org.take(slots, 0.25)
    assert org.clock.pauses == []
    assert org.take(slots, 0.6)


def test_a_slot_that_lies_beyond_the_deadline_is_not_taken(org: Org) -> None:
    slots, other = org.invocation(), org.invocation()
    for _ in range(BURST + 40):
        org.take(slots, 1)
    next_at = org.next_at
    for invocation in (slots, other, slots):
        assert not org.take(invocation, 0.1)
    assert org.next_at == next_at


@pytest.mark.parametrize("seconds", [0.0, -0.1, -4, -5.1, -100])
def test_after_the_deadline_there_is_no_update(org: Org, seconds: float) -> None:
    assert not org.take(org.invocation(), seconds)
    assert org.dynamodb.calls == []


def test_a_pause_holds_for_all_invocations(org: Org) -> None:
    slots, other, third = org.invocation(), org.invocation(), org.invocation()
    assert org.take(other)
    org.pause(slots, 30)
    for invocation in (slots, other, third):
        assert not org.take(invocation, 29)
    org.clock.now = 25
    assert org.take(third, 10)
    assert org.clock.now == 30
    assert org.take(other, 10)
    assert org.clock.now == 30.25, "there is no burst after a pause"


def test_a_pause_is_the_first_thing_that_may_happen(org: Org) -> None:
    org.pause(org.invocation(), 30)
    assert not org.take(org.invocation(), 29)
    assert org.take(org.invocation(), 31)
    assert org.clock.now == 30


def test_a_pause_that_an_invocation_knows_costs_no_update(org: Org) -> None:
    slots = org.invocation()
    org.pause(slots, 30)
    before = org.dynamodb.count(UPDATE)
    for _ in range(5):
        assert not org.take(slots, 29)
    assert org.dynamodb.count(UPDATE) == before
    assert not org.take(org.invocation(), 29)
    assert org.dynamodb.count(UPDATE) - before == 2, "another invocation has to ask"


def test_a_pause_is_never_shortened(org: Org) -> None:
    slots = org.invocation()
    org.pause(slots, 60)
    org.pause(org.invocation(), 5)
    org.pause(slots, 30)
    assert org.next_at == START_MS + 60_000
    org.clock.now = 40
    org.pause(org.invocation(), 60)
    assert org.next_at == START_MS + 100_000
    assert org.dynamodb.mistakes() == []


ERRORS = [
    client_error("ThrottlingException"),
    client_error("AccessDeniedException"),
    client_error("ValidationException"),
    client_error("InternalServerError", 500),
    EndpointConnectionError(endpoint_url="(somewhere)"),
    TimeoutError(),
]


@pytest.mark.parametrize("error", ERRORS, ids=repr)
def test_any_other_error_is_raised_at_once(org: Org, error: Exception) -> None:
    slots = org.invocation()
    for call in (lambda: org.take(slots), lambda: org.pause(slots, 5)):
        before = org.dynamodb.count(UPDATE)
        org.dynamodb.script(UPDATE, error)
        with pytest.raises(type(error)):
            call()
        assert org.dynamodb.count(UPDATE) - before == 1
    assert org.take(slots), "the next call finds the item as it was"


def test_an_update_whose_answer_is_lost_costs_a_slot_and_no_more(org: Org) -> None:
    slots = org.invocation()
    assert org.take(slots)
    org.dynamodb.script(UPDATE, Lost(TimeoutError()))
    with pytest.raises(TimeoutError):
        org.take(slots)
    assert org.next_at == START_MS - BURST * SLOT_MS + 2 * SLOT_MS
    assert org.take(slots)


def test_an_update_that_hangs_is_interrupted_at_the_deadline(org: Org, alarm: Alarm) -> None:
    org.dynamodb.script(UPDATE, alarm.hang)
    with pytest.raises(TimeoutError):
        org.take(org.invocation(), 2)
    assert org.clock.now == pytest.approx(2)


def test_a_slot_that_comes_too_late_after_a_slow_update_is_not_used(org: Org) -> None:
    slots = org.invocation()
    for _ in range(BURST + 1):
        assert org.take(slots)
    org.dynamodb.script(UPDATE, lambda: org.clock.sleep(0.9))
    assert org.take(slots, 1), "the slot has come during the update"
    org.dynamodb.script(UPDATE, lambda: org.clock.sleep(1.1))
    for _ in range(3):
        org.take(slots, 1)
    assert org.dynamodb.mistakes() == []


def test_the_item_has_a_key_that_no_end_has(org: Org) -> None:
    assert org.take(org.invocation())
    assert [*org.dynamodb.items] == [("#requests", "#requests")]


# Ten invocations, whose calls follow one another at random.


@dataclass
class Worker:
    """An invocation that takes slots for requests.

    Attributes
    ----------
    wake_at
        The time at which it goes on.
    late
        The slots that it got after its deadline.
    most_updates
        The most updates that a slot has cost.
    """

    turns: Turns | None = None
    wake_at: float = 0.0
    updates: int = 0
    most_updates: int = 0
    late: list[float] = field(default_factory=list)


@dataclass(frozen=True)
class Pause:
    begins_at: float
    ends_at: float


class Simulation:
    """Workers that share request slots. Each update and each sleep ends a worker's turn.

    Attributes
    ----------
    requests
        The time of each request, and the time at which its worker began to take the slot.
    """

    def __init__(
        self,
        seed: int,
        seconds: float,
        *,
        workers: int = 10,
        think_seconds: Sequence[float] = (0.0,),
        deadlines: Sequence[float] = (10.0,),
        pauses: Sequence[float] = (),
    ) -> None:
        self.org = Org(Clock())
        self.requests: list[tuple[float, float]] = []
        self.pauses: list[Pause] = []
        self.workers = [Worker() for _ in range(workers)]
        self._chance = random.Random(seed)
        self._seconds = seconds
        self._think_seconds = think_seconds
        self._deadlines = deadlines
        self._pauses = pauses
        for worker in self.workers:
            worker.turns = Turns(self._work_of(worker))
        self._run()

    def _run(self) -> None:
        clock = self.org.clock
        active = [*self.workers]
        while active:
            clock.now = max(clock.now, min(worker.wake_at for worker in active))
            chosen = self._chance.choice([w for w in active if w.wake_at <= clock.now])
            assert chosen.turns
            if not chosen.turns.go_on():
                active.remove(chosen)

    def _work_of(self, worker: Worker) -> Callable[[], None]:
        chance, clock = random.Random(self._chance.random()), self.org.clock

        def wait(seconds: float) -> None:
            worker.wake_at = clock.now + seconds
            assert worker.turns
            worker.turns.stop()

        class Client:
            def update_item(_, **parameters: Any) -> Any:  # noqa: N805 - `self` is the simulation
                wait(0)
                worker.updates += 1
                return self.org.dynamodb.update_item(**parameters)

        slots = self.org.invocation(Client())

        def work() -> None:
            while clock.now < self._seconds:
                wait(chance.choice(self._think_seconds))
                began_at, worker.updates = clock.now, 0
                passes_at = began_at + chance.choice(self._deadlines)
                deadline = Deadline(lambda at=passes_at: at - clock.now, wait)  # type: ignore[misc]
                if slots.take(deadline):
                    self.requests.append((clock.now, began_at))
                    if clock.now > passes_at:
                        worker.late.append(clock.now)
                else:
                    wait(0.5)
                worker.most_updates = max(worker.most_updates, worker.updates)
                if self._pauses and chance.random() < 0.01:
                    seconds = chance.choice(self._pauses)
                    slots.pause(seconds, deadline)
                    self.pauses.append(Pause(clock.now, clock.now + seconds))

        return work

    def most_in(self, seconds: float) -> int:
        """Return the most requests in any time of so many seconds."""
        times = sorted(time for time, _ in self.requests)
        first, most = 0, 0
        for position, time in enumerate(times):
            while time - times[first] >= seconds:
                first += 1
            most = max(most, position - first + 1)
        return most

    def check(self) -> None:
        """Check what holds in every simulation."""
        assert self.org.dynamodb.mistakes() == []
        assert self.most_in(60) <= REQUESTS_PER_MINUTE + BURST
        assert all(worker.most_updates <= 3 for worker in self.workers)
        assert all(worker.late == [] for worker in self.workers)
        numbers = [int(written.after["next_at"]["N"]) for written in self.org.dynamodb.written]
        assert numbers == sorted(set(numbers)), "the item only ever grows"


@given(
    seed=st.integers(0, 10**6),
    think_seconds=st.lists(
        st.sampled_from([0.0, 0.1, 1, 7, 40]), min_size=1, max_size=3, unique=True
    ),
    deadlines=st.lists(st.sampled_from([0.0, 0.2, 1.0, 3, 20]), min_size=1, max_size=3),
    pauses=st.sampled_from([(), (), (5.0,), (1.0, 30.0)]),
)
@settings(max_examples=10)
def test_in_no_minute_are_there_more_requests_than_allowed(
    seed: int, think_seconds: list[float], deadlines: list[float], pauses: tuple[float, ...]
) -> None:
    simulation = Simulation(
        seed, 70, think_seconds=think_seconds, deadlines=deadlines, pauses=pauses
    )
    simulation.check()
    for pause in simulation.pauses:
        early = [
            time
            for time, began_at in simulation.requests
            if began_at > pause.begins_at and time < pause.ends_at
        ]
        assert early == [], "a slot that was taken in a pause came before its end"


def test_invocations_that_always_want_slots_get_four_a_second_and_one_burst() -> None:
    simulation = Simulation(1, 120)
    simulation.check()
    in_time = [time for time, _ in simulation.requests if time < 120]
    assert len(in_time) == 120 * REQUESTS_PER_MINUTE // 60 + BURST
    assert simulation.most_in(60) == REQUESTS_PER_MINUTE + BURST
    # Each worker's first slot can cost a second update.
    updates = simulation.org.dynamodb.count(UPDATE)
    assert updates <= len(simulation.requests) + len(simulation.workers)


def test_the_waits_of_invocations_that_always_want_slots_are_alike() -> None:
    simulation = Simulation(2, 60)
    waits = [time - began_at for time, began_at in simulation.requests]
    assert max(waits) <= len(simulation.workers) * SLOT_MS / 1000


def test_the_fake_refuses_what_dynamodb_refuses(org: Org) -> None:
    sound: dict[str, Any] = {
        "TableName": TABLE,
        "Key": {"conversation_id": {"S": "k"}, "queue_id": {"S": "k"}},
        "UpdateExpression": "SET n = n + :a",
        "ConditionExpression": "n BETWEEN :b AND :c",
        "ExpressionAttributeValues": {":a": {"N": "1"}, ":b": {"N": "2"}, ":c": {"N": "3"}},
        "ReturnValues": "UPDATED_NEW",
    }
    values = sound["ExpressionAttributeValues"]
    with pytest.raises(ClientError, match=CONDITION_FAILED):
        org.dynamodb.update_item(**sound)
    assert org.dynamodb.refused == []
    changes: list[dict[str, Any]] = [
        {"TableName": "other"},
        {"Key": {"conversation_id": {"S": "k"}}},
        {"Key": {"conversation_id": {"S": ""}, "queue_id": {"S": "k"}}},
        {"UpdateExpression": "ADD n :a"},
        {"ConditionExpression": "n > :b AND n < :c"},
        {"ExpressionAttributeValues": values | {":d": {"N": "1"}}},
        {"ExpressionAttributeValues": values | {":a": {"N": "one"}}},
        {"ExpressionAttributeValues": values | {":b": {"N": "4"}}},
        {"ExpressionAttributeValues": {":a": {"N": "1"}, ":b": {"N": "2"}}},
        {"Expected": {}},
    ]
    for change in changes:
        org.dynamodb.refused.clear()
        with pytest.raises(ClientError):
            org.dynamodb.update_item(**sound | change)
        assert org.dynamodb.refused != [], change
