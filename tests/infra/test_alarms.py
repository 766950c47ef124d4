"""The alarms: each on one metric that is emitted, told to the topic, explained by the runbook."""

import io
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.aws_metrics import emits
from tests.fakes.aws.cloudwatch import metrics_of
from tests.fakes.watchdog import look
from tests.infra.test_stack import needed_by
from worker import telemetry
from worker.outcome import Ended, Report

# One process for all that share the costly fixture.
pytestmark = pytest.mark.xdist_group("template")

RUNBOOK = (Path(__file__).parents[2] / "docs" / "runbook.md").read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"^## (.+)\n((?:(?!## ).*\n)+)", RUNBOOK, re.MULTILINE))
OPERATORS = {"GreaterThanThreshold": ">", "LessThanThreshold": "<"}
MISSING = {"notBreaching": "good", "breaching": "bad", "missing": "unknown"}
OF_ALL = [
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
OF_WATCHDOG = ["subscription-unhealthy", "watchdog-errors"]
OF_LEDGER = ["ledger-reads-throttled", "ledger-writes-throttled"]


@pytest.fixture(scope="module")
def full(stack_with: Callable[..., Any]) -> Any:
    """Return a stack with every alarm that there can be, and else of defaults."""
    return stack_with(delivery="eventbridge", silence_hours=24)


@pytest.fixture(scope="module")
def unwatched(stack_with: Callable[..., Any]) -> Any:
    """Return a stack without a watchdog."""
    return stack_with(watchdog="off")


def alarms_of(stack: Any) -> dict[str, dict[str, Any]]:
    """Return the properties of the alarms by what their names end in."""
    prefix = f"QueueEnds-{stage_of(stack)}-"
    every = [alarm["Properties"] for alarm in stack.of_type("AWS::CloudWatch::Alarm")]
    assert all(alarm["AlarmName"].startswith(prefix) for alarm in every)
    return {alarm["AlarmName"].removeprefix(prefix): alarm for alarm in every}


def stage_of(stack: Any) -> str:
    found: str = stack.properties("Worker/Function")["Environment"]["Variables"]["STAGE"]
    return found


def shape(alarm: Mapping[str, Any]) -> tuple[str, float, int, int, int, str]:
    """Return when an alarm is on: how its metric compares, M of N periods, and without values."""
    statistic = alarm.get("Statistic") or alarm["ExtendedStatistic"]
    return (
        f"{statistic} {OPERATORS[alarm['ComparisonOperator']]}",
        alarm["Threshold"],
        alarm["DatapointsToAlarm"],
        alarm["EvaluationPeriods"],
        alarm["Period"],
        alarm["TreatMissingData"],
    )


def dimensions_of(alarm: Mapping[str, Any]) -> dict[str, Any]:
    return {dimension["Name"]: dimension["Value"] for dimension in alarm["Dimensions"]}


# Which there are


def test_there_is_an_alarm_for_every_sign_that_can_show(
    stack: Any, full: Any, many_queues: Any, queue_legs: Any, unwatched: Any
) -> None:
    rules = [f"rule-{name}-failed" for name in ("queues-1", "queues-2", "queues-3", "customer-end")]
    for synthesised, expected in (
        (stack, OF_ALL + OF_WATCHDOG + OF_LEDGER),
        (unwatched, OF_ALL + OF_LEDGER),
        (
            full,
            [*OF_ALL, *OF_WATCHDOG, "undelivered", rules[0], rules[3], *OF_LEDGER, "silence"],
        ),
        (many_queues, [*OF_ALL, *OF_WATCHDOG, "undelivered", *rules, *OF_LEDGER]),
        (queue_legs, [*OF_ALL, *OF_WATCHDOG, "undelivered", rules[0], *OF_LEDGER]),
    ):
        assert list(alarms_of(synthesised)) == expected


def test_each_is_on_when_it_should_be(full: Any) -> None:
    alarms = alarms_of(full)
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
        "watchdog-errors": (function, "Errors", "Sum >", 0, 2, 3, five, good),
        "undelivered": (queue, visible, "Maximum >", 0, *once),
        "rule-queues-1-failed": failed_invocations,
        "rule-customer-end-failed": failed_invocations,
        "ledger-reads-throttled": (table, "ReadThrottleEvents", "Sum >", 0, 2, 5, minute, good),
        "ledger-writes-throttled": (table, "WriteThrottleEvents", "Sum >", 0, 2, 5, minute, good),
        "silence": ("QueueEnds", "Ended", "Sum <", 1, 24, 24, 3600, "breaching"),
    }
    assert {
        alarm_id: (alarm["Namespace"], alarm["MetricName"], *shape(alarm))
        for alarm_id, alarm in alarms.items()
    } == expected


def test_each_watches_the_part_of_the_stack_that_it_speaks_of(full: Any) -> None:
    alarms, ids = alarms_of(full), full.ids
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
        "subscription-unhealthy": stage,
        "watchdog-errors": {"FunctionName": {"Ref": ids["Watchdog/Function"]}},
        "undelivered": queue("EventSource/DeadLetterQueue"),
        "rule-queues-1-failed": rule("queues-1"),
        "rule-customer-end-failed": rule("customer-end"),
        "ledger-reads-throttled": ledger,
        "ledger-writes-throttled": ledger,
        "silence": stage,
    }


