"""The worker as Lambda calls it, with in-memory clients behind boto3."""

import functools
import json
import socket
import time
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conversations.parsed import Rejected
from deadline import Deadline
from tests.bodies import CANARY, OTHER_QUEUE, QUEUE, bodies, end, having
from tests.fakes.aws.cloudwatch import metrics_of
from tests.fakes.aws.dynamodb import FakeDynamoDb
from tests.fakes.aws.sqs import FakeSqs
from tests.fakes.aws.sqs_event import Countdown, record, records
from tests.fakes.clock import Clock, Invocation
from tests.fakes.entry_points import WORKER, imported_anew
from tests.unit.worker.conftest import Log
from worker.messages import Message

Load = Callable[..., Any]


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch, log: Log, zeros_due: None) -> Load:
    """Return a function that imports the handler again, as Lambda does at a cold start.

    Its first argument is the SQS client, or a function that creates the client.
    """

    def load(sqs: Any, act: Callable[[Any], object] | None = None) -> Any:
        if act:
            monkeypatch.setattr("destinations.actions.on_conversation_end", act)
        clients = {"sqs": sqs, "dynamodb": FakeDynamoDb()}
        return imported_anew("worker", clients, WORKER, monkeypatch)

    return load


def call(worker: Any, message_records: list[dict[str, Any]], context: Any = None) -> list[str]:
    """Call the handler, check the form of its response, and return the message ids in it."""
    context = context or Clock().invocation(30)
    response = json.loads(json.dumps(worker.handler({"Records": message_records}, context)))
    assert list(response) == ["batchItemFailures"]
    assert all(list(failure) == ["itemIdentifier"] for failure in response["batchItemFailures"])
    ids = [failure["itemIdentifier"] for failure in response["batchItemFailures"]]
    assert len(set(ids)) == len(ids)
    assert set(ids) <= {message["messageId"] for message in message_records}
    return ids


def test_the_handler_processes_rejects_ignores_and_reports(
    load: Load, sqs: FakeSqs, log: Log, capsys: pytest.CaptureFixture[str]
) -> None:
    acted: list[str] = []

    def act(end: Any) -> None:
        acted.append(end.conversation_id)
        if end.conversation_id == "bad":
            raise LookupError(CANARY)

    message_records = records(
        end("fine"), end("bad"), "{", end("else", queue_id=OTHER_QUEUE), end("fine")
    )
    assert call(load(sqs, act), message_records) == ["m-2"]
    assert acted == ["fine", "bad"]
    assert sqs.visibility == {"r:m-2": 30}
    assert [entry["MessageBody"] for entry in sqs.dead] == ["{"]
    assert sqs.deleted == ["r:m-3"]
    assert len(log.lines("INFO", "Batch")) == 1
    assert len(log.lines("WARNING", "Message")) == 2
    counts = {
        metric.name: metric.values
        for metric in metrics_of(capsys.readouterr().out)
        if metric.dimensions == {"Stage": "dev"} and metric.unit == "Count"
    }
    assert counts == {
        **{"Received": [5], "Processed": [1], "Duplicate": [1], "Ignored": [1], "Rejected": [1]},
        **{"Failed": [1], "Ended": [1], "DeliveryFailures": [1], "BatchSize": [5]},
        "ColdStart": [1],
    }


def test_every_line_of_an_invocation_has_its_request_id(load: Load, sqs: FakeSqs, log: Log) -> None:
    worker = load(sqs)
    invocations = [Invocation(Clock(), 30, aws_request_id=f"request-{n}") for n in range(2)]
    for invocation in invocations:
        call(worker, records(end(invocation.aws_request_id), "{"), invocation)
    lines = [json.loads(line) for line in log.text.splitlines()]
    assert {line["service"] for line in lines} == {"worker", "actions"}
    assert [line["function_request_id"] for line in lines] == ["request-0"] * 3 + ["request-1"] * 3


def test_only_the_ids_of_our_queues_are_dimensions(
    load: Load, sqs: FakeSqs, capsys: pytest.CaptureFixture[str]
) -> None:
    bodies_sent = [
        end("a"),
        end("b", queue_id="second-queue"),
        end("c", queue_id=OTHER_QUEUE),
        end("bad"),
    ]
    worker = load(sqs, lambda end: 1 / 0 if end.conversation_id == "bad" else None)
    call(worker, records(*bodies_sent, having("attributes", "queueId", value="third-queue")))
    metrics = metrics_of(capsys.readouterr().out)
    queue_metrics = {
        (m.dimensions["QueueId"], m.name) for m in metrics if "QueueId" in m.dimensions
    }
    assert queue_metrics == {
        (queue_id, name)
        for queue_id in (QUEUE, "second-queue")
        for name in ("Ended", "EndToEndLatency")
    }
    assert all(set(m.dimensions) <= {"Stage", "QueueId"} for m in metrics)


def test_only_the_first_batch_is_a_cold_start(
    load: Load, sqs: FakeSqs, capsys: pytest.CaptureFixture[str]
) -> None:
    def cold_starts(worker: Any) -> float:
        call(worker, records(end("c")))
        metrics = metrics_of(capsys.readouterr().out)
        return sum(sum(m.values) for m in metrics if m.name == "ColdStart")

    worker = load(sqs)
    assert [cold_starts(worker) for _ in range(3)] == [1, 0, 0]
    assert cold_starts(load(sqs)) == 1


