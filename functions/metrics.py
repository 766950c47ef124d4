"""Metrics as log lines in CloudWatch's embedded metric format (docs/decisions/own-metrics.md)."""

import json
import time
from collections.abc import Mapping, Sequence
from typing import Any

NAMESPACE = "QueueEnds"
# The most values of a metric in one line (AWS: "Specification: Embedded metric format").
MAX_VALUES = 100


def emit(
    dimensions: Mapping[str, str],
    counts: Mapping[str, int],
    durations: Mapping[str, Sequence[int]] | None = None,
    *,
    also_by: Sequence[str] = (),
) -> None:
    """Write metrics in one line; a metric with over a hundred values takes more lines.

    Parameters
    ----------
    dimensions
        The values of the dimensions, by name.
    counts
        The metrics that count something.
    durations
        The metrics that are shown in percentiles: all their values, in milliseconds.
    also_by
        A smaller set of these dimensions, under which the same values are found, too.
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