def test_thresholds_follow_the_settings(
    stack: Any, tuned: Any, many_queues: Any, stack_with: Callable[..., Any]
) -> None:
    slow_retries = stack_with(retry_delay_seconds=900)
    settling_in_vain = stack_with(settle_seconds=900)
    for synthesised, wait, limit_ms, minutes in (
        (stack, 120, 24_000, 5),
        (tuned, 120 + 5, 48_000, 5),  # a batching window, and another timeout
        (many_queues, 120 + 900, 24_000, 5),  # ends settle
        (settling_in_vain, 120, 24_000, 5),  # there is nothing to settle in this delivery
        (slow_retries, 120, 24_000, 17),
    ):
        alarms = alarms_of(synthesised)
        assert alarms["backlog"]["Threshold"] == wait
        assert alarms["worker-slow"]["Threshold"] == limit_ms
        failures = alarms["failures"]
        assert (failures["DatapointsToAlarm"], failures["EvaluationPeriods"]) == (2, minutes)
    silence = alarms_of(tuned)["silence"]
    assert (silence["DatapointsToAlarm"], silence["EvaluationPeriods"]) == (6, 6)
    for alarm in alarms_of(stack_with(silence_hours=168)).values():
        # CloudWatch looks back a day, or seven where periods are an hour or longer.
        days = 7 if alarm["Period"] >= 3600 else 1
        assert alarm["Period"] * alarm["EvaluationPeriods"] <= days * 86_400


# What they are on


def test_each_is_on_one_metric_that_is_emitted_with_just_these_dimensions(
    stack: Any,
    full: Any,
    tuned: Any,
    many_queues: Any,
    capsys: pytest.CaptureFixture[str],
) -> None:
    telemetry.emit(Report(ended=[Ended("q1", 5)]), "dev", cold_start=True)
    look(io.StringIO())
    ours = {(metric.name, *sorted(metric.dimensions)) for metric in metrics_of(_output(capsys))}
    for synthesised in (stack, full, tuned, many_queues):
        for alarm in alarms_of(synthesised).values():
            assert "Metrics" not in alarm
            names = sorted(dimensions_of(alarm))
            if alarm["Namespace"] == "QueueEnds":
                assert (alarm["MetricName"], *names) in ours
            else:
                assert emits(alarm["Namespace"], alarm["MetricName"], names)


def _output(capsys: pytest.CaptureFixture[str]) -> str:
    return capsys.readouterr().out


def test_the_mapping_is_there_before_its_alarm(stack: Any) -> None:
    alarm = stack.ids["Monitoring/Alarms/mapping-dead"]
    assert stack.ids["Worker/Mapping"] in needed_by(stack.template, alarm)


# Whom they tell, and what


def test_each_tells_the_topic_when_it_goes_on_and_when_it_goes_off(stack: Any, full: Any) -> None:
    for synthesised in (stack, full):
        topic = [{"Ref": synthesised.ids["Monitoring/Alarms/Topic"]}]
        summary = synthesised.properties("Monitoring/Alarms/health")
        for alarm_id, alarm in {**alarms_of(synthesised), "health": summary}.items():
            assert alarm["AlarmActions"] == alarm["OKActions"] == topic
            assert alarm.get("ActionsEnabled", True) is True
            # A watchdog that is silent leaves nothing to tell good from bad by.
            unknown = topic if alarm_id == "subscription-unhealthy" else None
            assert alarm.get("InsufficientDataActions") == unknown


def test_each_says_what_it_means_what_to_do_first_and_where_to_read_on(
    stack: Any, full: Any, tuned: Any, many_queues: Any
) -> None:
    for synthesised, runbook in (
        (stack, "docs/runbook.md"),
        (full, "docs/runbook.md"),
        (many_queues, "docs/runbook.md"),
        (tuned, "https://example.com/docs/runbook.md"),
    ):
        summary = synthesised.properties("Monitoring/Alarms/health")
        for alarm_id, alarm in {**alarms_of(synthesised), "health": summary}.items():
            text = alarm["AlarmDescription"]
            found = re.fullmatch(r"([A-Z].{30,}\.)\nFirst: ([a-z].{20,}\.)\nRunbook: (\S+)", text)
            assert found, text
            link, _, anchor = found[3].partition("#")
            assert link == runbook
            assert anchor in SECTIONS
            assert anchor == alarm_id or anchor in {"rule-failed", "ledger-throttled"}
            # CloudWatch takes 1024 characters; this leaves room for the URL of a runbook.
            assert len(text) - len(link) <= 600


