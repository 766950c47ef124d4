"""Metrics, as lines of the log that CloudWatch reads: its embedded metric format."""

import json
import time
from collections.abc import Mapping, Sequence
from typing import Any

NAMESPACE = "QueueEnds"
# Values that a metric may have in one line (AWS: "Specification: Embedded metric format").
MAX_VALUES = 100


def emit(
    dimensions: Mapping[str, str],
    counts: Mapping[str, int],
    durations: Mapping[str, Sequence[int]] | None = None,
    *,
    also_by: Sequence[str] = (),
) -> None:
    """Write metrics: one line, and more only where a metric has over a hundred values.

    Parameters
    ----------
    dimensions
        The values of the dimensions, by name.
    counts
        The value of each metric that counts something.
    durations
        The values, in milliseconds, of each metric that is told in percentiles.
    also_by
        Those of the dimensions by which alone the same values can be found too.
    """
    durations = durations or {}
    sets = [list(also_by)] if also_by else []
    sets.append(list(dimensions))
    longest = max(map(len, durations.values()), default=0)
    for start in range(0, max(1, longest), MAX_VALUES):
        parts = {name: of[start : start + MAX_VALUES] for name, of in durations.items()}
        values: dict[str, Any] = {} if start else dict(counts)
        units = dict.fromkeys(values, "Count")
        for name, part in parts.items():
            if part:
                values[name] = part
                units[name] = "Milliseconds"
        if values:
            _write(dimensions, sets, units, values)


def _write(
    dimensions: Mapping[str, str],
    sets: Sequence[Sequence[str]],
    units: Mapping[str, str],
    values: Mapping[str, Any],
) -> None:
    directive = {
        "Namespace": NAMESPACE,
        "Dimensions": sets,
        "Metrics": [{"Name": name, "Unit": unit} for name, unit in units.items()],
    }
    meta = {"Timestamp": int(time.time() * 1000), "CloudWatchMetrics": [directive]}
    print(json.dumps({"_aws": meta, **dimensions, **values}, separators=(",", ":")))