def test_latency_counts_from_the_event_s_time(
    load: Load, sqs: FakeSqs, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    worker = load(sqs)
    monkeypatch.setattr(time, "time_ns", lambda: 1_795_428_002_500_999_999)
    undated = record(end("u", after=None), "m-9", sent_at=1_795_428_001_000)
    call(worker, [*records(end("c"), end("early", after=-0.25), end("future", after=60)), undated])
    metrics = metrics_of(capsys.readouterr().out)
    latencies = [m for m in metrics if m.name == "EndToEndLatency"]
    assert [m.values for m in latencies] == [[2500, 2750, 0, 1500]] * 2
    assert {m.unit for m in latencies} == {"Milliseconds"}


@pytest.fixture
def silent_sqs() -> Iterator[Callable[..., Any]]:
    """Return a function that creates a client of an SQS that never responds."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield functools.partial(
            boto3.client,
            endpoint_url=f"http://127.0.0.1:{server.getsockname()[1]}",
            region_name="eu-west-1",
            aws_access_key_id="id",
            aws_secret_access_key="secret",
        )


# The alarm may ring in a callback of the garbage collector, which swallows
# the error. It then rings again.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.usefixtures("real_alarm")
def test_an_sqs_that_never_responds_leaves_time_to_report(
    load: Load, silent_sqs: Callable[..., Any]
) -> None:
    """botocore mistakes an interruption for a network failure, and would try again."""
    worker = load(silent_sqs)
    context = Countdown(1.1)
    poison = [(Message.from_record(record("{")), Rejected("not_json", "why"))]
    (outcome,) = worker.dependencies.intake.reject(poison, Deadline.before_timeout(context, 1.0))
    assert (outcome.kind, outcome.reason) == ("failed", "dead_letter_queue")
    assert call(worker, records("{"), Countdown(1.1)) == ["m-1"]
    # botocore alone would try for minutes.
    assert context.get_remaining_time_in_millis() > -30_000


_ODD_ATTRIBUTES: list[Any] = [5, [], {"SentTimestamp": "9" * 5000}]
_ODD_BODIES: list[Any] = [5, {"a": 1}, "\ud83d"]
_ODD_MESSAGE_ATTRIBUTES: list[Any] = [5, {"a": 5}, {"\ud83d": {}}]


@pytest.mark.parametrize(
    "odd_record",
    [
        {"messageId": "m-1"},
        {"messageId": "m-1", "body": None, "attributes": None, "messageAttributes": None},
        {**record(end("c", after=None)), "attributes": {"SentTimestamp": "9" * 30}},
        {**record(end("c")), "attributes": {"ApproximateReceiveCount": "1000"}},
        {**record(end("c")), "messageId": 5},
        *({**record(end("c")), "attributes": odd} for odd in _ODD_ATTRIBUTES),
        *({**record(end("c")), "body": odd} for odd in _ODD_BODIES),
        *({**record("{"), "messageAttributes": odd} for odd in _ODD_MESSAGE_ATTRIBUTES),
        *(None, 5, [], {}, {"body": end("c")}, {"body": "{"}),
    ],
    ids=lambda odd_record: ascii(odd_record)[:20],
)
def test_an_odd_record_does_not_repeat_its_batch(load: Load, sqs: FakeSqs, odd_record: Any) -> None:
    acted: list[str] = []

    def act(end: Any) -> None:
        acted.append(end.conversation_id)
        if end.conversation_id != "sound":
            raise LookupError

    worker = load(sqs, act)
    sound, poison = record(end("sound"), "m-2"), record("{", "m-3")
    response = worker.handler({"Records": [odd_record, sound, poison]}, Clock().invocation(30))

    assert response["batchItemFailures"] in ([], [{"itemIdentifier": "m-1"}])
    assert "sound" in acted
    assert sqs.deleted[-1:] == ["r:m-3"]


def test_a_failed_end_without_a_message_id_is_not_reported(
    load: Load, sqs: FakeSqs, log: Log
) -> None:
    worker = load(sqs, lambda _: 1 / 0)
    unnamed = {**record(end("c")), "messageId": None}

    assert worker.handler({"Records": [unnamed]}, Clock().invocation(30)) == {
        "batchItemFailures": []
    }
    assert len(log.lines("WARNING", "Records without a message id cannot be retried")) == 1


@pytest.mark.parametrize("event", [None, [], {}, {"Records": None}, {"Records": 5}])
def test_an_event_that_is_not_from_a_queue_is_answered(
    load: Load, sqs: FakeSqs, event: Any
) -> None:
    response = load(sqs).handler(event, Clock().invocation(30))

    assert response == {"batchItemFailures": []}


def test_no_batch_makes_the_handler_raise(
    load: Load, sqs: FakeSqs, capsys: pytest.CaptureFixture[str], log: Log
) -> None:
    worker = load(sqs)
    batch_count = 0

    @settings(max_examples=100)
    @given(st.lists(bodies | st.just(end("c")) | st.none(), max_size=6))
    def responds(bodies_sent: list[str | None]) -> None:
        nonlocal batch_count
        call(worker, records(*bodies_sent))
        batch_count += 1
        assert len(log.lines("INFO", "Batch")) == 1
        assert metrics_of(capsys.readouterr().out)
        log.stream.seek(0)
        log.stream.truncate()

    responds()
    assert batch_count >= 100
