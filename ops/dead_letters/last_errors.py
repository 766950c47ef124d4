"""The last errors of messages that SQS moved, from the worker's log."""

from collections.abc import Callable, Collection
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from ops.logs.events import read_events
from ops.logs.lines import MessageLine, parse_worker_line

if TYPE_CHECKING:
    from mypy_boto3_logs import CloudWatchLogsClient

# Only the lines of failed messages. The worker writes them on WARNING (see `worker.report`).
_PATTERN = '{ ($.message = "Message") && ($.outcome = "failed") }'
MAX_PAGES = 50
"""The most calls for one search; each returns at most 10,000 lines or 1 MB."""


def find_last_errors(
    logs: "CloudWatchLogsClient",
    group: str,
    message_ids: Collection[str],
    since_ms: int,
    note: Callable[[str], object],
) -> dict[str, str]:
    """Return the last error of each message that the log tells of, keyed by message id.

    SQS keeps the id of a message that it moves, so the log's ids are those of the dead letters.

    Parameters
    ----------
    since_ms
        The time of the earliest line that matters, in epoch milliseconds.
    note
        Tells the operator why errors may be unknown.
    """
    try:
        read = read_events(logs, group, since_ms, pattern=_PATTERN, max_pages=MAX_PAGES)
    except ClientError as error:
        note(f"The last errors are unknown, because the worker's log cannot be read: {error}")
        return {}
    if read.cut_short:
        note("The worker's log has too many failures to read. Some last errors may be older ones.")
    found: dict[str, str] = {}
    # The events are in order of time, so a later failure replaces an earlier one.
    for line in map(parse_worker_line, read.events):
        if not isinstance(line, MessageLine) or line.outcome != "failed":
            continue
        if line.message_id in message_ids:
            found[line.message_id] = ": ".join(filter(None, (line.reason, line.detail)))
    return found