def test_only_this_stages_alarms_may_publish_and_only_over_tls(stack: Any, tuned: Any) -> None:
    account = {"Ref": "AWS::AccountId"}
    for synthesised, stage in ((stack, "dev"), (tuned, "prod")):
        topic = {"Ref": synthesised.ids["Monitoring/Alarms/Topic"]}
        start = ["arn:", {"Ref": "AWS::Partition"}, ":cloudwatch:", {"Ref": "AWS::Region"}]
        alarms = {"Fn::Join": ["", [*start, ":", account, f":alarm:QueueEnds-{stage}-*"]]}
        policy = synthesised.properties("Monitoring/Alarms/Topic/Policy")
        assert policy["Topics"] == [topic]
        tls_only, publish = policy["PolicyDocument"]["Statement"]
        assert {key: value for key, value in tls_only.items() if key != "Sid"} == {
            "Effect": "Deny",
            "Principal": "*",
            "Action": "sns:Publish",
            "Resource": topic,
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        }
        assert publish == {
            "Sid": "AlarmsPublish",
            "Effect": "Allow",
            "Principal": {"Service": "cloudwatch.amazonaws.com"},
            "Action": "sns:Publish",
            "Resource": topic,
            "Condition": {
                "ArnLike": {"aws:SourceArn": alarms},
                "StringEquals": {"aws:SourceAccount": account},
            },
        }
        # CloudWatch cannot publish to a topic that the key of SNS that AWS manages encrypts.
        assert "KmsMasterKeyId" not in synthesised.properties("Monitoring/Alarms/Topic")


def test_the_addresses_that_are_set_are_subscribed(stack: Any, tuned: Any) -> None:
    assert stack.of_type("AWS::SNS::Subscription") == []
    topic = {"Ref": tuned.ids["Monitoring/Alarms/Topic"]}
    assert [s["Properties"] for s in tuned.of_type("AWS::SNS::Subscription")] == [
        {"Protocol": "email", "Endpoint": address, "TopicArn": topic}
        for address in ("on-call@example.com", "team@example.com")
    ]


# The one that sums up


def test_one_alarm_sums_up_all_others(stack: Any, full: Any, many_queues: Any) -> None:
    for synthesised in (stack, full, many_queues):
        stage = stage_of(synthesised)
        (summary,) = synthesised.of_type("AWS::CloudWatch::CompositeAlarm")
        assert summary["Properties"]["AlarmName"] == f"QueueEnds-{stage}-health"
        rule = summary["Properties"]["AlarmRule"]
        names = [f"QueueEnds-{stage}-{alarm_id}" for alarm_id in alarms_of(synthesised)]
        assert rule == " OR ".join(f'ALARM("{name}")' for name in names)
        # CloudWatch: "PutCompositeAlarm".
        assert len(names) <= 100
        assert len(rule) <= 10_240
        # It names them, and so could be made before them, unless it is said.
        needed = needed_by(synthesised.template, synthesised.ids["Monitoring/Alarms/health"])
        alarms = {path for path in synthesised.ids if path.startswith("Monitoring/Alarms/")}
        assert {
            synthesised.ids[path]
            for path in alarms
            if synthesised.resource(path)["Type"] == "AWS::CloudWatch::Alarm"
        } <= needed


def test_for_the_emulator_the_template_only_says_what_would_sum_up(
    stack: Any, queue_legs: Any, stack_with: Callable[..., Any]
) -> None:
    hosted = stack_with(packaging="host")
    assert hosted.of_type("AWS::CloudWatch::CompositeAlarm") == []
    summary = stack.properties("Monitoring/Alarms/health")
    assert hosted.template["Metadata"]["QueueEnds"] == {
        "HealthAlarm": {key: summary[key] for key in ("AlarmName", "AlarmRule", "AlarmDescription")}
    }
    of_legs = queue_legs.template["Metadata"]["QueueEnds"]["HealthAlarm"]
    assert 'ALARM("QueueEnds-dev-rule-queues-1-failed")' in of_legs["AlarmRule"]
    assert "QueueEnds" not in stack.template.get("Metadata", {})


# The runbook


def test_every_section_of_the_runbook_is_complete_and_belongs_to_an_alarm(full: Any) -> None:
    alarms = [re.sub(r"^rule-.+-failed$", "rule-failed", name) for name in alarms_of(full)]
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


def test_the_runbooks_table_is_true(full: Any) -> None:
    rows = {}
    for alarm_id, alarm in alarms_of(full).items():
        name = "rule-<name>-failed" if alarm_id.startswith("rule-") else alarm_id
        anchor = alarm["AlarmDescription"].partition("#")[2]
        compared, threshold, times, periods, seconds, missing = shape(alarm)
        period = {60: "min", 300: "× 5 min", 3600: "h"}[seconds]
        rows[name] = (
            f"| [`{name}`](#{anchor}) | `{alarm['Namespace']}` `{alarm['MetricName']}` "
            f"| {compared} {threshold} | {times} of {periods} {period} | {MISSING[missing]} |"
        )
    table = re.findall(r"^\| \[`.+$", RUNBOOK, re.MULTILINE)
    assert table[:-1] == list(rows.values())
    assert table[-1].startswith("| [`health`](#health) |")
