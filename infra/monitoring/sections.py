"""The dashboard's sections. Each function yields rows about one subject, from top to bottom."""

from collections.abc import Iterator, Sequence

from aws_cdk import aws_cloudwatch as cloudwatch

from ..ledger import Ledger
from ..settings.settings import Settings
from ..worker import Worker
from .alarms import Alarms
from .cloudwatch_metrics import (
    VISIBLE_MESSAGES,
    function_metric,
    mapping_metric,
    own_metric,
    queue_metric,
    table_metric,
)
from .monitored_resources import MonitoredResources
from .widgets import (
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
    label_metric,
    limit_line,
    number_widget,
)

# SQS's metric for messages that were received but not yet deleted.
_IN_FLIGHT = "ApproximateNumberOfMessagesNotVisible"
# SQS's metric for messages whose delay is not over.
_DELAYED = "ApproximateNumberOfMessagesDelayed"
_LEGEND_RIGHT = cloudwatch.LegendPosition.RIGHT


def rows_about_ends(settings: Settings, queue_labels: Sequence[str]) -> Iterator[Row]:
    """Yield rows with the number and the latency of processed ends, in total and by queue."""
    labels = dict(zip(settings.queue_ids, queue_labels, strict=True))
    ended = own_metric(settings, "Ended")
    latencies = [
        label_metric(own_metric(settings, "EndToEndLatency", "p50"), "p50", CYAN),
        label_metric(own_metric(settings, "EndToEndLatency", "p95"), "p95", BLUE),
        label_metric(own_metric(settings, "EndToEndLatency", "p99"), "p99", PURPLE),
    ]
    ended_by_queue = [
        label_metric(own_metric(settings, "Ended", queue_id=queue_id), label)
        for queue_id, label in labels.items()
    ]
    p95_by_queue = [
        label_metric(own_metric(settings, "EndToEndLatency", "p95", queue_id=queue_id), label)
        for queue_id, label in labels.items()
    ]
    yield [
        number_widget("Ends in the time range", label_metric(ended, "ends"), width=8),
        number_widget("Latency in the time range, in milliseconds", *latencies, width=16),
    ]
    yield [
        graph("Ends processed", label_metric(ended, "all queues", PROCESSED), unit="ends", width=8),
        graph(
            "Ends processed, by queue", *ended_by_queue, unit="ends", width=16, legend=_LEGEND_RIGHT
        ),
    ]
    yield [
        graph(
            "Latency from conversation end to destinations",
            *latencies,
            unit="milliseconds",
            width=8,
        ),
        graph(
            "Latency by queue, p95",
            *p95_by_queue,
            unit="milliseconds",
            width=16,
            legend=_LEGEND_RIGHT,
        ),
    ]


def rows_about_messages(settings: Settings) -> Iterator[Row]:
    """Yield rows with the number of received messages, in total and by outcome."""
    received = label_metric(own_metric(settings, "Received"), "received", BLUE)
    # The graph stacks the outcomes in this order, with the bad outcomes on top.
    outcomes = [
        label_metric(own_metric(settings, "Processed"), "processed", PROCESSED),
        label_metric(own_metric(settings, "Duplicate"), "duplicate", DUPLICATE),
        label_metric(own_metric(settings, "Ignored"), "ignored", IGNORED),
        label_metric(own_metric(settings, "Rejected"), "rejected", REJECTED),
        label_metric(own_metric(settings, "Failed"), "failed", FAILED),
    ]
    yield [number_widget("Messages in the time range", received, *outcomes, width=COLUMNS)]
    yield [
        graph(
            "Received messages, by outcome",
            *outcomes,
            unit="messages",
            width=16,
            stacked=True,
        ),
        # The total has a separate graph, because the stacked graph would add it to the outcomes.
        graph("Messages received", received, unit="messages", width=8),
    ]


