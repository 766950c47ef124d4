"""The alarms: which there are, their conditions and their metrics."""

import io
from typing import Any

import pytest

from tests.aws_metrics import emits
from tests.fakes.aws.cloudwatch import metrics_of
from tests.fakes.watchdog import run_backfill, run_watchdog
from tests.infra.monitoring.alarms import alarms_of, condition_of, dimensions_of
from tests.infra.stacks import Stack
from worker.report import BatchReport

COMMON_ALARMS = [
    "dead-letters",
    "backlog",
    "failures",
    "mapping-dead",
    "worker-errors",
    "worker-throttles",
    "worker-slow",
    "rejects",
    "delivery-failures",
]
WATCHDOG_ALARMS = ["subscription-unhealthy", "unknown-queues", "watchdog-errors"]
LEDGER_ALARMS = ["ledger-reads-throttled", "ledger-writes-throttled"]


# The list of alarms


def test_there_is_an_alarm_for_every_sign_in_the_order_of_the_runbook(
    stack: Stack, eventbridge: Stack, many_queues: Stack, queue_legs: Stack, lean: Stack
) -> None:
    rules = [f"rule-{name}-failed" for name in ("queues-1", "queues-2", "queues-3", "customer-end")]
    for synthesised, expected in (
        (stack, COMMON_ALARMS + WATCHDOG_ALARMS + LEDGER_ALARMS),
        (lean, COMMON_ALARMS + LEDGER_ALARMS),
        (
            eventbridge,
            [
                *COMMON_ALARMS,
                "details-missing",
                *WATCHDOG_ALARMS,
                "missed-ends",
                "undelivered",
                rules[0],
                rules[3],
                *LEDGER_ALARMS,
                "silence",
            ],
        ),
        (many_queues, [*COMMON_ALARMS, *WATCHDOG_ALARMS, "undelivered", *rules, *LEDGER_ALARMS]),
        (queue_legs, [*COMMON_ALARMS, *WATCHDOG_ALARMS, "undelivered", rules[0], *LEDGER_ALARMS]),
    ):
        assert list(alarms_of(synthesised)) == expected


def test_each_alarm_has_its_metric_threshold_and_periods(eventbridge: Stack) -> None:
    alarms = alarms_of(eventbridge)
    queue, function, table = "AWS/SQS", "AWS/Lambda", "AWS/DynamoDB"
    visible = "ApproximateNumberOfMessagesVisible"
    minute, five, good = 60, 300, "notBreaching"
    once = (1, 1, minute, good)
    failed_invocations = ("AWS/Events", "FailedInvocations", "Sum >", 0, *once)
    expected = {
        "dead-letters": (queue, visible, "Maximum >", 0, *once),
        "backlog": (queue, "ApproximateAgeOfOldestMessage", "Maximum >", 120, 2, 2, minute, good),
        "failures": ("QueueEnds", "Failed", "Sum >", 0, 2, 5, minute, good),
        "mapping-dead": (function, "PolledEventCount", "Sum <", 0, 2, 2, minute, "breaching"),
        "worker-errors": (function, "Errors", "Sum >", 0, *once),
        "worker-throttles": (function, "Throttles", "Sum >", 0, 3, 5, minute, good),
        "worker-slow": (function, "Duration", "p99 >", 24_000, 2, 5, minute, good),
        "rejects": ("QueueEnds", "Rejected", "Sum >", 0, *once),
        "delivery-failures": ("QueueEnds", "DeliveryFailures", "Sum >", 0, *once),
        "details-missing": ("QueueEnds", "DetailsMissing", "Sum >", 0, *once),
        "subscription-unhealthy": (
            "QueueEnds",
            "SubscriptionHealthy",
            "Minimum <",
            1,
            1,
            1,
            five,
            "missing",
        ),
        "unknown-queues": ("QueueEnds", "UnknownQueues", "Maximum >", 0, 1, 1, five, good),
        "watchdog-errors": (function, "Errors", "Sum >", 0, 2, 3, five, good),
        "missed-ends": ("QueueEnds", "MissedEnds", "Sum >", 0, *once),
        "undelivered": (queue, visible, "Maximum >", 0, *once),
        "rule-queues-1-failed": failed_invocations,
        "rule-customer-end-failed": failed_invocations,
        "ledger-reads-throttled": (table, "ReadThrottleEvents", "Sum >", 0, 2, 5, minute, good),
        "ledger-writes-throttled": (table, "WriteThrottleEvents", "Sum >", 0, 2, 5, minute, good),
        "silence": ("QueueEnds", "Ended", "Sum <", 1, 24, 24, 3600, "breaching"),
    }
    assert {
        alarm_id: (alarm["Namespace"], alarm["MetricName"], *condition_of(alarm))
        for alarm_id, alarm in alarms.items()
    } == expected


