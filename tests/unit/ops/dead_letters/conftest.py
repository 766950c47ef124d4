"""The commands for dead letters, with queues in memory."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.fakes.aws.queues import FakeLogs, FakeQueues, FakeWorker
from tests.fakes.aws.sqs import DEAD, INTAKE
from tests.fakes.clock import Clock
from tests.unit.ops.conftest import Ops
from tests.unit.ops.deployed_stack import DeployedStack


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
def dlq(
    make_ops: Callable[..., Ops],
    stack: DeployedStack,
    queues: FakeQueues,
    worker_log: FakeLogs,
) -> Ops:
    """The command line for an account with these queues."""
    stack.cloudformation.outputs |= {"QueueUrl": INTAKE, "DeadLetterQueueUrl": DEAD}
    clients: dict[str, Any] = {"sqs": queues, "logs": worker_log, "lambda": FakeWorker()}
    return make_ops(cloudformation=stack.cloudformation, **clients)
