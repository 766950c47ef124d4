"""The sections of the dashboard; each function yields one section's rows from top to bottom."""

from collections.abc import Iterator

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch

from infra.ledger import Ledger
from infra.monitoring.alarms import Alarms
from infra.monitoring.metrics import (
    VISIBLE,
    function_metric,
    mapping_metric,
    own_metric,
    queue_metric,
    table_metric,
)
from infra.monitoring.monitored_resources import MonitoredResources
from infra.monitoring.widgets import (
    BLUE,
    COLUMNS,
    CYAN,
    DUPLICATE,
    FAILED,
    FAULT,
    IGNORED,
    LIMIT,
    PROCESSED,
    PURPLE,
    REJECTED,
    Row,
    graph,
    labelled,
    limit_line,
    numbers,
)
from infra.settings.settings import Settings
from infra.worker import Worker

# The SQS metrics for messages that were received but not yet deleted, and for delayed messages.
_IN_FLIGHT = "ApproximateNumberOfMessagesNotVisible"
_DELAYED = "ApproximateNumberOfMessagesDelayed"
_RIGHT = cloudwatch.LegendPosition.RIGHT


def end_rows(settings: Settings) -> Iterator[Row]:
    """Yield the number and the latency of processed ends, in total and by queue."""
    ended = own_metric(settings, "Ended")
    latencies = [
        labelled(own_metric(settings, "EndToEndLatency", "p50"), "p50", CYAN),
        labelled(own_metric(settings, "EndToEndLatency", "p95"), "p95", BLUE),
        labelled(own_metric(settings, "EndToEndLatency", "p99"), "p99", PURPLE),
    ]
    ended_by_queue = [
        labelled(own_metric(settings, "Ended", queue_id=queue_id), queue_id)
        for queue_id in settings.queue_ids
    ]
    p95_by_queue = [
        labelled(own_metric(settings, "EndToEndLatency", "p95", queue_id=queue_id), queue_id)
        for queue_id in settings.queue_ids
    ]
    yield [
        numbers("Ends in the time shown", labelled(ended, "processed"), width=8),
        numbers("Latency in the time shown, in milliseconds", *latencies, width=16),
    ]
    yield [
        graph("Ends processed", labelled(ended, "all queues", PROCESSED), unit="ends", width=8),
        graph("Ends processed, by queue", *ended_by_queue, unit="ends", width=16, legend=_RIGHT),
    ]
    yield [
        graph("Latency from end to destinations", *latencies, unit="milliseconds", width=8),
        graph("Latency by queue, p95", *p95_by_queue, unit="milliseconds", width=16, legend=_RIGHT),
    ]


def message_rows(settings: Settings) -> Iterator[Row]:
    """Yield the number of received messages, in total and by outcome."""
    received = labelled(own_metric(settings, "Received"), "received", BLUE)
    # The graph stacks the outcomes in this order, so that the bad ones are on top.
    outcomes = [
        labelled(own_metric(settings, "Processed"), "processed", PROCESSED),
        labelled(own_metric(settings, "Duplicate"), "duplicate", DUPLICATE),
        labelled(own_metric(settings, "Ignored"), "ignored", IGNORED),
        labelled(own_metric(settings, "Rejected"), "rejected", REJECTED),
        labelled(own_metric(settings, "Failed"), "failed", FAILED),
    ]
    yield [numbers("Messages in the time shown", received, *outcomes, width=COLUMNS)]
    yield [
        graph(
            "What became of every message received",
            *outcomes,
            unit="messages",
            width=16,
            stacked=True,
        ),
        # The total has its own graph, because the stacked graph would add it to the outcomes.
        graph("Messages received", received, unit="messages", width=8),
    ]


def sqs_rows(resources: MonitoredResources, alarms: Alarms) -> Iterator[Row]:
    """Yield the messages in the intake queue and in the dead-letter queues."""
    queue = resources.intake.queue
    age = queue_metric(queue, "ApproximateAgeOfOldestMessage", "Maximum")
    dead_letters = queue_metric(resources.intake.dead_letter_queue, VISIBLE, "Maximum")
    yield [
        graph(
            "Intake queue",
            labelled(queue_metric(queue, VISIBLE, "Maximum"), "waiting", BLUE),
            labelled(queue_metric(queue, _IN_FLIGHT, "Maximum"), "in flight", CYAN),
            labelled(queue_metric(queue, _DELAYED, "Maximum"), "delayed", PURPLE),
            unit="messages",
            width=6,
        ),
        graph(
            "Age of the oldest message",
            labelled(age, "age", BLUE),
            unit="seconds",
            width=6,
            limits=[_alarm_line(alarms, "backlog")],
        ),
        graph(
            "Sent against deleted",
            labelled(queue_metric(queue, "NumberOfMessagesSent"), "sent", BLUE),
            labelled(queue_metric(queue, "NumberOfMessagesDeleted"), "deleted", PROCESSED),
            unit="messages",
            width=6,
        ),
        graph(
            "Dead-letter queues",
            labelled(dead_letters, "dead", FAILED),
            *resources.source.dead_letter_metrics,
            unit="messages",
            width=6,
        ),
    ]


