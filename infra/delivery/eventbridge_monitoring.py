"""The alarms and graphs that only the delivery `eventbridge` has."""

from collections.abc import Iterator, Sequence

from aws_cdk import aws_events as events
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sqs as sqs

from ..monitoring.alarm_spec import AlarmSpec
from ..monitoring.cloudwatch_metrics import VISIBLE_MESSAGES, queue_metric, rule_metric
from ..monitoring.monitored_resources import MonitoredSource
from ..monitoring.widgets import PURPLE, graph, label_metric
from ..settings.retries import DEAD_LETTER_DAYS


def make_monitored_source(
    *,
    provisioner: lambda_.IFunction,
    queue_labels: Sequence[str],
    max_delay_seconds: int,
    undelivered_queue: sqs.IQueue,
    bus: events.IEventBus,
    rules: Sequence[events.CfnRule],
) -> MonitoredSource:
    """Return what the monitoring needs to know about the delivery `eventbridge`."""
    undelivered_metric = queue_metric(undelivered_queue, VISIBLE_MESSAGES, "Maximum")
    sent_metrics = [
        label_metric(rule_metric(bus, rule, "Invocations"), str(rule.name)) for rule in rules
    ]
    failed_metrics = [
        label_metric(rule_metric(bus, rule, "FailedInvocations"), str(rule.name)) for rule in rules
    ]
    return MonitoredSource(
        provisioner=provisioner,
        queue_labels=queue_labels,
        max_delay_seconds=max_delay_seconds,
        alarm_specs=[*_alarm_specs(undelivered_queue, bus, rules)],
        undelivered_metrics=[
            label_metric(undelivered_metric, "undelivered by EventBridge", PURPLE)
        ],
        dashboard_rows=[
            [
                graph(
                    "Events sent to the intake queue, by rule",
                    *sent_metrics,
                    unit="events",
                    width=12,
                ),
                graph("Events not delivered, by rule", *failed_metrics, unit="events", width=12),
            ]
        ],
    )


def _alarm_specs(
    undelivered_queue: sqs.IQueue, bus: events.IEventBus, rules: Sequence[events.CfnRule]
) -> Iterator[AlarmSpec]:
    yield AlarmSpec(
        id="undelivered",
        metric=queue_metric(undelivered_queue, VISIBLE_MESSAGES, "Maximum"),
        meaning=(
            "EventBridge could not send at least one event to the intake queue. The event is in "
            f"the undelivered queue, which keeps events for {DEAD_LETTER_DAYS} days."
        ),
        first_step="read an event's ERROR_CODE and ERROR_MESSAGE. Nothing is lost yet.",
    )
    for rule in rules:
        yield AlarmSpec(
            id=f"rule-{rule.name}-failed",
            metric=rule_metric(bus, rule, "FailedInvocations"),
            shared_anchor="rule-failed",
            meaning=(
                f"EventBridge could not send events from the rule {rule.name} to the intake queue, "
                "and does not retry them. They are lost unless they are in the undelivered queue."
            ),
            first_step="check the undelivered queue and the intake queue's policy.",
        )
