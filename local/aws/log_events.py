"""Reads all events of a log group, with as many calls as necessary."""

from collections.abc import Iterator
from typing import Any

MAX_EVENTS_PER_CALL = 10_000
"""The most events that CloudWatch Logs returns in one response."""


def log_events(
    logs: Any, group: str, *, since: int = 0, until: int | None = None, pattern: str = ""
) -> Iterator[dict[str, Any]]:
    """Yield the events of a log group in the order of their times.

    MiniStack returns no token for the next page. If a response is full, the next call therefore
    starts at the time of the last event, and the events of that time are not yielded again.

    Parameters
    ----------
    logs
        A client of CloudWatch Logs.
    since, until
        The earliest and the latest time of an event, in epoch milliseconds.
    pattern
        A filter pattern that the events must match.

    Raises
    ------
    RuntimeError
        More events have the same time than fit into one response.
    """
    query = {"logGroupName": group, "filterPattern": pattern, "startTime": max(since, 0)}
    if until is not None:
        query["endTime"] = until
    seen = set[str]()
    while True:
        events = logs.filter_log_events(**query, limit=MAX_EVENTS_PER_CALL)["events"]
        yield from (event for event in events if event["eventId"] not in seen)
        if len(events) < MAX_EVENTS_PER_CALL:
            return
        last = events[-1]["timestamp"]
        if last == events[0]["timestamp"]:
            raise RuntimeError(f"{group} has too many lines in one millisecond to read.")
        query["startTime"] = last
        seen = {event["eventId"] for event in events if event["timestamp"] == last}
