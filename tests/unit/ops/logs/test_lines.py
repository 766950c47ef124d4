"""What the commands read from log lines."""

import io
import json
from typing import Any
from uuid import uuid4

from aws_lambda_powertools import Logger
from hypothesis import given
from hypothesis import strategies as st

from ops.logs.events import LogEvent
from ops.logs.lines import (
    BatchLine,
    EndLine,
    MessageLine,
    MetricsLine,
    WatchdogLine,
    parse_watchdog_line,
    parse_worker_line,
)
from tests.fakes.aws.sqs_event import record
from worker.messages import Message
from worker.report import BatchReport, Outcome

_NAMES = ("message", "message_id", "outcome", "received", "reasons", "differences", "_aws")
_MORE_NAMES = ("conversation_id", "queue_id", "EndToEndLatency", "processed", "receives")
_MESSAGES = ("Batch", "Message", "Conversation ended", "Healthy", "Unhealthy", "Healed")
_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.sampled_from(_MESSAGES),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
_LINES = st.dictionaries(st.sampled_from(_NAMES + _MORE_NAMES), _VALUES)


def event(text: str) -> LogEvent:
    return LogEvent("event-1", 1_795_428_000_000, text)


def test_the_lines_that_the_worker_writes_are_read() -> None:
    stream = io.StringIO()
    report = BatchReport(latencies_ms={"a-queue": [120, 80]})
    processed, failed = (Message.from_record(record("{}", id_)) for id_ in ("m-1", "m-2"))
    report.outcomes += [
        Outcome(processed, "processed"),
        Outcome(failed, "failed", "destination", "actions: ValueError"),
    ]

    report.write_log(Logger(service=f"test-{uuid4()}", stream=stream))

    warning, batch = [parse_worker_line(event(line)) for line in stream.getvalue().splitlines()]
    assert isinstance(warning, MessageLine)
    assert (warning.message_id, warning.outcome) == ("m-2", "failed")
    assert (warning.reason, warning.detail) == ("destination", "actions: ValueError")
    assert isinstance(batch, BatchLine)
    assert batch.counts == {
        "received": 2,
        "processed": 1,
        "duplicate": 0,
        "ignored": 0,
        "rejected": 0,
        "failed": 1,
        "ended": 2,
    }
    assert batch.reasons == {"failed.destination": 1}


def test_counts_and_latencies_are_read_from_the_metrics(capsys: Any) -> None:
    report = BatchReport(latencies_ms={"a-queue": [120, 80], "another-queue": [0]})
    report.outcomes.append(Outcome(Message.from_record(record("{}")), "processed"))

    report.write_metrics("dev", cold_start=False)

    lines = [parse_worker_line(event(line)) for line in capsys.readouterr().out.splitlines()]
    first, second = [line for line in lines if isinstance(line, MetricsLine)]
    assert (first.counts["processed"], first.counts["ended"]) == (1, 2)
    assert first.latencies_ms == [120, 80]
    assert (second.counts["processed"], second.counts["ended"]) == (0, 1)
    assert second.latencies_ms == [0]


@given(_LINES)
def test_any_json_line_is_read_or_skipped(line: dict[str, Any]) -> None:
    text = json.dumps(line)
    match parse_worker_line(event(text)):
        case BatchLine(counts=counts, reasons=reasons):
            assert all(type(count) is int for count in [*counts.values(), *reasons.values()])
        case MessageLine(message_id=id_, outcome=outcome, reason=reason, detail=detail):
            assert all(isinstance(each, str) for each in (id_, outcome, reason, detail))
        case EndLine(conversation_id=conversation_id, queue_id=queue_id):
            assert isinstance(conversation_id, str)
            assert isinstance(queue_id, str)
        case MetricsLine(latencies_ms=latencies):
            assert all(type(each) is int for each in latencies)
    match parse_watchdog_line(event(text)):
        case WatchdogLine(differences=differences):
            assert all(isinstance(each, str) for each in differences)


@given(st.text() | st.sampled_from(["[" * 100_000, '{"message": "Batch"', "null", "7", '"x"']))
def test_any_other_line_is_skipped(text: str) -> None:
    assert parse_worker_line(event(text)) is None
    assert parse_watchdog_line(event(text)) is None


def test_a_line_of_an_earlier_version_with_half_a_surrogate_pair_is_read() -> None:
    line = parse_worker_line(
        event('{"message":"Conversation ended","conversation_id":"c \\ud83d","queue_id":"q"}')
    )
    assert isinstance(line, EndLine)
    assert line.conversation_id == "c \ufffd"
