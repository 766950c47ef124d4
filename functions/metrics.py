"""Writes metrics as log lines in CloudWatch's embedded metric format.

`docs/decisions/own-metrics.md` says why Powertools' `Metrics` is not used.
"""

import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

NAMESPACE = "QueueEnds"
# The maximum number of values of a metric in one line (see "Specification: Embedded metric format"
# in the AWS documentation).
MAX_VALUES_PER_LINE = 100


class Zeros:
    """Leaves out counts of zero that CloudWatch already has for the present minute.

    An alarm needs a zero to see that a minute was good, and a graph to show one. Both work with
    sums for whole minutes, which no further zeros change.
    """

    def __init__(self) -> None:
        self._minute = -1

    def leave_out(self, counts: Mapping[str, int]) -> Mapping[str, int]:
        """Return all counts in the first call of a minute, and only those over zero afterwards."""
        minute = int(time.time() // 60)
        if minute != self._minute:
            self._minute = minute
            return counts
        return {name: count for name, count in counts.items() if count}


def emit(
    dimensions: Mapping[str, str],
    counts: Mapping[str, int],
    durations: Mapping[str, Sequence[int]] | None = None,
    *,
    rollup_dimensions: Sequence[str] = (),
    rollup_counts: Mapping[str, int] | None = None,
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
    rollup_counts
        The values of other metrics that count. CloudWatch records them only with
        `rollup_dimensions`.
    """
    durations, rollup_counts = durations or {}, rollup_counts or {}
    rollup_sets = [rollup_dimensions] if rollup_dimensions else []
    dimension_sets = [*rollup_sets, list(dimensions)]
    directives, values = [], dict[str, Any]()
    if rollup_counts:
        directives.append(_directive(rollup_sets, rollup_counts))
        values |= rollup_counts
    max_duration_count = max(map(len, durations.values()), default=0)
    # The first round writes the counts, so there is a first round even without durations.
    for start in range(0, max(1, max_duration_count), MAX_VALUES_PER_LINE):
        line_durations = {
            name: line_values
            for name, all_values in durations.items()
            if (line_values := all_values[start : start + MAX_VALUES_PER_LINE])
        }
        if counts or line_durations:
            directives.append(_directive(dimension_sets, counts, line_durations))
            values |= {**counts, **line_durations}
        if directives:
            meta = {"Timestamp": int(time.time() * 1000), "CloudWatchMetrics": directives}
            # msgspec needs a tenth of the CPU time of `json.dumps`.
            print(msgspec.json.encode({"_aws": meta, **dimensions, **values}).decode())
        counts, directives, values = {}, [], {}


def _directive(
    dimension_sets: Sequence[Sequence[str]],
    count_names: Iterable[str],
    duration_names: Iterable[str] = (),
) -> dict[str, Any]:
    """Return the part of a line that defines some of its members as metrics."""
    metrics = [{"Name": name, "Unit": "Count"} for name in count_names]
    metrics += [{"Name": name, "Unit": "Milliseconds"} for name in duration_names]
    return {"Namespace": NAMESPACE, "Dimensions": dimension_sets, "Metrics": metrics}
