"""What a batch leaves behind in the log and in CloudWatch's metrics."""

from collections import defaultdict

from aws_lambda_powertools import Logger

import metrics
from worker.outcome import Report


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
    """Write the batch's metrics: a line for the batch, and one for each queue of ours in it.

    What a queue's line tells counts for the stage as well, so that no latency is written twice.
    """
    counts = {
        "Received": len(report.outcomes),
        **{kind.capitalize(): count for kind, count in report.counts().items()},
        "DeliveryFailures": report.delivery_failures,
        "BatchSize": len(report.outcomes),
        "ColdStart": int(cold_start),
    }
    if not report.ended:
        counts["Ended"] = 0
    metrics.emit({"Stage": stage}, counts)

    latencies = defaultdict(list)
    for ended in report.ended:
        latencies[ended.queue_id].append(ended.latency_ms)
    for queue_id, of_queue in latencies.items():
        metrics.emit(
            {"Stage": stage, "QueueId": queue_id},
            {"Ended": len(of_queue)},
            {"EndToEndLatency": of_queue},
            also_by=["Stage"],
        )
