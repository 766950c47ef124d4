"""A batch report: few log lines, exact metrics, nothing private."""

import re
import time
from collections import defaultdict
from pathlib import Path
from typing import get_args

import pytest

from tests.fakes.aws.cloudwatch import Metric, metrics_of
from tests.fakes.aws.sqs_event import record
from tests.unit.worker.conftest import Log
from worker.intake_queue import logger
from worker.messages import Message
from worker.report import OUTCOME_KINDS, BatchReport, FailReason, Outcome, OutcomeKind

COUNTS = (
    *("Received", "Processed", "Duplicate", "Ignored", "Rejected", "Failed"),
    *("Ended", "DeliveryFailures", "BatchSize", "ColdStart"),
)

PROCESSED: tuple[OutcomeKind, str] = ("processed", "")


def report_of(
    *outcomes: tuple[OutcomeKind, str], latencies_ms: dict[str, list[int]] | None = None
) -> BatchReport:
    """Return a report on the messages `m-0`, `m-1`, …; `m-<n>` has been received n + 1 times."""
    messages = [
        Message.from_record(record("{", f"m-{n}", receives=n + 1)) for n in range(len(outcomes))
    ]
    return BatchReport(
        [Outcome(m, *outcome, "why") for m, outcome in zip(messages, outcomes, strict=True)],
        latencies_ms or {},
    )


MIXED = report_of(
    *(("processed", ""), ("processed", ""), ("duplicate", "")),
    *(("ignored", "other_queue"), ("ignored", "other_event_type"), ("ignored", "other_queue")),
    *(("rejected", "not_json"), ("failed", "destination"), ("failed", "no_time")),
    latencies_ms={"q-1": [120], "q-2": [0]},
)


class Emitted:
    """Writes a report's metrics and returns them as CloudWatch reads them."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def metrics_of(self, report: BatchReport, *, cold_start: bool = False) -> list[Metric]:
        report.write_metrics("dev", cold_start=cold_start)
        output = self._capsys.readouterr().out
        metrics = metrics_of(output)
        # Every line has metrics.
        assert {metric.line for metric in metrics} == set(range(len(output.splitlines())))
        return metrics


@pytest.fixture
def emitted(capsys: pytest.CaptureFixture[str], zeros_due: None) -> Emitted:
    return Emitted(capsys)


def counts_of(metrics: list[Metric]) -> dict[str, float]:
    """Return the stage's counts. Each is emitted once, except `Ended`: once for each queue."""
    stage_counts = [m for m in metrics if m.dimensions == {"Stage": "dev"} and m.unit == "Count"]
    names_except_ended = [metric.name for metric in stage_counts if metric.name != "Ended"]
    assert len(set(names_except_ended)) == len(names_except_ended)
    sums: dict[str, float] = defaultdict(float)
    for metric in stage_counts:
        sums[metric.name] += sum(metric.values)
    return dict(sums)


def latencies_of(metrics: list[Metric]) -> dict[str | None, list[float]]:
    """Return the latencies keyed by queue id, and the whole stage's latencies under None."""
    latencies: defaultdict[str | None, list[float]] = defaultdict(list)
    for metric in metrics:
        if metric.name == "EndToEndLatency":
            assert metric.unit == "Milliseconds"
            latencies[metric.dimensions.get("QueueId")] += metric.values
    return latencies


def test_a_batch_writes_one_line_of_metrics_for_each_of_its_queues(
    emitted: Emitted,
) -> None:
    metrics = emitted.metrics_of(MIXED)
    assert counts_of(metrics) == {
        "Received": 9,
        "Processed": 2,
        "Duplicate": 1,
        "Ignored": 3,
        "Rejected": 1,
        "Failed": 2,
        "Ended": 2,
        "DeliveryFailures": 0,
        "BatchSize": 9,
        "ColdStart": 0,
    }
    assert latencies_of(metrics) == {None: [120, 0], "q-1": [120], "q-2": [0]}
    assert {metric.line for metric in metrics} == {0, 1}
    by_queue = [metric for metric in metrics if "QueueId" in metric.dimensions]
    assert {metric.name for metric in by_queue} == {"Ended", "EndToEndLatency"}
    assert {tuple(metric.dimensions.items()) for metric in by_queue} == {
        (("Stage", "dev"), ("QueueId", "q-1")),
        (("Stage", "dev"), ("QueueId", "q-2")),
    }


def test_an_empty_batch_emits_zeros(emitted: Emitted) -> None:
    metrics = emitted.metrics_of(BatchReport())
    assert counts_of(metrics) == dict.fromkeys(COUNTS, 0)
    assert len(metrics) == len(COUNTS)


