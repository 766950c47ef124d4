"""The alarms and graphs on the parts that only delivery through EventBridge has."""

from collections.abc import Iterator, Sequence

from aws_cdk import aws_events as events
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sqs as sqs

from infra.monitoring.alarm_spec import AlarmSpec
from infra.monitoring.metrics import VISIBLE, of_queue, of_rule
from infra.monitoring.monitored_resources import MonitoredSource
from infra.monitoring.widgets import PURPLE, graph, line
from infra.settings.retries import DEAD_LETTER_DAYS


def monitored(
    *,
    function: lambda_.IFunction,
    held_back_seconds: int,
    undelivered: sqs.IQueue,
    bus: events.IEventBus,
    rules: Sequence[events.CfnRule],
) -> MonitoredSource:
    """Return what there is to watch of the partner bus, its rules and their dead-letter queue."""
    waiting = of_queue(undelivered, VISIBLE, "Maximum")
    taken = [line(of_rule(bus, rule, "Invocations"), str(rule.name)) for rule in rules]
    lost = [line(of_rule(bus, rule, "FailedInvocations"), str(rule.name)) for rule in rules]
    return MonitoredSource(
        function=function,
        held_back_seconds=held_back_seconds,
        alarms=[*_alarms(undelivered, bus, rules)],
        dead_letter_lines=[line(waiting, "undelivered by EventBridge", PURPLE)],
        rows=[
            [
                graph("Events to the intake queue, by rule", *taken, unit="events", width=12),
                graph("Events not delivered, by rule", *lost, unit="events", width=12),
            ]
        ],
    )


def _alarms(
    undelivered: sqs.IQueue, bus: events.IEventBus, rules: Sequence[events.CfnRule]
) -> Iterator[AlarmSpec]:
    yield AlarmSpec(
        id="undelivered",
        metric=of_queue(undelivered, VISIBLE, "Maximum"),
        meaning=(
            "EventBridge could not hand an event to the intake queue, and put it into the queue "
            f"for the undelivered, where it is kept for {DEAD_LETTER_DAYS} days."
        ),
        first="read ERROR_CODE and ERROR_MESSAGE on one of them; nothing is lost yet.",
    )
    for rule in rules:
        yield AlarmSpec(
            id=f"rule-{rule.name}-failed",
            metric=of_rule(bus, rule, "FailedInvocations"),
            section="rule-failed",
            meaning=(
                f"EventBridge has given up events that the rule {rule.name} was to hand to the "
                "intake queue."
            ),
            first="see the queue for the undelivered and the policy of the intake queue.",
        )
