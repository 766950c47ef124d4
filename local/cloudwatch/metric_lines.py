"""A reader of a growing log group that returns each line in embedded metric format once."""

from __future__ import annotations

from typing import Any

from local.aws.log_events import log_events
from local.cloudwatch.embedded_metrics import MARK

LATE = 10_000
"""The most milliseconds between a log event's time and its appearance."""


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
        """Return the lines since the last call, each with its ingestion in seconds of the epoch."""
        found = []
        events = log_events(self._logs, self._group, since=self._begins, pattern=f'"{MARK}"')
        for event in events:
            if event["eventId"] not in self._seen:
                self._seen[event["eventId"]] = event["timestamp"]
                found.append((event["message"], event["ingestionTime"] / 1000))
        self._begins = max(self._seen.values(), default=0) - LATE
        self._seen = {name: at for name, at in self._seen.items() if at >= self._begins}
        return found
