"""The dashboard's sections: a function for each, its rows of graphs in the order of reading."""

from collections.abc import Iterator

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch

from infra.ledger import Ledger
from infra.monitoring.alarms import Alarms
from infra.monitoring.metrics import VISIBLE, of_function, of_mapping, of_queue, of_table, own
from infra.monitoring.monitored_resources import MonitoredResources
from infra.monitoring.widgets import (
    BLUE,
    COLUMNS,
    CYAN,
    DUPLICATE,
    FAILED,
    IGNORED,
    LIMIT,
    PROCESSED,
    PURPLE,
    REJECTED,
    WRONG,
    Row,
    graph,
    limit,
    line,
    numbers,
)
from infra.settings.settings import Settings
from infra.worker import Worker

# SQS's metrics of the messages that a worker has, and of those that are held back.
_IN_FLIGHT = "ApproximateNumberOfMessagesNotVisible"
_DELAYED = "ApproximateNumberOfMessagesDelayed"
_RIGHT = cloudwatch.LegendPosition.RIGHT


def ends(settings: Settings) -> Iterator[Row]:
    """Yield how many ends were processed and how long they took, in all and by queue."""
    ended = own(settings, "Ended")
    latencies = [
        line(own(settings, "EndToEndLatency", "p50"), "p50", CYAN),
        line(own(settings, "EndToEndLatency", "p95"), "p95", BLUE),
        line(own(settings, "EndToEndLatency", "p99"), "p99", PURPLE),
    ]
    queue_ids = settings.queue_ids
    ended_by_queue = [line(own(settings, "Ended", queue_id=id_), id_) for id_ in queue_ids]
    p95_by_queue = [
        line(own(settings, "EndToEndLatency", "p95", queue_id=id_), id_) for id_ in queue_ids
    ]
    yield [
        numbers("Ends in the time shown", line(ended, "processed"), width=8),
        numbers("Latency in the time shown, in milliseconds", *latencies, width=16),
    ]
    yield [
        graph("Ends processed", line(ended, "all queues", PROCESSED), unit="ends", width=8),
        graph("Ends processed, by queue", *ended_by_queue, unit="ends", width=16, legend=_RIGHT),
    ]
    yield [
        graph("Latency from end to destinations", *latencies, unit="milliseconds", width=8),
        graph("Latency by queue, p95", *p95_by_queue, unit="milliseconds", width=16, legend=_RIGHT),
    ]


def messages(settings: Settings) -> Iterator[Row]:
    """Yield an account of the messages: each that was received has one outcome."""
    received = line(own(settings, "Received"), "received", BLUE)
    # Stacked in this order: the outcomes that need attention are on top.
    outcomes = [
        line(own(settings, "Processed"), "processed", PROCESSED),
        line(own(settings, "Duplicate"), "duplicate", DUPLICATE),
        line(own(settings, "Ignored"), "ignored", IGNORED),
        line(own(settings, "Rejected"), "rejected", REJECTED),
        line(own(settings, "Failed"), "failed", FAILED),
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
        # In a graph of its own: the stacked one would add it to the outcomes or hide them.
        graph("Messages received", received, unit="messages", width=8),
    ]


def queues(resources: MonitoredResources, alarms: Alarms) -> Iterator[Row]:
    """Yield the messages in the intake queue and in the dead-letter queues."""
    queue = resources.intake.queue
    age = of_queue(queue, "ApproximateAgeOfOldestMessage", "Maximum")
    dead = of_queue(resources.intake.dead_letter_queue, VISIBLE, "Maximum")
    yield [
        graph(
            "Intake queue",
            line(of_queue(queue, VISIBLE, "Maximum"), "waiting", BLUE),
            line(of_queue(queue, _IN_FLIGHT, "Maximum"), "in flight", CYAN),
            line(of_queue(queue, _DELAYED, "Maximum"), "delayed", PURPLE),
            unit="messages",
            width=6,
        ),
        graph(
            "Age of the oldest message",
            line(age, "age", BLUE),
            unit="seconds",
            width=6,
            limits=[_alarm_at(alarms, "backlog")],
        ),
        graph(
            "Sent against deleted",
            line(of_queue(queue, "NumberOfMessagesSent"), "sent", BLUE),
            line(of_queue(queue, "NumberOfMessagesDeleted"), "deleted", PROCESSED),
            unit="messages",
            width=6,
        ),
        graph(
            "Dead-letter queues",
            line(dead, "dead", FAILED),
            *resources.source.dead_letter_lines,
            unit="messages",
            width=6,
        ),
    ]


