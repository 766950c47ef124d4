"""What a batch leaves behind in the log and in CloudWatch's metrics."""

from collections import defaultdict

from aws_lambda_powertools import Logger
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.metrics.provider.cloudwatch_emf.cloudwatch import (
    AmazonCloudWatchEMFProvider,
)

from worker.outcome import Report

NAMESPACE = "QueueEnds"


def log(report: Report, logger: Logger) -> None:
    """Write a line for the batch, and one for each message that was rejected or failed."""
    for outcome in report.of_kind("rejected") + report.of_kind("failed"):
        logger.warning(
            "Message",
            message_id=outcome.message.id,
            outcome=outcome.kind,
            reason=outcome.reason,
            detail=outcome.detail,
            receives=outcome.message.receives,
        )
    counts = {"received": len(report.outcomes), **report.counts(), "ended": len(report.ended)}
    logger.info("Batch", extra={**counts, "reasons": report.reasons()})


def emit(report: Report, stage: str, *, cold_start: bool) -> None:
    """Write the batch's metrics: one line in embedded metric format, and one per queue of ours.

    More lines follow only where there are over a hundred latencies, which is as many values as a
    line may hold.
    """
    counts = {
        "Received": len(report.outcomes),
        **{kind.capitalize(): count for kind, count in report.counts().items()},
        "Ended": len(report.ended),
        "DeliveryFailures": report.delivery_failures,
        "BatchSize": len(report.outcomes),
        "ColdStart": int(cold_start),
    }
    _emit({"Stage": stage}, counts, [ended.latency_ms for ended in report.ended])

    latencies = defaultdict(list)
    for ended in report.ended:
        latencies[ended.queue_id].append(ended.latency_ms)
    for queue_id, of_queue in latencies.items():
        _emit({"Stage": stage, "QueueId": queue_id}, {"Ended": len(of_queue)}, of_queue)


def _emit(dimensions: dict[str, str], counts: dict[str, int], latencies: list[int]) -> None:
    metrics = AmazonCloudWatchEMFProvider(namespace=NAMESPACE, dimension_set=dimensions)
    for name, count in counts.items():
        metrics.add_metric(name, MetricUnit.Count, count)
    for latency in latencies:
        metrics.add_metric("EndToEndLatency", MetricUnit.Milliseconds, latency)
    if metrics.metric_set:
        metrics.flush_metrics()
