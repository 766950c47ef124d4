"""How much the worker writes for a thousand ends: a log is paid for by the byte."""

import random
import time
import uuid
from collections.abc import Callable

import pytest

from tests.bodies import ENDED, end
from tests.fakes.aws.dynamodb import FakeDynamoDb
from tests.fakes.aws.sqs import FakeSqs
from tests.fakes.aws.sqs_event import records
from tests.fakes.clock import Clock
from tests.fakes.entry_points import WORKER, imported_anew
from tests.unit.worker.conftest import Log

QUEUES = [str(uuid.UUID(int=number, version=4)) for number in range(50)]
NOW_MS = int(ENDED.timestamp() * 1000) + 10_000

Written = Callable[[int, int, int], str]


@pytest.fixture
def written(
    monkeypatch: pytest.MonkeyPatch, log: Log, capsys: pytest.CaptureFixture[str]
) -> Written:
    """Return what the worker writes, its action's lines left out, of ends that take 0.2 to 5 s."""
    variables = WORKER | {"STAGE": "production", "QUEUE_IDS": ",".join(QUEUES)}
    # Lambda sets it whether the function is traced or not.
    variables["_X_AMZN_TRACE_ID"] = "Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=0"
    monkeypatch.setattr("destinations.actions.on_conversation_end", lambda _: None)
    monkeypatch.setattr(time, "time_ns", lambda: NOW_MS * 1_000_000)
    clients = {"sqs": FakeSqs(), "dynamodb": FakeDynamoDb()}
    handler = imported_anew("worker", clients, variables, monkeypatch).handler

    def write(ends: int, batch_size: int, queues: int) -> str:
        of_ours = random.Random(5)
        told = [
            end(f"c-{n}", queue_id=of_ours.choice(QUEUES[:queues]), after=10 - latency)
            for n in range(ends)
            for latency in [of_ours.randint(200, 5000) / 1000]
        ]
        for start in range(0, ends, batch_size):
            batch = {"Records": records(*told[start : start + batch_size])}
            assert handler(batch, Clock().invocation(30)) == {"batchItemFailures": []}
        return log.text + capsys.readouterr().out

    return write


@pytest.mark.parametrize(
    ("batch_size", "queues", "most_kb"),
    [(10, 1, 160), (10, 2, 160), (100, 1, 25), (100, 2, 25), (100, 50, 200), (2_000, 50, 75)],
)
def test_a_thousand_ends_are_few_bytes_of_log(
    written: Written, batch_size: int, queues: int, most_kb: int
) -> None:
    ends = max(1000, batch_size)
    size = len(written(ends, batch_size, queues).encode())
    assert size < most_kb * 1000 * ends / 1000
