"""The dashboard's section about Genesys Cloud: its checks, and the functions that call it."""

from collections.abc import Iterator

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch

from ..settings.settings import Settings
from .alarms import Alarms
from .cloudwatch_metrics import function_metric, own_metric
from .monitored_resources import MonitoredResources
from .sections import alarm_line
from .widgets import (
    BLUE,
    COLUMNS,
    FAULT,
    PROCESSED,
    PURPLE,
    REJECTED,
    Row,
    graph,
    label_metric,
)


def rows_about_genesys(
    settings: Settings, resources: MonitoredResources, alarms: Alarms
) -> Iterator[Row]:
    """Yield a row about the functions that call Genesys Cloud, then the delivery's own rows.

    If there is a watchdog, the first row also shows the watchdog's results.
    """
    provisioner = resources.source.provisioner
    invocations = [
        label_metric(
            function_metric(provisioner, "Invocations"), "provisioner: invocations", PURPLE
        )
    ]
    errors = [label_metric(function_metric(provisioner, "Errors"), "provisioner: errors", REJECTED)]
    health_graphs: Row = []
    if resources.watchdog:
        watchdog = resources.watchdog.function
        invocations.append(
            label_metric(function_metric(watchdog, "Invocations"), "watchdog: invocations", BLUE)
        )
        errors.append(label_metric(function_metric(watchdog, "Errors"), "watchdog: errors", FAULT))
        health_graphs += [_health_graph(settings, alarms), _unknown_queues_graph(settings)]
    yield [
        *health_graphs,
        graph(
            "Functions that call Genesys Cloud",
            *invocations,
            *errors,
            unit="invocations",
            width=8 if health_graphs else COLUMNS,
        ),
    ]
    yield from resources.source.dashboard_rows


def _health_graph(settings: Settings, alarms: Alarms) -> cloudwatch.GraphWidget:
    # The metric is called `SubscriptionHealthy` with the integration, too.
    health_metric = own_metric(settings, "SubscriptionHealthy", "Minimum")
    return graph(
        "Genesys Cloud matches the deployed stack (1) or not (0)",
        # The period is the watchdog's interval.
        label_metric(health_metric.with_(period=Duration.minutes(5)), "healthy", PROCESSED),
        unit="1: healthy",
        width=8,
        limits=[alarm_line(alarms, "subscription-unhealthy", alarming_side="below")],
        left_max=1.2,  # leaves some space above a line at 1
    )


def _unknown_queues_graph(settings: Settings) -> cloudwatch.GraphWidget:
    metric = own_metric(settings, "UnknownQueues", "Maximum")
    return graph(
        "Queues that Genesys Cloud does not have any more",
        label_metric(metric.with_(period=Duration.minutes(5)), "unknown queues", FAULT),
        unit="queues",
        width=8,
    )
