"""Checks of a deployed stack's intake: the queue's policy, the mapping, the queues, the alarms."""

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.exceptions import ClientError

from ops.doctor.checks import Result, State, failed, ok, warning
from ops.doctor.examination import Examination
from ops.stack.queues import QueueCounts, count_messages, read_oldest_age

# Older messages than this accumulate: a healthy worker takes a message within seconds.
_MAX_AGE_SECONDS = 300
_LOOK_BACK = timedelta(minutes=15)
_SILENCE = timedelta(hours=24)


def check_policy(examination: Examination) -> Result:
    """Check that the intake queue admits the sender of the events, and its rules are enabled."""
    deployed, settings = examination.deployed, examination.settings
    attributes = examination.aws.client("sqs").get_queue_attributes(
        QueueUrl=deployed.queue_url, AttributeNames=["Policy"]
    )
    policy = json.loads(attributes.get("Attributes", {}).get("Policy", "{}"))
    statements = examination.delivery.sender_statements(policy, settings)
    fix = (
        "Somebody has changed the stack's resources. Restore them: docs/runbook.md, “Mend by "
        "deploying”."
    )
    if not statements:
        return failed("the policy does not let the sender of the events in: none arrive", fix)
    rules = [rule for statement in statements for rule in _rules_in(statement)]
    off = [rule for rule in rules if not _is_enabled(rule, examination)]
    if off:
        names = ", ".join(rule.rpartition("/")[2] for rule in off)
        return failed(f"these EventBridge rules are disabled or missing: {names}", fix)
    if rules:
        return ok(f"admits the stack's {len(rules)} EventBridge rules, which are enabled")
    return ok(f"admits Genesys Cloud's AWS account {settings.genesys_account}")


def check_mapping(examination: Examination) -> Result:
    """Check that the event source mapping takes messages from the intake queue to the worker."""
    result = _judge_mapping(examination)
    examination.mapping_works = result.state != State.FAILED
    return result


def _judge_mapping(examination: Examination) -> Result:
    deployed = examination.deployed
    found = examination.aws.client("lambda").list_event_source_mappings(
        FunctionName=deployed.worker_name
    )["EventSourceMappings"]
    mappings = [each for each in found if each["EventSourceArn"] == deployed.output("QueueArn")]
    if not mappings:
        return failed(
            "the worker has no event source mapping: messages accumulate in the intake queue",
            "Somebody has deleted it. Restore it: docs/runbook.md, “Mend by deploying”.",
        )
    mapping = mappings[0]
    state, reason = mapping["State"], mapping.get("StateTransitionReason", "")
    if state in ("Disabled", "Disabling"):
        return failed(
            f"{state}: messages accumulate in the intake queue ({reason or 'no reason given'})",
            f"Run: aws lambda update-event-source-mapping --uuid {mapping['UUID']} --enabled",
        )
    problem = mapping.get("LastProcessingResult", "")
    if problem.startswith("PROBLEM"):
        return failed(
            f"{state}, but failing: {problem}",
            "Correct the worker's role or the queue's policy; docs/runbook.md, “mapping-dead”.",
        )
    if state != "Enabled":
        return warning(state, "Wait a minute, then try again.")
    return ok(state)


def check_accumulation(examination: Examination) -> Result:
    """Check that messages do not accumulate in the intake queue, and do not keep failing."""
    url = examination.deployed.queue_url
    counts = count_messages(examination.aws.client("sqs"), url)
    # CloudWatch's value can be some minutes old, so an empty queue needs none.
    is_empty = not counts.total
    age = None if is_empty else read_oldest_age(examination.aws.client("cloudwatch"), url)
    described = _describe(counts)
    if age is not None:
        described += f"; the oldest is {age} s old"
    if failures := _failures(examination, _Metrics(examination)):
        found = f"{described}. Messages fail and come back: {failures} in the last 15 minutes"
        fix = (
            "A destination fails, or your action raises an error: a failed message is not "
            "deleted, so SQS delivers it again. The worker's log names the error and the line "
            f"({_log_query(examination)}). Correct it and deploy. After max_receive_count receives "
            "a message goes to the dead-letter queue (queue-ends dlq ls)."
        )
        # If nothing waits, the messages were processed in the end, or are dead letters.
        return warning(found, fix) if is_empty else failed(found, fix)
    if counts.visible and not examination.mapping_works:
        return failed(
            f"{described}. Messages accumulate, because nothing takes them from the queue",
            "Correct the event source mapping; the messages are then processed.",
        )
    if age is not None and age > _MAX_AGE_SECONDS:
        return failed(
            f"{described}. Messages accumulate",
            f"Look at the worker's log ({_log_query(examination)}), and at docs/runbook.md, "
            "“backlog”.",
        )
    return ok(described)


