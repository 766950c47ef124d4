"""Reads the events of a log group."""

import itertools
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError


@dataclass(frozen=True, slots=True)
class LogEvent:
    """A log line, and when it was written, in epoch milliseconds."""

    id: str
    at_ms: int
    text: str


@dataclass(frozen=True, slots=True)
class LogEvents:
    """The events that were read.

    Attributes
    ----------
    events
        The events in the order of their times.
    cut_short
        Whether there may be more events after these.
    """

    events: list[LogEvent]
    cut_short: bool = False


def read_events(
    logs: Any, group: str, since_ms: int, *, pattern: str = "", max_pages: int | None = None
) -> LogEvents:
    """Return the events of a log group since a time.

    CloudWatch Logs returns at most 1 MB or 10,000 events in a page. A page can be empty although
    more pages follow (see "FilterLogEvents" in the CloudWatch Logs API Reference).

    Parameters
    ----------
    since_ms
        The earliest time, in epoch milliseconds.
    pattern
        A filter pattern. The emulator takes patterns in braces as "all events", so callers check
        what they get.
    max_pages
        The most pages to read; None for all.
    """
    pages = logs.get_paginator("filter_log_events").paginate(
        logGroupName=group, startTime=max(since_ms, 0), filterPattern=pattern
    )
    events: dict[str, LogEvent] = {}
    cut_short = False
    try:
        for page in itertools.islice(pages, max_pages):
            for event in page["events"]:
                one = LogEvent(event["eventId"], event["timestamp"], event["message"])
                events[one.id] = one
            cut_short = bool(page.get("nextToken"))
    except ClientError as error:
        # A function that has never run has no log group of its own yet.
        if error.response["Error"]["Code"] != "ResourceNotFoundException":
            raise
    # Pages are in order of time, but the last page can overlap with the one before.
    return LogEvents(sorted(events.values(), key=lambda one: one.at_ms), cut_short)


def quote(term: str) -> str:
    """Return a filter pattern that matches lines with this text.

    See "Filter pattern syntax" in the CloudWatch Logs User Guide.
    """
    escaped = term.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
