"""The alarms: their metrics, their notifications, and their sections in the runbook."""

import io
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from resources.queue_data import MAX_LABEL_CHARACTERS
from tests.aws_metrics import emits
from tests.fakes.aws.cloudwatch import metrics_of
from tests.fakes.watchdog import run_backfill, run_watchdog
from tests.infra.stacks import Stack, allow_statement, deny_without_tls
from worker.report import BatchReport

RUNBOOK = (Path(__file__).parents[2] / "docs" / "runbook.md").read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"^## (.+)\n((?:(?!## ).*\n)+)", RUNBOOK, re.MULTILINE))
OPERATORS = {"GreaterThanThreshold": ">", "LessThanThreshold": "<"}
MISSING = {"notBreaching": "good", "breaching": "bad", "missing": "unknown"}
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


def alarms_of(stack: Stack) -> dict[str, dict[str, Any]]:
    """Return the properties of the alarms, keyed by alarm id."""
    prefix = f"QueueEnds-{stack.settings.stage}-"
    alarms = [alarm["Properties"] for alarm in stack.of_type("AWS::CloudWatch::Alarm")]
    assert all(alarm["AlarmName"].startswith(prefix) for alarm in alarms)
    return {alarm["AlarmName"].removeprefix(prefix): alarm for alarm in alarms}


def condition_of(alarm: Mapping[str, Any]) -> tuple[str, float, int, int, int, str]:
    """Return an alarm's comparison, threshold, M, N, period and treatment of missing data."""
    statistic = alarm.get("Statistic") or alarm["ExtendedStatistic"]
    return (
        f"{statistic} {OPERATORS[alarm['ComparisonOperator']]}",
        alarm["Threshold"],
        alarm["DatapointsToAlarm"],
        alarm["EvaluationPeriods"],
        alarm["Period"],
        alarm["TreatMissingData"],
    )


def description_of(alarm: Mapping[str, Any]) -> str:
    """Return an alarm's text with the longest label for each queue."""
    match alarm["AlarmDescription"]:
        case {"Fn::Join": ["", parts]}:
            longest = "x" * MAX_LABEL_CHARACTERS
            return "".join(part if isinstance(part, str) else longest for part in parts)
    return str(alarm["AlarmDescription"])


def dimensions_of(alarm: Mapping[str, Any]) -> dict[str, Any]:
    return {dimension["Name"]: dimension["Value"] for dimension in alarm["Dimensions"]}


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


# Their notifications and texts


def test_each_alarm_tells_the_topic_when_it_goes_on_and_when_it_goes_off(
    stack: Stack, eventbridge: Stack
) -> None:
    for synthesised in (stack, eventbridge):
        topic = [synthesised.ref("Monitoring/Alarms/Topic")]
        summary = synthesised.properties("Monitoring/Alarms/health")
        for alarm_id, alarm in {**alarms_of(synthesised), "health": summary}.items():
            assert alarm["AlarmActions"] == alarm["OKActions"] == topic
            assert alarm.get("ActionsEnabled", True) is True
            # Without values from the watchdog, nobody knows whether the subscription is healthy.
            unknown = topic if alarm_id == "subscription-unhealthy" else None
            assert alarm.get("InsufficientDataActions") == unknown


def test_each_alarm_says_what_it_means_what_to_do_first_and_where_to_read_on(
    stack: Stack, eventbridge: Stack, tuned: Stack, many_queues: Stack
) -> None:
    for synthesised, runbook in (
        (stack, "docs/runbook.md"),
        (eventbridge, "docs/runbook.md"),
        (many_queues, "https://git.example.com/queue-ends/docs/runbook.md"),
        (tuned, "https://example.com/docs/runbook.md"),
    ):
        summary = synthesised.properties("Monitoring/Alarms/health")
        for alarm_id, alarm in {**alarms_of(synthesised), "health": summary}.items():
            text = description_of(alarm)
            found = re.fullmatch(r"([A-Z].{30,}\.)\nFirst: ([a-z].{20,}\.)\nRunbook: (\S+)", text)
            assert found, text
            link, _, anchor = found[3].partition("#")
            assert link == runbook
            assert anchor in SECTIONS
            assert anchor == alarm_id or anchor in {"rule-failed", "ledger-throttled"}
            # CloudWatch takes 1024 characters; this leaves room for the URL of a runbook.
            assert len(text) - len(link) <= 600


def test_the_alarm_about_silence_names_three_queues_and_counts_the_others(
    stack_with: Callable[..., Stack], tuned: Stack
) -> None:
    def named(synthesised: Stack) -> str:
        resource = synthesised.ids["Subscription/QueueNames/Default"]
        parts = alarms_of(synthesised)["silence"]["AlarmDescription"]["Fn::Join"][1]
        split = {"Fn::Split": ["|", {"Fn::GetAtt": [resource, "Labels"]}]}
        assert all(p["Fn::Select"][1] == split for p in parts if isinstance(p, dict))
        text = "".join(
            part if isinstance(part, str) else f"<{part['Fn::Select'][0]}>" for part in parts
        )
        return text.partition("queues (")[2].partition(")")[0]

    five = stack_with(queue_ids=("q1", "q2", "q3", "q4", "q5"), silence_hours=1)
    assert named(five) == "<0>, <1>, <2> and 2 more"
    assert named(tuned) == "<0>"


