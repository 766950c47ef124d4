"""A ledger table in memory, and a simulated clock for deadlines."""

from collections.abc import Iterator

import pytest

from tests.fakes.aws.dynamodb import FakeDynamoDb
from tests.fakes.clock import Alarm, Clock
from tests.fakes.invocations import Invocations


@pytest.fixture(autouse=True)
def alarm(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Alarm:
    return Alarm(clock, monkeypatch)


@pytest.fixture
def dynamodb() -> Iterator[FakeDynamoDb]:
    dynamodb = FakeDynamoDb()
    yield dynamodb
    assert dynamodb.mistakes() == []


@pytest.fixture
def invocations(dynamodb: FakeDynamoDb, clock: Clock) -> Invocations:
    return Invocations(dynamodb, clock)
