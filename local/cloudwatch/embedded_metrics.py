"""Reads the metrics from log lines in embedded metric format.

CloudWatch silently drops invalid metrics. This module raises an error instead.

Source: Amazon CloudWatch User Guide, "Specification: Embedded metric format", and the limits of
`PutMetricData`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

DIRECTIVES_KEY = "CloudWatchMetrics"
"""The key of a line's directives, which every line in embedded metric format contains."""
MAX_PAST_SECONDS, MAX_FUTURE_SECONDS = 14 * 86_400, 2 * 3600
"""How far a line's timestamp may lie before or after its ingestion."""
MAX_METRICS, MAX_VALUES, MAX_DIMENSIONS = 100, 100, 30
"""The limits: metrics in a directive, values of a metric, dimensions in a set."""


class Dropped(ValueError):
    """A log line of which CloudWatch would drop some or all metrics."""


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric's values in a log line, for one set of dimensions.

    Attributes
    ----------
    at
        The line's timestamp, in seconds of the epoch.
    """

    namespace: str
    name: str
    dimensions: Mapping[str, str]
    unit: str
    at: float
    values: tuple[float, ...]


def metrics_of(line: str, ingested: float, units: Collection[str]) -> list[Metric]:
    """Return the metrics in a log line; an empty list if the line is in another format.

    Parameters
    ----------
    line
        A log line of a function.
    ingested
        When CloudWatch Logs ingested the line, in seconds of the epoch.
    units
        The units that CloudWatch knows.

    Raises
    ------
    Dropped
        CloudWatch would drop some of the metrics.
    """
    if DIRECTIVES_KEY not in line:
        return []
    try:
        parsed = json.loads(line)
    except ValueError:
        return []
    if not isinstance(parsed, dict) or "_aws" not in parsed:
        return []
    try:
        return list(_metrics(parsed, ingested, units))
    except (KeyError, TypeError) as error:
        raise Dropped(f"CloudWatch drops this line, {error!r}: {line[:300]}") from error
    except Dropped as error:
        raise Dropped(f"CloudWatch drops this line, {error}: {line[:300]}") from error


def _metrics(line: Mapping[str, Any], ingested: float, units: Collection[str]) -> Iterator[Metric]:
    milliseconds = line["_aws"]["Timestamp"]
    _require(type(milliseconds) is int, "its Timestamp is no whole number of milliseconds")
    at = milliseconds / 1000
    _require(
        -MAX_PAST_SECONDS <= at - ingested <= MAX_FUTURE_SECONDS,
        f"its Timestamp {milliseconds} is too far off",
    )
    for directive in line["_aws"][DIRECTIVES_KEY]:
        namespace, metrics = directive["Namespace"], directive["Metrics"]
        _require(isinstance(namespace, str) and namespace, "it has no Namespace")
        _require(
            1 <= len(metrics) <= MAX_METRICS,
            f"it has {len(metrics)} metrics, not 1 to {MAX_METRICS}",
        )
        for names in directive["Dimensions"]:
            _require(len(names) <= MAX_DIMENSIONS, f"it has over {MAX_DIMENSIONS} dimensions")
            dimensions = {name: line[name] for name in names}
            for name, value in dimensions.items():
                _require(isinstance(value, str) and value, f"its dimension {name} is no text")
            for metric in metrics:
                name, unit = metric["Name"], metric.get("Unit", "None")
                _require(unit in units, f"CloudWatch does not know the unit {unit}")
                values = _values(name, line[name])
                yield Metric(namespace, name, dimensions, unit, at, values)


def _values(name: str, raw_values: Any) -> tuple[float, ...]:
    values = tuple(raw_values) if isinstance(raw_values, list) else (raw_values,)
    _require(
        1 <= len(values) <= MAX_VALUES, f"{name} has {len(values)} values, not 1 to {MAX_VALUES}"
    )
    for value in values:
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        _require(is_number and math.isfinite(value), f"a value of {name} is no number")
    return values


def _require(condition: object, message: str) -> None:
    if not condition:
        raise Dropped(message)
