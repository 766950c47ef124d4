"""Writes metrics as log lines in CloudWatch's embedded metric format.

`docs/decisions/own-metrics.md` says why Powertools' `Metrics` is not used.
"""

import json
import time
from collections.abc import Mapping, Sequence
from typing import Any

NAMESPACE = "QueueEnds"
# The maximum number of values of a metric in one line (see "Specification: Embedded metric format"
# in the AWS documentation).
MAX_VALUES_PER_LINE = 100


def emit(
    dimensions: Mapping[str, str],
    counts: Mapping[str, int],
    durations: Mapping[str, Sequence[int]] | None = None,
    *,
    rollup_dimensions: Sequence[str] = (),
) -> None:
    """Write metrics in one line, or in several if a metric has over a hundred durations.

    Parameters
    ----------
    dimensions
        The dimensions' values, keyed by name.
    counts
        The values of metrics that count, keyed by metric name.
    durations
        The values of metrics that measure time in milliseconds, keyed by metric name.
    rollup_dimensions
        The names of some of the dimensions. If there are any, CloudWatch records all values a
        second time, with only these dimensions.
    """
    durations = durations or {}
    dimension_sets = [list(rollup_dimensions)] if rollup_dimensions else []
    dimension_sets.append(list(dimensions))
    max_duration_count = max(map(len, durations.values()), default=0)
    # The first round writes the counts, so there is a first round even without durations.
    for start in range(0, max(1, max_duration_count), MAX_VALUES_PER_LINE):
        values: dict[str, Any] = {} if start else dict(counts)
        units = dict.fromkeys(values, "Count")
        for name, all_durations in durations.items():
            if line_durations := all_durations[start : start + MAX_VALUES_PER_LINE]:
                values[name] = line_durations
                units[name] = "Milliseconds"
        if values:
            _write_line(dimensions, dimension_sets, units, values)


def _write_line(
    dimensions: Mapping[str, str],
    dimension_sets: Sequence[Sequence[str]],
    units: Mapping[str, str],
    values: Mapping[str, Any],
) -> None:
    directive = {
        "Namespace": NAMESPACE,
        "Dimensions": dimension_sets,
        "Metrics": [{"Name": name, "Unit": unit} for name, unit in units.items()],
    }
    meta = {"Timestamp": int(time.time() * 1000), "CloudWatchMetrics": [directive]}
    print(json.dumps({"_aws": meta, **dimensions, **values}, separators=(",", ":")))
