"""Reading a log group as it grows: each line in embedded metric format once, and none missed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from local.cloudwatch.embedded_metrics import MARK

EVENTS_A_CALL = 10_000
LATE = 10_000
"""Milliseconds after its own time within which a log event appears."""


class MetricLines:
    """The lines in embedded metric format of a log group.

    Parameters
    ----------
    logs
        A client of CloudWatch Logs.
    group
        The log group's name.
    """

    def __init__(self, logs: Any, group: str) -> None:
        self._logs, self._group = logs, group
        self._begins = 0
        self._seen: dict[str, int] = {}

    def new(self) -> list[tuple[str, float]]:
        """Return the lines that came since the last call, and when (in seconds of the epoch)."""
        found = []
        for event in self._events():
            if event["eventId"] not in self._seen:
                self._seen[event["eventId"]] = event["timestamp"]
                found.append((event["message"], event["ingestionTime"] / 1000))
        self._begins = max(self._seen.values(), default=0) - LATE
        self._seen = {name: at for name, at in self._seen.items() if at >= self._begins}
        return found

    def _events(self) -> Iterator[dict[str, Any]]:
        begins = self._begins
        while True:
            # Without a token for what does not fit into an answer: it goes on from the last one.
            events = self._logs.filter_log_events(
                logGroupName=self._group,
                filterPattern=f'"{MARK}"',
                startTime=max(begins, 0),
                limit=EVENTS_A_CALL,
            )["events"]
            yield from events
            if len(events) < EVENTS_A_CALL:
                return
            if events[-1]["timestamp"] == begins:
                raise RuntimeError(f"{self._group} has too many lines of one millisecond to read.")
            begins = events[-1]["timestamp"]
