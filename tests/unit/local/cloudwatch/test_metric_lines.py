"""The reader of a growing log group: late lines, and more lines than one call answers."""

from typing import Any

import pytest

from local.aws.log_events import MAX_EVENTS_PER_CALL, log_events
from local.cloudwatch.metric_lines import MAX_DELAY_MS, MetricLines

PATTERN = '"CloudWatchMetrics"'
NOON = 1_764_072_000_000


class Logs:
    """A log group whose events are in the order of their times, as in CloudWatch Logs."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.given = 0

    def add(self, message: str, at: int) -> None:
        number = str(len(self.events))
        event = {"eventId": number, "timestamp": at, "ingestionTime": at + 5, "message": message}
        self.events.append(event)

    def filter_log_events(  # AWS's names
        self,
        logGroupName: str,  # noqa: N803
        filterPattern: str,  # noqa: N803
        startTime: int,  # noqa: N803
        limit: int,
        endTime: int | None = None,  # noqa: N803
    ) -> dict[str, Any]:
        assert (logGroupName, filterPattern) == ("group", PATTERN)
        events = sorted(self.events, key=lambda event: int(event["timestamp"]))
        ends = endTime or events[-1]["timestamp"]
        found = [one for one in events if startTime <= one["timestamp"] <= ends][:limit]
        self.given += len(found)
        return {"events": found}


@pytest.fixture
def logs() -> Logs:
    return Logs()


@pytest.fixture
def lines(logs: Logs) -> MetricLines:
    return MetricLines(logs, "group")


def new(lines: MetricLines) -> list[str]:
    return [message for message, _ in lines.read_new()]


def test_each_line_comes_once_with_the_time_of_its_ingestion(
    logs: Logs, lines: MetricLines
) -> None:
    logs.add("a", NOON)
    assert lines.read_new() == [("a", NOON / 1000 + 0.005)]
    assert lines.read_new() == []

    logs.add("b", NOON)
    assert new(lines) == ["b"], "of the same millisecond as one that was read"


def test_a_late_line_is_not_missed(logs: Logs, lines: MetricLines) -> None:
    logs.add("a", NOON)
    assert new(lines) == ["a"]
    logs.add("late", NOON - MAX_DELAY_MS)
    logs.add("b", NOON + 1)
    assert new(lines) == ["late", "b"]
    assert new(lines) == []


def test_a_line_that_is_long_past_is_not_read_again(logs: Logs, lines: MetricLines) -> None:
    for number in range(100):
        logs.add(str(number), NOON)
    logs.add("last", NOON + MAX_DELAY_MS + 1)
    assert len(new(lines)) == 101

    logs.given = 0
    assert new(lines) == []
    assert logs.given == 1


def test_more_lines_than_one_call_answers_all_come(logs: Logs, lines: MetricLines) -> None:
    for number in range(2 * MAX_EVENTS_PER_CALL + 7):
        logs.add(str(number), NOON + number // 3)

    assert [one["eventId"] for one in log_events(logs, "group", pattern=PATTERN)] == [
        event["eventId"] for event in logs.events
    ]
    assert new(lines) == [event["message"] for event in logs.events]
    assert new(lines) == []


def test_more_lines_of_one_millisecond_than_one_call_answers_are_an_error(
    logs: Logs, lines: MetricLines
) -> None:
    for number in range(MAX_EVENTS_PER_CALL + 1):
        logs.add(str(number), NOON)

    with pytest.raises(RuntimeError, match="group has too many lines in one millisecond"):
        lines.read_new()


def test_log_events_of_a_span_of_time(logs: Logs) -> None:
    for second in range(4):
        logs.add(str(second), NOON + second)

    found = log_events(logs, "group", since=NOON + 1, until=NOON + 2, pattern=PATTERN)

    assert [event["message"] for event in found] == ["1", "2"]
