"""The size of the worker's log for a thousand ends. CloudWatch charges for each byte."""

import random
import time
import uuid
from collections.abc import Callable

import pytest

from tests.bodies import ENDED, end
from tests.fakes.aws.cloudwatch import metrics_of
from tests.fakes.aws.dynamodb import FakeDynamoDb
from tests.fakes.aws.sqs import FakeSqs
from tests.fakes.aws.sqs_event import records
from tests.fakes.clock import Clock
from tests.fakes.entry_points import WORKER, imported_anew
from tests.unit.worker.conftest import Log

QUEUES = [str(uuid.UUID(int=number, version=4)) for number in range(50)]
NOW_MS = int(ENDED.timestamp() * 1000) + 10_000

WriteLog = Callable[[int, int, int], str]


@pytest.fixture
def write_log(
    monkeypatch: pytest.MonkeyPatch,
    log: Log,
    capsys: pytest.CaptureFixture[str],
    zeros_due: None,
) -> WriteLog:
    """Return a function that processes ends and returns the worker's log and metrics.

    The action writes nothing.
    """
    variables = WORKER | {"QUEUE_IDS": ",".join(QUEUES)}
    # Lambda sets this variable even if the function is not traced.
    variables["_X_AMZN_TRACE_ID"] = "Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=0"
    monkeypatch.setattr("destinations.actions.on_conversation_end", lambda _: None)
    monkeypatch.setattr(time, "time_ns", lambda: NOW_MS * 1_000_000)
    clients = {"sqs": FakeSqs(), "dynamodb": FakeDynamoDb()}
    handler = imported_anew("worker", clients, variables, monkeypatch).handler

    def write(ends: int, batch_size: int, queues: int) -> str:
        rng = random.Random(5)
        bodies = [
            end(f"c-{n}", queue_id=rng.choice(QUEUES[:queues]), after=10 - latency)
            for n in range(ends)
            for latency in [rng.randint(200, 5000) / 1000]
        ]
        for start in range(0, ends, batch_size):
            batch = {"Records": records(*bodies[start : start + batch_size])}
            assert handler(batch, Clock().invocation(30)) == {"batchItemFailures": []}
        return log.text + capsys.readouterr().out

    return write


@pytest.mark.parametrize(
    ("batch_size", "queues", "max_kb"),
    [
        *((10, 1, 80), (10, 2, 110), (10, 10, 255)),
        *((100, 1, 15), (100, 2, 20), (100, 10, 45), (100, 50, 150)),
        (2_000, 50, 15),
    ],
)
def test_a_thousand_ends_make_a_small_log(
    write_log: WriteLog, batch_size: int, queues: int, max_kb: int
) -> None:
    ends = max(1000, batch_size)
    written = write_log(ends, batch_size, queues)
    assert len(written.encode()) / (ends / 1000) <= max_kb * 1000
    # CloudWatch takes all of the metrics.
    ended = [metric for metric in metrics_of(written) if metric.name == "EndToEndLatency"]
    assert sum(len(metric.values) for metric in ended if len(metric.dimensions) == 2) == ends
