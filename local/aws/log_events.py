"""All events of a log group, however many there are."""

from collections.abc import Iterator
from typing import Any

MOST = 10_000
"""Events that one call answers."""


def log_events(
    logs: Any, group: str, *, since: int = 0, until: int | None = None, pattern: str = ""
) -> Iterator[dict[str, Any]]:
    """Yield the events of a log group in the order of their times.

    MiniStack gives no token for those that do not fit into an answer: what is asked next begins
    with the moment of the last one.

    Parameters
    ----------
    logs
        A client of CloudWatch Logs.
    since, until
        Moments in milliseconds of the epoch, both included.
    pattern
        Only events that match this filter pattern.

    Raises
    ------
    RuntimeError
        More events than one call answers are of one millisecond.
    """
    asked = {"logGroupName": group, "filterPattern": pattern, "startTime": max(since, 0)}
    if until is not None:
        asked["endTime"] = until
    seen = set[str]()
    while True:
        events = logs.filter_log_events(**asked, limit=MOST)["events"]
        yield from (event for event in events if event["eventId"] not in seen)
        if len(events) < MOST:
            return
        last = events[-1]["timestamp"]
        if last == events[0]["timestamp"]:
            raise RuntimeError(f"{group} has too many lines of one millisecond to read.")
        asked["startTime"] = last
        seen = {event["eventId"] for event in events if event["timestamp"] == last}