def worker(settings: Settings, worker: Worker, alarms: Alarms) -> Iterator[Row]:
    """Yield the worker's invocations, and the messages that its mapping gives it."""
    function, mapping = worker.function, worker.mapping
    concurrency = of_function(function, "ConcurrentExecutions", "Maximum")
    yield [
        graph(
            "Worker's invocations",
            line(of_function(function, "Invocations"), "invocations", BLUE),
            unit="invocations",
            right=[
                line(of_function(function, "Errors"), "errors", FAILED),
                line(of_function(function, "Throttles"), "throttles", REJECTED),
            ],
            right_unit="errors, throttles",
            width=12,
        ),
        graph(
            "Worker's duration",
            line(of_function(function, "Duration", "p50"), "p50", CYAN),
            line(of_function(function, "Duration", "p99"), "p99", BLUE),
            line(of_function(function, "Duration", "Maximum"), "maximum", PURPLE),
            unit="milliseconds",
            width=12,
            limits=[
                limit(settings.worker_timeout_seconds * 1000, "timeout", LIMIT),
                _alarm_at(alarms, "worker-slow"),
            ],
        ),
    ]
    yield [
        graph(
            "Event source mapping",
            line(of_mapping(mapping, "PolledEventCount"), "polled", BLUE),
            line(of_mapping(mapping, "InvokedEventCount"), "given to the worker", CYAN),
            line(of_mapping(mapping, "FailedInvokeEventCount"), "given back as failed", FAILED),
            line(of_mapping(mapping, "DeletedEventCount"), "deleted", PROCESSED),
            unit="messages",
            width=8,
        ),
        graph(
            "Batches",
            line(own(settings, "BatchSize", "Average"), "average", CYAN),
            line(own(settings, "BatchSize", "Maximum"), "largest", BLUE),
            unit="messages in a batch",
            width=8,
        ),
        graph(
            "Workers at once, and cold starts",
            line(concurrency, "at once", BLUE),
            line(own(settings, "ColdStart"), "cold starts", CYAN),
            unit="workers",
            width=8,
        ),
    ]


def ledger_and_destinations(settings: Settings, ledger: Ledger) -> Iterator[Row]:
    """Yield the capacity and throttles of the ledger's table, and the deliveries that failed."""
    table = ledger.table
    yield [
        graph(
            "Ledger's consumed capacity",
            line(of_table(table, "ConsumedReadCapacityUnits"), "reads", CYAN),
            line(of_table(table, "ConsumedWriteCapacityUnits"), "writes", BLUE),
            unit="capacity units",
            width=8,
        ),
        graph(
            "Ledger's throttles",
            line(of_table(table, "ReadThrottleEvents"), "reads", REJECTED),
            line(of_table(table, "WriteThrottleEvents"), "writes", FAILED),
            unit="requests refused",
            width=8,
        ),
        graph(
            "Deliveries that failed",
            line(own(settings, "DeliveryFailures"), "all destinations", FAILED),
            unit="deliveries",
            width=8,
        ),
    ]


def genesys(settings: Settings, resources: MonitoredResources, alarms: Alarms) -> Iterator[Row]:
    """Yield the watchdog's view, the functions that call Genesys Cloud, and the source's rows."""
    maker = resources.source.function
    calls = [line(of_function(maker, "Invocations"), "custom resource: invocations", PURPLE)]
    errors = [line(of_function(maker, "Errors"), "custom resource: errors", REJECTED)]
    health: Row = []
    if resources.watchdog:
        function = resources.watchdog.function
        calls.append(line(of_function(function, "Invocations"), "watchdog: invocations", BLUE))
        errors.append(line(of_function(function, "Errors"), "watchdog: errors", WRONG))
        health.append(_health(settings, alarms))
    yield [
        *health,
        graph(
            "Functions that call Genesys Cloud",
            *calls,
            *errors,
            unit="invocations",
            width=12 if health else COLUMNS,
        ),
    ]
    yield from resources.source.rows


def _health(settings: Settings, alarms: Alarms) -> cloudwatch.GraphWidget:
    healthy = own(settings, "SubscriptionHealthy", "Minimum")
    return graph(
        "Genesys Cloud is set up as deployed (1) or not (0)",
        # The watchdog looks as often.
        line(healthy.with_(period=Duration.minutes(5)), "healthy", PROCESSED),
        unit="1: as deployed",
        width=12,
        limits=[_alarm_at(alarms, "subscription-unhealthy", "below")],
        highest=1.2,
    )


def _alarm_at(
    alarms: Alarms, alarm_id: str, crossed: str = "above"
) -> cloudwatch.HorizontalAnnotation:
    threshold = alarms.alarms[alarm_id].to_annotation().value
    return limit(threshold, f"alarm {crossed}", WRONG)