def test_only_this_stages_alarms_may_publish_and_only_over_tls(stack: Stack, tuned: Stack) -> None:
    account = {"Ref": "AWS::AccountId"}
    for synthesised, stage in ((stack, "dev"), (tuned, "prod")):
        topic = synthesised.ref("Monitoring/Alarms/Topic")
        start = ["arn:", {"Ref": "AWS::Partition"}, ":cloudwatch:", {"Ref": "AWS::Region"}]
        alarms = {"Fn::Join": ["", [*start, ":", account, f":alarm:QueueEnds-{stage}-*"]]}
        policy = synthesised.properties("Monitoring/Alarms/Topic/Policy")
        assert policy["Topics"] == [topic]
        denied, publish = policy["PolicyDocument"]["Statement"]
        assert denied == {**deny_without_tls(topic, "sns:Publish", "*"), "Sid": denied["Sid"]}
        assert publish == allow_statement(
            "AlarmsPublish",
            "sns:Publish",
            topic,
            Principal={"Service": "cloudwatch.amazonaws.com"},
            Condition={
                "ArnLike": {"aws:SourceArn": alarms},
                "StringEquals": {"aws:SourceAccount": account},
            },
        )
        # CloudWatch cannot publish to a topic that is encrypted with the AWS managed key of SNS.
        assert "KmsMasterKeyId" not in synthesised.properties("Monitoring/Alarms/Topic")


def test_the_addresses_that_are_set_are_subscribed(stack: Stack, tuned: Stack) -> None:
    assert stack.of_type("AWS::SNS::Subscription") == []
    topic = tuned.ref("Monitoring/Alarms/Topic")
    assert [s["Properties"] for s in tuned.of_type("AWS::SNS::Subscription")] == [
        {"Protocol": "email", "Endpoint": address, "TopicArn": topic}
        for address in ("on-call@example.com", "team@example.com")
    ]


# The composite alarm


def test_one_alarm_sums_up_all_others(stack: Stack, eventbridge: Stack, many_queues: Stack) -> None:
    for synthesised in (stack, eventbridge, many_queues):
        stage = synthesised.settings.stage
        (summary,) = synthesised.of_type("AWS::CloudWatch::CompositeAlarm")
        assert summary["Properties"]["AlarmName"] == f"QueueEnds-{stage}-health"
        rule = summary["Properties"]["AlarmRule"]
        names = [f"QueueEnds-{stage}-{alarm_id}" for alarm_id in alarms_of(synthesised)]
        assert rule == " OR ".join(f'ALARM("{name}")' for name in names)
        # CloudWatch: "PutCompositeAlarm".
        assert len(names) <= 100
        assert len(rule) <= 10_240
        # The rule contains only names, so the dependency has to be explicit.
        alarms = {
            path
            for path in synthesised.ids
            if synthesised.resource(path)["Type"] == "AWS::CloudWatch::Alarm"
        }
        assert alarms <= synthesised.dependencies_of("Monitoring/Alarms/health")


def test_for_the_emulator_the_template_only_says_what_would_sum_up(
    stack: Stack, queue_legs: Stack
) -> None:
    assert queue_legs.of_type("AWS::CloudWatch::CompositeAlarm") == []
    summary = stack.properties("Monitoring/Alarms/health")
    names = [f"QueueEnds-dev-{alarm_id}" for alarm_id in alarms_of(queue_legs)]
    assert queue_legs.template["Metadata"]["QueueEnds"] == {
        "HealthAlarm": {
            "AlarmName": summary["AlarmName"],
            "AlarmRule": " OR ".join(f'ALARM("{name}")' for name in names),
            "AlarmDescription": summary["AlarmDescription"],
        }
    }
    assert "QueueEnds" not in stack.template.get("Metadata", {})


# The runbook


def test_every_section_of_the_runbook_is_complete_and_belongs_to_an_alarm(
    eventbridge: Stack,
) -> None:
    alarms = [re.sub(r"^rule-.+-failed$", "rule-failed", name) for name in alarms_of(eventbridge)]
    alarms = [re.sub(r"^ledger-.+-throttled$", "ledger-throttled", name) for name in alarms]
    expected = list(dict.fromkeys([*alarms, "health"]))
    assert [name for name in SECTIONS if name not in ("The alarms", "Get ready")] == expected
    for name in expected:
        text = SECTIONS[name]
        assert re.match(r"\n\*[^*]+\*", text), name
        parts = re.findall(
            r"^\*\*(It means|Confirm|Likely causes|Do|It is over when)\*?", text, re.M
        )
        assert parts == ["It means", "Confirm", "Likely causes", "Do", "It is over when"], name


def test_the_runbooks_table_shows_every_alarm_as_it_is_deployed(eventbridge: Stack) -> None:
    rows = {}
    for alarm_id, alarm in alarms_of(eventbridge).items():
        name = "rule-<name>-failed" if alarm_id.startswith("rule-") else alarm_id
        anchor = description_of(alarm).partition("#")[2]
        compared, threshold, times, periods, seconds, missing = condition_of(alarm)
        period = {60: "min", 300: "× 5 min", 3600: "h"}[seconds]
        rows[name] = (
            f"| [`{name}`](#{anchor}) | `{alarm['Namespace']}` `{alarm['MetricName']}` "
            f"| {compared} {threshold} | {times} of {periods} {period} | {MISSING[missing]} |"
        )
    table = re.findall(r"^\| \[`.+$", RUNBOOK, re.MULTILINE)
    assert table[:-1] == list(rows.values())
    assert table[-1].startswith("| [`health`](#health) |")