def _failures(examination: Examination, metrics: "_Metrics") -> str:
    """Return the numbers of failures lately, in words; empty if there are none."""
    worker = {"FunctionName": examination.deployed.worker_name}
    counts = {
        "failed messages": metrics.sum("QueueEnds", "Failed", {"Stage": examination.stage}),
        # An error of the worker itself, such as a mistake in actions.py, returns whole batches.
        "errors of the worker": metrics.sum("AWS/Lambda", "Errors", worker),
    }
    return ", ".join(f"{count:g} {what}" for what, count in counts.items() if count)


def check_dead_letters(examination: Examination) -> Result:
    """Check that no dead letters wait for the operator, in any of the stack's queues for them."""
    folder, _, intake = examination.deployed.queue_url.rpartition("/")
    names = [name for name in examination.deployed_template().queue_names() if name != intake]
    sqs = examination.aws.client("sqs")
    counts = {name: count_messages(sqs, f"{folder}/{name}").total for name in names}
    found = ", ".join(f"{count} in {name}" for name, count in counts.items() if count)
    if found:
        return warning(
            f"{found}: these messages were given up",
            "See which and why: queue-ends dlq ls. Correct the cause, then: queue-ends dlq "
            "redrive. The runbook (docs/runbook.md) has a section for undelivered events.",
        )
    return ok("none")


def check_recent_messages(examination: Examination) -> Result:
    """Check that the worker was invoked lately: perhaps no conversation has ended."""
    worker = {"FunctionName": examination.deployed.worker_name}
    invocations = _Metrics(examination).sum("AWS/Lambda", "Invocations", worker, _SILENCE)
    if not invocations:
        return warning(
            "no message has arrived in the last 24 hours",
            "If all checks above have a tick, no conversation has ended in these queues: without "
            "an end there is no event. End a conversation in one of the queues, or send an end "
            "of your own: queue-ends send",
        )
    return ok(f"the worker ran {invocations:g} times in the last 24 hours")


def check_alarms(examination: Examination) -> Result:
    """Check that no alarm of the stack is on."""
    names = examination.deployed_template().alarm_names()
    cloudwatch, on = examination.aws.client("cloudwatch"), []
    for start in range(0, len(names), 100):
        answer = cloudwatch.describe_alarms(
            AlarmNames=names[start : start + 100],
            AlarmTypes=["MetricAlarm", "CompositeAlarm"],
            StateValue="ALARM",
        )
        found = [*answer.get("MetricAlarms", ()), *answer.get("CompositeAlarms", ())]
        on += [alarm["AlarmName"] for alarm in found]
    if on:
        return warning(
            f"on: {', '.join(sorted(on))}", "docs/runbook.md has a section for each alarm."
        )
    return ok(f"none of {len(names)} is on")


class _Metrics:
    """CloudWatch's metrics in the examination's account."""

    def __init__(self, examination: Examination) -> None:
        self._cloudwatch = examination.aws.client("cloudwatch")
        self._now = datetime.now(UTC)

    def sum(
        self,
        namespace: str,
        name: str,
        dimensions: Mapping[str, str],
        look_back: timedelta = _LOOK_BACK,
    ) -> float:
        """Return a metric's sum over a time; 0 if it has no value."""
        answer = self._cloudwatch.get_metric_statistics(
            Namespace=namespace,
            MetricName=name,
            Dimensions=[{"Name": key, "Value": value} for key, value in dimensions.items()],
            StartTime=self._now - look_back,
            EndTime=self._now,
            Period=int(look_back.total_seconds()),
            Statistics=["Sum"],
        )
        return float(sum(point["Sum"] for point in answer.get("Datapoints", ())))


def _describe(counts: QueueCounts) -> str:
    described = {
        "waiting": counts.visible,
        "in flight or waiting for a retry": counts.in_flight,
        "delayed": counts.delayed,
    }
    return ", ".join(f"{count} {word}" for word, count in described.items() if count) or "empty"


def _log_query(examination: Examination) -> str:
    return f"aws logs tail {examination.deployed.worker_log_group()} --since 15m"


def _rules_in(statement: Mapping[str, Any]) -> Iterator[str]:
    """Yield the ARNs of the rules that a policy's statement admits."""
    for condition in statement.get("Condition", {}).values():
        for key, value in condition.items():
            if key.lower() == "aws:sourcearn":
                yield from [value] if isinstance(value, str) else value


def _is_enabled(rule_arn: str, examination: Examination) -> bool:
    # The bus's name has slashes, a rule's name has none.
    bus, _, name = rule_arn.partition(":rule/")[2].rpartition("/")
    try:
        rule = examination.aws.client("events").describe_rule(Name=name, EventBusName=bus)
    except ClientError as error:
        if error.response["Error"]["Code"] != "ResourceNotFoundException":
            raise
        return False
    return bool(rule["State"] != "DISABLED")
