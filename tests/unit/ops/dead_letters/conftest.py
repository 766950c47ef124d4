"""The commands for dead letters, with queues in memory."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.fakes.aws.queues import FakeLogs, FakeQueues, FakeStack, FakeWorker
from tests.fakes.clock import Clock
from tests.unit.ops.conftest import Ops


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def queues(clock: Clock) -> FakeQueues:
    return FakeQueues(clock)


@pytest.fixture
def worker_log() -> FakeLogs:
    return FakeLogs()


@pytest.fixture
def dlq(make_ops: Callable[..., Ops], queues: FakeQueues, worker_log: FakeLogs) -> Ops:
    """The command line for an account with these queues."""
    clients: dict[str, Any] = {"sqs": queues, "logs": worker_log}
    return make_ops(cloudformation=FakeStack(), **{"lambda": FakeWorker()}, **clients)
