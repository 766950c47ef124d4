"""The last errors of messages that SQS moved, from the worker's log."""

import json
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from mypy_boto3_logs import CloudWatchLogsClient

# Only the lines of failed messages. The worker writes them on WARNING (see `worker.report`).
_PATTERN = '{ $.message = "Message" && $.outcome = "failed" }'
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
    found: dict[str, tuple[int, str]] = {}
    query: dict[str, Any] = {"logGroupName": group, "filterPattern": _PATTERN}
    query["startTime"] = max(since_ms, 0)
    for _ in range(MAX_PAGES):
        try:
            page = logs.filter_log_events(**query)
        except ClientError as error:
            note(f"The last errors are unknown, because the worker's log cannot be read: {error}")
            break
        for event in page["events"]:
            message_id, text = _parse(event["message"])
            if message_id in message_ids:
                # Log streams are read one after the other, so a later page may hold earlier lines.
                line = (event["timestamp"], text)
                found[message_id] = max(found.get(message_id, line), line)
        if "nextToken" not in page:
            break
        query["nextToken"] = page["nextToken"]
    else:
        note("The worker's log has too many failures to read. Some last errors may be older ones.")
    return {message_id: text for message_id, (_, text) in found.items()}


def _parse(line: str) -> tuple[str, str]:
    """Return a failed message's id and error; empty strings for any other line."""
    try:
        fields = json.loads(line)
    except ValueError:
        return "", ""
    if not isinstance(fields, dict) or fields.get("outcome") != "failed":
        return "", ""
    reason, detail = fields.get("reason", ""), fields.get("detail", "")
    return str(fields.get("message_id", "")), f"{reason}: {detail}" if detail else str(reason)
