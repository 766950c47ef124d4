"""Reads the lines in embedded metric format from a growing log group, each line once."""

from __future__ import annotations

from typing import Any

from local.aws.log_events import log_events
from local.cloudwatch.embedded_metrics import DIRECTIVES_KEY

MAX_DELAY_MS = 10_000
"""The longest time between a log event's timestamp and its appearance in the log group."""


class MetricLines:
    """A log group's lines in embedded metric format.

    Parameters
    ----------
    logs
        A client of CloudWatch Logs.
    group
        The log group's name.
    """

    def __init__(self, logs: Any, group: str) -> None:
        self._logs, self._group = logs, group
        self._since = 0
        self._seen: dict[str, int] = {}

    def read_new(self) -> list[tuple[str, float]]:
        """Return the lines since the last call, each with its ingestion time in epoch seconds."""
        lines = []
        events = log_events(
            self._logs, self._group, since=self._since, pattern=f'"{DIRECTIVES_KEY}"'
        )
        for event in events:
            if event["eventId"] not in self._seen:
                self._seen[event["eventId"]] = event["timestamp"]
                lines.append((event["message"], event["ingestionTime"] / 1000))
        self._since = max(self._seen.values(), default=0) - MAX_DELAY_MS
        self._seen = {name: at for name, at in self._seen.items() if at >= self._since}
        return lines
