"""The worker with in-memory clients, and its log."""

import io
import json
import random
from collections.abc import Iterator
from typing import Any

import pytest

import destinations.actions
import worker.intake_queue
from tests.fakes.aws.dynamodb import FakeDynamoDb
from tests.fakes.aws.sqs import FakeSqs
from tests.fakes.batches import Batches
from tests.fakes.clock import Alarm, Clock


class Log:
    """The log lines of the functions."""

    def __init__(self) -> None:
        self.stream = io.StringIO()

    @property
    def text(self) -> str:
        return self.stream.getvalue()

    def all_lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.text.split("\n") if line]

    def lines(self, level: str, message: str) -> list[dict[str, Any]]:
        lines = self.all_lines()
        return [line for line in lines if (line["level"], line["message"]) == (level, message)]

    def warnings(self) -> list[dict[str, Any]]:
        return [line for line in self.all_lines() if line["level"] == "WARNING"]


@pytest.fixture
def real_alarm() -> None:
    """Keep the real alarm, for tests in which real time passes."""


@pytest.fixture(autouse=True)
def alarm(
    request: pytest.FixtureRequest, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> Alarm | None:
    return None if "real_alarm" in request.fixturenames else Alarm(clock, monkeypatch)


@pytest.fixture
def random_delays() -> None:
    """Keep the random part of the delays of failed messages."""


@pytest.fixture(autouse=True)
def shortest_delays(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give failed messages the shortest of their possible delays."""
    if "random_delays" not in request.fixturenames:
        monkeypatch.setattr(random, "randint", lambda shortest, _longest: shortest)


@pytest.fixture
def sqs() -> FakeSqs:
    return FakeSqs()


@pytest.fixture
def dynamodb() -> Iterator[FakeDynamoDb]:
    dynamodb = FakeDynamoDb()
    yield dynamodb
    assert dynamodb.mistakes() == []


@pytest.fixture
def batches(sqs: FakeSqs, clock: Clock, dynamodb: FakeDynamoDb) -> Batches:
    return Batches(sqs, clock, dynamodb)


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> Log:
    log = Log()
    # Powertools' loggers keep the standard output of the moment at which they were created.
    for logger in (worker.intake_queue.logger, destinations.actions.logger):
        monkeypatch.setattr(logger.registered_handler, "stream", log.stream)
    return log
