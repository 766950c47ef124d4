"""The dashboard's tables, which show the results of queries on the functions' logs."""

from collections.abc import Iterator

from infra.monitoring.monitored_resources import MonitoredResources
from infra.monitoring.widgets import COLUMNS, Row, table

# The worker writes a log line "Message" for each SQS message.
_MESSAGE_LINES = 'filter message = "Message"'
_NEWEST_LINES = ("sort @timestamp desc", "limit 20")


def log_rows(resources: MonitoredResources) -> Iterator[Row]:
    """Yield a row about the last rejected and failed messages, and a row of summaries.

    The second row counts the reasons and, if there is a watchdog, lists what it found.
    """
    worker_log, watchdog = resources.worker.function.log_group, resources.watchdog
    message_fields = "fields @timestamp, reason, detail, message_id, receives"
    yield [
        table(
            "Last messages that were rejected",
            worker_log,
            [message_fields, _MESSAGE_LINES, 'filter outcome = "rejected"', *_NEWEST_LINES],
            width=12,
        ),
        table(
            "Last messages that failed",
            worker_log,
            [message_fields, _MESSAGE_LINES, 'filter outcome = "failed"', *_NEWEST_LINES],
            width=12,
        ),
    ]
    reasons = table(
        "Why messages were rejected or failed",
        worker_log,
        [
            _MESSAGE_LINES,
            "stats count(*) as messages by outcome, reason",
            "sort messages desc",
            "limit 20",
        ],
        width=8 if watchdog else COLUMNS,
    )
    if not watchdog:
        yield [reasons]
        return
    findings = table(
        "What the watchdog found",
        watchdog.function.log_group,
        [
            # In Logs Insights, each element of the list `differences` is a field of its own.
            # `detail` explains why a run failed.
            "fields @timestamp, message, differences.0, differences.1, differences.2, detail",
            'filter level = "WARNING"',
            *_NEWEST_LINES,
        ],
        width=16,
    )
    yield [reasons, findings]
