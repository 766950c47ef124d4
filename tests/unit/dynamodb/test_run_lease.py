"""The lease of the watchdog's runs belongs to the run that took it last."""

from typing import Any

from dynamodb.run_lease import RunLease
from tests.fakes.aws.dynamodb import TABLE, FakeDynamoDb
from tests.fakes.clock import Clock


def test_a_run_whose_lease_is_over_cannot_give_back_the_lease_of_the_next_run() -> None:
    dynamodb: Any = FakeDynamoDb()
    clock, now = Clock(), [1_000_000]
    first, second, third = (RunLease(dynamodb, TABLE, lambda: now[0]) for _ in range(3))
    assert first.take(1000, clock.deadline(5))
    assert not second.take(1000, clock.deadline(5))
    now[0] += 1001
    assert second.take(1000, clock.deadline(5))

    first.give_back(clock.deadline(5))
    assert not third.take(1000, clock.deadline(5))
    second.give_back(clock.deadline(5))
    assert third.take(1000, clock.deadline(5))

    assert [*dynamodb.items] == [("#watchdog", "#watchdog")]
    assert dynamodb.mistakes() == []
