"""The dashboard's tables, which show the functions' logs."""

import io
import json
from collections.abc import Mapping
from typing import Any

import pytest

from local.dashboard import body as dashboard_body
from local.dashboard import queries
from logs import json_logger
from tests.fakes.aws.sqs_event import record
from tests.fakes.watchdog import run_watchdog
from tests.infra.monitoring.board import board_of
from tests.infra.stacks import Stack
from worker.messages import Message
from worker.report import BatchReport, Outcome


@pytest.fixture
def worker_lines(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Return the log events of a batch with one rejected and many failed messages."""
    outcomes = [
        ("processed", "", ""),
        ("rejected", "not_json", "expected JSON"),
        *[("failed", "destination", "crm: TimeoutError")] * 21,
        ("failed", "ledger", "ThrottlingError"),
    ]
    messages = [
        Message.from_record(record("{", f"m-{n}", receives=n + 1)) for n in range(len(outcomes))
    ]
    report = BatchReport(
        [Outcome(m, *outcome) for m, outcome in zip(messages, outcomes, strict=True)]  # type: ignore[arg-type]
    )
    logger = json_logger("worker")
    output = io.StringIO()
    monkeypatch.setattr(logger.registered_handler, "stream", output)
    report.write_log(logger)
    return events_of(output.getvalue())


def events_of(output: str) -> list[dict[str, Any]]:
    """Return a function's output as CloudWatch Logs events, one line per millisecond."""
    return [{"timestamp": n, "message": line} for n, line in enumerate(output.splitlines())]


def query_result(properties: Mapping[str, Any], events: list[dict[str, Any]]) -> queries.Table:
    _, query = dashboard_body.source_groups(properties["query"])
    return queries.run_query(query, events)


def test_tables_read_the_logs_of_the_functions_that_they_tell_of(stack: Stack) -> None:
    board = board_of(stack)
    groups = {
        widget["properties"]["title"]: dashboard_body.source_groups(widget["properties"]["query"])[
            0
        ]
        for widget in board.of_type("log")
    }
    worker, watchdog = (stack.ids["Worker/Logs"],), (stack.ids["Watchdog/Logs"],)
    assert groups == {
        "Last rejected messages": worker,
        "Last failed messages": worker,
        "Why messages were rejected or failed": worker,
        "What the watchdog found": watchdog,
    }


def test_the_last_messages_that_were_rejected_or_failed_are_told_in_full(
    stack: Stack, worker_lines: list[dict[str, Any]]
) -> None:
    board = board_of(stack)
    rejected = query_result(board.properties_of("Last rejected messages"), worker_lines)
    assert rejected.columns == ("@timestamp", "reason", "detail", "message_id", "receives")
    assert [row[1:] for row in rejected.rows] == [("not_json", "expected JSON", "m-1", 2)]
    failed = query_result(board.properties_of("Last failed messages"), worker_lines)
    # The newest twenty.
    assert [row[1:] for row in failed.rows] == [
        ("ledger", "ThrottlingError", "m-23", 24),
        *(("destination", "crm: TimeoutError", f"m-{n}", n + 1) for n in range(22, 3, -1)),
    ]


def test_reasons_are_counted_the_most_frequent_first(
    stack: Stack, worker_lines: list[dict[str, Any]]
) -> None:
    counted = query_result(
        board_of(stack).properties_of("Why messages were rejected or failed"), worker_lines
    )
    assert counted.columns == ("outcome", "reason", "messages")
    assert counted.rows[0] == ("failed", "destination", 21)
    assert sorted(counted.rows[1:]) == [("failed", "ledger", 1), ("rejected", "not_json", 1)]


def test_the_watchdogs_table_shows_its_findings(stack: Stack) -> None:
    log = io.StringIO()
    run_watchdog(log)
    unseen = json.dumps({"level": "WARNING", "message": "Could not compare", "detail": "no answer"})
    lines = [
        {"eventId": str(number), "timestamp": number, "message": message}
        for number, message in enumerate((unseen, log.getvalue()))
    ]
    found = query_result(board_of(stack).properties_of("What the watchdog found"), lines)
    (_, message, first, *_), (_, second_message, *_, why) = found.rows
    assert message == "Unhealthy"
    assert "There is no secret" in first
    assert (second_message, why) == ("Could not compare", "no answer")
