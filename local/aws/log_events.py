"""All events of a log group, over as many calls as they need."""

from collections.abc import Iterator
from typing import Any

MOST = 10_000
"""The most events in one answer."""


def log_events(
    logs: Any, group: str, *, since: int = 0, until: int | None = None, pattern: str = ""
) -> Iterator[dict[str, Any]]:
    """Yield the events of a log group in the order of their times.

    MiniStack gives no token for the events that do not fit into an answer. The next call therefore
    starts at the time of the last event.

    Parameters
    ----------
    logs
        A client of CloudWatch Logs.
    since, until
        Milliseconds of the epoch, both included.
    pattern
        A filter pattern that the events must match.

    Raises
    ------
    RuntimeError
        One millisecond has more events than one answer holds.
    """
    query = {"logGroupName": group, "filterPattern": pattern, "startTime": max(since, 0)}
    if until is not None:
        query["endTime"] = until
    seen = set[str]()
    while True:
        events = logs.filter_log_events(**query, limit=MOST)["events"]
        yield from (event for event in events if event["eventId"] not in seen)
        if len(events) < MOST:
            return
        last = events[-1]["timestamp"]
        if last == events[0]["timestamp"]:
            raise RuntimeError(f"{group} has too many lines in one millisecond to read.")
        query["startTime"] = last
        seen = {event["eventId"] for event in events if event["timestamp"] == last}
