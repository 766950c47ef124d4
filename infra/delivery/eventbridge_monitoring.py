"""The alarms and graphs that only the delivery `eventbridge` has."""

from collections.abc import Iterator, Sequence

from aws_cdk import aws_events as events
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sqs as sqs

from infra.monitoring.alarm_spec import AlarmSpec
from infra.monitoring.metrics import VISIBLE, queue_metric, rule_metric
from infra.monitoring.monitored_resources import MonitoredSource
from infra.monitoring.widgets import PURPLE, graph, labelled
from infra.settings.retries import DEAD_LETTER_DAYS


def make_monitored_source(
    *,
    provisioner: lambda_.IFunction,
    max_delay_seconds: int,
    undelivered_queue: sqs.IQueue,
    bus: events.IEventBus,
    rules: Sequence[events.CfnRule],
) -> MonitoredSource:
    """Return the monitoring of the partner event bus, its rules and the undelivered queue."""
    undelivered = queue_metric(undelivered_queue, VISIBLE, "Maximum")
    sent_by_rule = [
        labelled(rule_metric(bus, rule, "Invocations"), str(rule.name)) for rule in rules
    ]
    failed_by_rule = [
        labelled(rule_metric(bus, rule, "FailedInvocations"), str(rule.name)) for rule in rules
    ]
    return MonitoredSource(
        provisioner=provisioner,
        max_delay_seconds=max_delay_seconds,
        alarm_specs=[*_alarm_specs(undelivered_queue, bus, rules)],
        dead_letter_metrics=[labelled(undelivered, "undelivered by EventBridge", PURPLE)],
        dashboard_rows=[
            [
                graph(
                    "Events to the intake queue, by rule", *sent_by_rule, unit="events", width=12
                ),
                graph("Events not delivered, by rule", *failed_by_rule, unit="events", width=12),
            ]
        ],
    )


def _alarm_specs(
    undelivered_queue: sqs.IQueue, bus: events.IEventBus, rules: Sequence[events.CfnRule]
) -> Iterator[AlarmSpec]:
    yield AlarmSpec(
        id="undelivered",
        metric=queue_metric(undelivered_queue, VISIBLE, "Maximum"),
        meaning=(
            "EventBridge could not hand an event to the intake queue, and put it into the queue "
            f"for the undelivered, where it is kept for {DEAD_LETTER_DAYS} days."
        ),
        first_step="read ERROR_CODE and ERROR_MESSAGE on one of them; nothing is lost yet.",
    )
    for rule in rules:
        yield AlarmSpec(
            id=f"rule-{rule.name}-failed",
            metric=rule_metric(bus, rule, "FailedInvocations"),
            section="rule-failed",
            meaning=(
                f"EventBridge has given up events that the rule {rule.name} was to hand to the "
                "intake queue."
            ),
            first_step="see the queue for the undelivered and the policy of the intake queue.",
        )
