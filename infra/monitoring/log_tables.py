"""The dashboard's tables, which show the results of queries on the functions' logs."""

from collections.abc import Iterator

from .monitored_resources import MonitoredResources
from .widgets import COLUMNS, Row, log_table

# The worker writes a log line "Message" for each rejected or failed SQS message.
_MESSAGE_LINES = 'filter message = "Message"'
_NEWEST_LINES = ("sort @timestamp desc", "limit 20")


def rows_about_logs(resources: MonitoredResources) -> Iterator[Row]:
    """Yield two rows of tables.

    The first row lists the last rejected and failed messages. The second row counts their reasons
    and, if there is a watchdog, lists the watchdog's findings.
    """
    worker_log, watchdog = resources.worker.function.log_group, resources.watchdog
    message_fields = "fields @timestamp, reason, detail, message_id, receives"
    yield [
        log_table(
            "Last rejected messages",
            worker_log,
            [message_fields, _MESSAGE_LINES, 'filter outcome = "rejected"', *_NEWEST_LINES],
            width=12,
        ),
        log_table(
            "Last failed messages",
            worker_log,
            [message_fields, _MESSAGE_LINES, 'filter outcome = "failed"', *_NEWEST_LINES],
            width=12,
        ),
    ]
    reasons_table = log_table(
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
        yield [reasons_table]
        return
    findings_table = log_table(
        "What the watchdog found",
        watchdog.function.log_group,
        [
            # The table shows the first three elements of the list `differences`, each of which is a
            # separate field in Logs Insights, and the first two of `changes`. `detail` explains why
            # the watchdog could not check or heal Genesys Cloud.
            "fields @timestamp, message, differences.0, differences.1, differences.2, "
            "changes.0, changes.1, detail",
            'filter level = "WARNING"',
            *_NEWEST_LINES,
        ],
        width=16,
    )
    yield [reasons_table, findings_table]