def test_each_alarm_watches_the_part_of_the_stack_that_it_speaks_of(eventbridge: Stack) -> None:
    alarms, ids = alarms_of(eventbridge), eventbridge.ids
    worker = {"FunctionName": {"Ref": ids["Worker/Function"]}}
    stage = {"Stage": "dev"}
    ledger = {"TableName": {"Ref": ids["Ledger/Table"]}}

    def queue(path: str) -> dict[str, Any]:
        return {"QueueName": {"Fn::GetAtt": [ids[path], "QueueName"]}}

    def rule(name: str) -> dict[str, Any]:
        return {"EventBusName": {"Ref": ids["EventSource/Bus"]}, "RuleName": name}

    assert {alarm_id: dimensions_of(alarm) for alarm_id, alarm in alarms.items()} == {
        "dead-letters": queue("Intake/DeadLetterQueue"),
        "backlog": queue("Intake/Queue"),
        "failures": stage,
        "mapping-dead": {"EventSourceMappingUUID": {"Ref": ids["Worker/Mapping"]}},
        "worker-errors": worker,
        "worker-throttles": worker,
        "worker-slow": worker,
        "rejects": stage,
        "delivery-failures": stage,
        "details-missing": stage,
        "missed-ends": stage,
        "subscription-unhealthy": stage,
        "unknown-queues": stage,
        "watchdog-errors": {"FunctionName": {"Ref": ids["Watchdog/Function"]}},
        "undelivered": queue("EventSource/DeadLetterQueue"),
        "rule-queues-1-failed": rule("queues-1"),
        "rule-customer-end-failed": rule("customer-end"),
        "ledger-reads-throttled": ledger,
        "ledger-writes-throttled": ledger,
        "silence": stage,
    }


def test_thresholds_follow_the_settings(stack: Stack, tuned: Stack, many_queues: Stack) -> None:
    for synthesised, wait, limit_ms, minutes in (
        (stack, 120, 24_000, 5),
        # Another batching window, timeout and retry delay, and ends that wait for details.
        (tuned, 120 + 300 + 5, 48_000, 17),
        (many_queues, 120 + 900, 24_000, 5),  # with settling
    ):
        alarms = alarms_of(synthesised)
        assert alarms["backlog"]["Threshold"] == wait
        assert alarms["worker-slow"]["Threshold"] == limit_ms
        failures = alarms["failures"]
        assert (failures["DatapointsToAlarm"], failures["EvaluationPeriods"]) == (2, minutes)
    silence = alarms_of(tuned)["silence"]
    assert (silence["DatapointsToAlarm"], silence["EvaluationPeriods"]) == (168, 168)
    for alarm in alarms_of(tuned).values():
        # CloudWatch looks back a day, or seven where periods are an hour or longer.
        days = 7 if alarm["Period"] >= 3600 else 1
        assert alarm["Period"] * alarm["EvaluationPeriods"] <= days * 86_400


# Their metrics


@pytest.mark.usefixtures("zeros_due")
def test_each_alarm_is_on_one_metric_that_is_emitted_with_its_dimensions(
    stack: Stack,
    eventbridge: Stack,
    tuned: Stack,
    many_queues: Stack,
    capsys: pytest.CaptureFixture[str],
) -> None:
    BatchReport(latencies_ms={"q1": [5]}, details_missing=1).write_metrics("dev", cold_start=True)
    run_watchdog(io.StringIO())
    run_backfill(io.StringIO())
    metrics = metrics_of(capsys.readouterr().out)
    ours = {(metric.name, *sorted(metric.dimensions)) for metric in metrics}
    for synthesised in (stack, eventbridge, tuned, many_queues):
        for alarm in alarms_of(synthesised).values():
            assert "Metrics" not in alarm
            names = sorted(dimensions_of(alarm))
            if alarm["Namespace"] == "QueueEnds":
                assert (alarm["MetricName"], *names) in ours
            else:
                assert emits(alarm["Namespace"], alarm["MetricName"], names)


def test_the_mapping_is_there_before_its_alarm(stack: Stack) -> None:
    assert "Worker/Mapping" in stack.dependencies_of("Monitoring/Alarms/mapping-dead")