def worker_rows(settings: Settings, worker: Worker, alarms: Alarms) -> Iterator[Row]:
    """Yield the worker's invocations, durations, event source mapping and batches."""
    function, mapping = worker.function, worker.mapping
    concurrency = function_metric(function, "ConcurrentExecutions", "Maximum")
    yield [
        graph(
            "Worker's invocations",
            labelled(function_metric(function, "Invocations"), "invocations", BLUE),
            unit="invocations",
            right_metrics=[
                labelled(function_metric(function, "Errors"), "errors", FAILED),
                labelled(function_metric(function, "Throttles"), "throttles", REJECTED),
            ],
            right_unit="errors, throttles",
            width=12,
        ),
        graph(
            "Worker's duration",
            labelled(function_metric(function, "Duration", "p50"), "p50", CYAN),
            labelled(function_metric(function, "Duration", "p99"), "p99", BLUE),
            labelled(function_metric(function, "Duration", "Maximum"), "maximum", PURPLE),
            unit="milliseconds",
            width=12,
            limits=[
                limit_line(settings.worker_timeout_seconds * 1000, "timeout", LIMIT),
                _alarm_line(alarms, "worker-slow"),
            ],
        ),
    ]
    yield [
        graph(
            "Event source mapping",
            labelled(mapping_metric(mapping, "PolledEventCount"), "polled", BLUE),
            labelled(mapping_metric(mapping, "InvokedEventCount"), "given to the worker", CYAN),
            labelled(
                mapping_metric(mapping, "FailedInvokeEventCount"), "given back as failed", FAILED
            ),
            labelled(mapping_metric(mapping, "DeletedEventCount"), "deleted", PROCESSED),
            unit="messages",
            width=8,
        ),
        graph(
            "Batches",
            labelled(own_metric(settings, "BatchSize", "Average"), "average", CYAN),
            labelled(own_metric(settings, "BatchSize", "Maximum"), "largest", BLUE),
            unit="messages in a batch",
            width=8,
        ),
        graph(
            "Workers at once, and cold starts",
            labelled(concurrency, "at once", BLUE),
            labelled(own_metric(settings, "ColdStart"), "cold starts", CYAN),
            unit="workers",
            width=8,
        ),
    ]


def ledger_and_destination_rows(settings: Settings, ledger: Ledger) -> Iterator[Row]:
    """Yield the ledger's consumed capacity and throttles, and the destinations' failures."""
    table = ledger.table
    yield [
        graph(
            "Ledger's consumed capacity",
            labelled(table_metric(table, "ConsumedReadCapacityUnits"), "reads", CYAN),
            labelled(table_metric(table, "ConsumedWriteCapacityUnits"), "writes", BLUE),
            unit="capacity units",
            width=8,
        ),
        graph(
            "Ledger's throttles",
            labelled(table_metric(table, "ReadThrottleEvents"), "reads", REJECTED),
            labelled(table_metric(table, "WriteThrottleEvents"), "writes", FAILED),
            unit="requests refused",
            width=8,
        ),
        graph(
            "Deliveries that failed",
            labelled(own_metric(settings, "DeliveryFailures"), "all destinations", FAILED),
            unit="deliveries",
            width=8,
        ),
    ]


def genesys_rows(
    settings: Settings, resources: MonitoredResources, alarms: Alarms
) -> Iterator[Row]:
    """Yield the watchdog's result, the functions that call Genesys Cloud, and the source's rows."""
    provisioner = resources.source.provisioner
    invocations = [
        labelled(
            function_metric(provisioner, "Invocations"), "custom resource: invocations", PURPLE
        )
    ]
    errors = [labelled(function_metric(provisioner, "Errors"), "custom resource: errors", REJECTED)]
    health_graphs: Row = []
    if resources.watchdog:
        watchdog = resources.watchdog.function
        invocations.append(
            labelled(function_metric(watchdog, "Invocations"), "watchdog: invocations", BLUE)
        )
        errors.append(labelled(function_metric(watchdog, "Errors"), "watchdog: errors", FAULT))
        health_graphs.append(_health_graph(settings, alarms))
    yield [
        *health_graphs,
        graph(
            "Functions that call Genesys Cloud",
            *invocations,
            *errors,
            unit="invocations",
            width=12 if health_graphs else COLUMNS,
        ),
    ]
    yield from resources.source.dashboard_rows


def _health_graph(settings: Settings, alarms: Alarms) -> cloudwatch.GraphWidget:
    healthy = own_metric(settings, "SubscriptionHealthy", "Minimum")
    return graph(
        "Genesys Cloud is set up as deployed (1) or not (0)",
        # The period is the watchdog's interval.
        labelled(healthy.with_(period=Duration.minutes(5)), "healthy", PROCESSED),
        unit="1: as deployed",
        width=12,
        limits=[_alarm_line(alarms, "subscription-unhealthy", "below")],
        left_max=1.2,
    )


def _alarm_line(
    alarms: Alarms, alarm_id: str, side: str = "above"
) -> cloudwatch.HorizontalAnnotation:
    threshold = alarms.alarms[alarm_id].to_annotation().value
    return limit_line(threshold, f"alarm {side}", FAULT)