def test_a_minute_s_later_batches_leave_out_zeros(
    emitted: Emitted, monkeypatch: pytest.MonkeyPatch
) -> None:
    minute = 60 * (time.time() // 60)
    ended, ignored = (
        report_of(PROCESSED, latencies_ms={"q-1": [0]}),
        report_of(("ignored", "other_queue")),
    )

    def counts_at(second: float, report: BatchReport) -> dict[str, float]:
        monkeypatch.setattr(time, "time", lambda: minute + second)
        return counts_of(emitted.metrics_of(report))

    assert set(counts_at(58, ended)) == {*COUNTS}
    assert counts_at(59.9, ended) == {"Received": 1, "Processed": 1, "BatchSize": 1, "Ended": 1}
    assert counts_at(59.9, ignored) == {"Received": 1, "Ignored": 1, "BatchSize": 1}
    assert set(counts_at(60, ignored)) == {*COUNTS}
    assert counts_at(60, ignored) == {"Received": 1, "Ignored": 1, "BatchSize": 1}


def test_failed_deliveries_and_the_cold_start_are_counted(emitted: Emitted) -> None:
    report = report_of(("failed", "destination"))
    report.delivery_failures = 1
    counts = counts_of(emitted.metrics_of(report, cold_start=True))
    assert (counts["DeliveryFailures"], counts["ColdStart"], counts["Failed"]) == (1, 1, 1)


@pytest.mark.parametrize("count", [1, 99, 100, 101, 200, 250, 1000])
def test_no_latency_is_lost_however_many_there_are(emitted: Emitted, count: int) -> None:
    latencies_ms = {f"q-{n}": list(range(n, count, 2)) for n in range(min(2, count))}
    metrics = emitted.metrics_of(report_of(*[PROCESSED] * count, latencies_ms=latencies_ms))
    all_latencies = [float(n) for n in range(count)]
    latencies = latencies_of(metrics)
    assert sorted(latencies[None]) == all_latencies
    assert (latencies["q-0"], latencies["q-1"]) == (all_latencies[::2], all_latencies[1::2])
    assert counts_of(metrics)["Ended"] == count
    least_lines = sum(-(-len(ms) // 100) for queue_id, ms in latencies.items() if queue_id)
    assert len({metric.line for metric in metrics}) == least_lines
    by_queue = [m.values for m in metrics if m.name == "Ended" and "QueueId" in m.dimensions]
    assert sum(map(sum, by_queue)) == count


def test_fifty_queues_make_fifty_lines_of_metrics(emitted: Emitted) -> None:
    latencies_ms = {f"q-{n}": list(range(n, 90, 50)) for n in range(50)}
    metrics = emitted.metrics_of(report_of(*[PROCESSED] * 90, latencies_ms=latencies_ms))
    assert {metric.line for metric in metrics} == set(range(50))


def test_a_batch_writes_one_log_line(log: Log) -> None:
    MIXED.write_log(logger)
    (line,) = log.lines("INFO", "Batch")
    assert {key: line[key] for key in ("received", "processed", "duplicate", "ignored")} == {
        "received": 9,
        "processed": 2,
        "duplicate": 1,
        "ignored": 3,
    }
    assert (line["rejected"], line["failed"], line["ended"]) == (1, 2, 2)
    assert line["reasons"] == {
        "ignored.other_queue": 2,
        "ignored.other_event_type": 1,
        "rejected.not_json": 1,
        "failed.destination": 1,
        "failed.no_time": 1,
    }


def test_the_log_line_leaves_out_zeros(log: Log) -> None:
    report_of(PROCESSED, latencies_ms={"q-1": [0]}).write_log(logger)
    (line,) = log.lines("INFO", "Batch")
    names = {*OUTCOME_KINDS, "received", "ended", "reasons"}
    assert {name: line[name] for name in names & line.keys()} == {
        "received": 1,
        "processed": 1,
        "ended": 1,
    }


def test_each_rejected_or_failed_message_writes_one_warning(log: Log) -> None:
    MIXED.write_log(logger)
    warnings = [
        (line["message_id"], line["outcome"], line["reason"], line["detail"], line["receives"])
        for line in log.lines("WARNING", "Message")
    ]
    assert warnings == [
        ("m-6", "rejected", "not_json", "why", 7),
        ("m-7", "failed", "destination", "why", 8),
        ("m-8", "failed", "no_time", "why", 9),
    ]
    assert len(log.text.splitlines()) == 1 + len(warnings)


def test_an_empty_batch_is_logged(log: Log) -> None:
    BatchReport().write_log(logger)
    (line,) = log.lines("INFO", "Batch")
    assert line["received"] == 0


def test_the_page_on_outcomes_says_when_a_message_comes_back_for_every_reason() -> None:
    page = (Path(__file__).parents[3] / "docs/outcomes.md").read_text(encoding="utf-8")
    failed_row = re.search(r"^\| `failed` \| (.+?) \|", page, re.MULTILINE)
    assert failed_row
    assert set(re.findall(r"`(\w+)`", failed_row[1])) == {*get_args(FailReason)}
    _, _, reasons_table = page.partition("| reason | what happened |")
    assert set(re.findall(r"^\| `(\w+)`", reasons_table, re.MULTILINE)) == {*get_args(FailReason)}
