"""The dashboard's tables: queries on the functions' logs."""

from collections.abc import Iterator

from infra.monitoring.monitored_resources import MonitoredResources
from infra.monitoring.widgets import COLUMNS, Row, table

_OF_A_MESSAGE = 'filter message = "Message"'
_NEWEST = ("sort @timestamp desc", "limit 20")


def rows(resources: MonitoredResources) -> Iterator[Row]:
    """Yield the last messages in trouble, the reasons counted, and the watchdog's findings."""
    worker, watchdog = resources.worker.function.log_group, resources.watchdog
    shown = "fields @timestamp, reason, detail, message_id, receives"
    yield [
        table(
            "Last messages that were rejected",
            worker,
            [shown, _OF_A_MESSAGE, 'filter outcome = "rejected"', *_NEWEST],
            width=12,
        ),
        table(
            "Last messages that failed",
            worker,
            [shown, _OF_A_MESSAGE, 'filter outcome = "failed"', *_NEWEST],
            width=12,
        ),
    ]
    reasons = table(
        "Why messages were rejected or failed",
        worker,
        [
            _OF_A_MESSAGE,
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
            # Logs Insights has a field for each part of a list. `detail` explains a failed look.
            "fields @timestamp, message, differences.0, differences.1, differences.2, detail",
            'filter level = "WARNING"',
            *_NEWEST,
        ],
        width=16,
    )
    yield [reasons, findings]