def rows_about_sqs_queues(resources: MonitoredResources, alarms: Alarms) -> Iterator[Row]:
    """Yield a row about the intake queue, the dead-letter queue and any undelivered queue."""
    queue = resources.intake.queue
    age = queue_metric(queue, "ApproximateAgeOfOldestMessage", "Maximum")
    dead_letters = queue_metric(resources.intake.dead_letter_queue, VISIBLE_MESSAGES, "Maximum")
    yield [
        graph(
            "Intake queue",
            label_metric(queue_metric(queue, VISIBLE_MESSAGES, "Maximum"), "waiting", BLUE),
            label_metric(queue_metric(queue, _IN_FLIGHT, "Maximum"), "in flight", CYAN),
            label_metric(queue_metric(queue, _DELAYED, "Maximum"), "delayed", PURPLE),
            unit="messages",
            width=6,
        ),
        graph(
            "Age of the oldest message",
            label_metric(age, "age", BLUE),
            unit="seconds",
            width=6,
            limits=[alarm_line(alarms, "backlog")],
        ),
        graph(
            "Messages sent and deleted",
            label_metric(queue_metric(queue, "NumberOfMessagesSent"), "sent", BLUE),
            label_metric(queue_metric(queue, "NumberOfMessagesDeleted"), "deleted", PROCESSED),
            unit="messages",
            width=6,
        ),
        graph(
            "Messages that were not processed",
            label_metric(dead_letters, "dead letters", FAILED),
            *resources.source.undelivered_metrics,
            unit="messages",
            width=6,
        ),
    ]


def rows_about_worker(settings: Settings, worker: Worker, alarms: Alarms) -> Iterator[Row]:
    """Yield rows about the worker's invocations, durations, event source mapping and batches."""
    function, mapping = worker.function, worker.mapping
    concurrency = function_metric(function, "ConcurrentExecutions", "Maximum")
    yield [
        graph(
            "Worker invocations",
            label_metric(function_metric(function, "Invocations"), "invocations", BLUE),
            unit="invocations",
            right_metrics=[
                label_metric(function_metric(function, "Errors"), "errors", FAILED),
                label_metric(function_metric(function, "Throttles"), "throttles", REJECTED),
            ],
            right_unit="errors, throttles",
            width=12,
        ),
        graph(
            "Worker duration",
            label_metric(function_metric(function, "Duration", "p50"), "p50", CYAN),
            label_metric(function_metric(function, "Duration", "p99"), "p99", BLUE),
            label_metric(function_metric(function, "Duration", "Maximum"), "maximum", PURPLE),
            unit="milliseconds",
            width=12,
            limits=[
                limit_line(settings.worker_timeout_seconds * 1000, "timeout", LIMIT),
                alarm_line(alarms, "worker-slow"),
            ],
        ),
    ]
    yield [
        graph(
            "Event source mapping",
            label_metric(mapping_metric(mapping, "PolledEventCount"), "polled", BLUE),
            label_metric(mapping_metric(mapping, "InvokedEventCount"), "sent to the worker", CYAN),
            label_metric(
                mapping_metric(mapping, "FailedInvokeEventCount"), "returned as failed", FAILED
            ),
            label_metric(mapping_metric(mapping, "DeletedEventCount"), "deleted", PROCESSED),
            unit="messages",
            width=8,
        ),
        graph(
            "Batches",
            label_metric(own_metric(settings, "BatchSize", "Average"), "average", CYAN),
            label_metric(own_metric(settings, "BatchSize", "Maximum"), "largest", BLUE),
            unit="messages in a batch",
            width=8,
        ),
        graph(
            "Concurrent workers and cold starts",
            label_metric(concurrency, "concurrent", BLUE),
            label_metric(own_metric(settings, "ColdStart"), "cold starts", CYAN),
            unit="workers",
            width=8,
        ),
    ]


def rows_about_ledger_and_destinations(settings: Settings, ledger: Ledger) -> Iterator[Row]:
    """Yield a row with the ledger's consumed capacity and throttles, and failed deliveries."""
    table = ledger.table
    yield [
        graph(
            "Ledger capacity consumed",
            label_metric(table_metric(table, "ConsumedReadCapacityUnits"), "reads", CYAN),
            label_metric(table_metric(table, "ConsumedWriteCapacityUnits"), "writes", BLUE),
            unit="capacity units",
            width=8,
        ),
        graph(
            "Ledger throttles",
            label_metric(table_metric(table, "ReadThrottleEvents"), "reads", REJECTED),
            label_metric(table_metric(table, "WriteThrottleEvents"), "writes", FAILED),
            unit="requests throttled",
            width=8,
        ),
        graph(
            "Failed deliveries",
            label_metric(own_metric(settings, "DeliveryFailures"), "all destinations", FAILED),
            unit="deliveries",
            width=8,
        ),
    ]


def alarm_line(
    alarms: Alarms, alarm_id: str, *, alarming_side: str = "above"
) -> cloudwatch.HorizontalAnnotation:
    """Return a line at an alarm's threshold; the alarm is on for values on `alarming_side`."""
    threshold = alarms.by_id[alarm_id].to_annotation().value
    return limit_line(threshold, f"alarm {alarming_side}", FAULT)
