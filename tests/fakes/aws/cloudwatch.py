"""CloudWatch as it reads a function's output: metrics out of lines in embedded metric format."""

import json
import math
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

NAMESPACE = "QueueEnds"


@dataclass(frozen=True, slots=True)
class Metric:
    """Values of one metric under one set of dimensions, as one line has them."""

    line: int
    dimensions: dict[str, str]
    name: str
    unit: str
    values: list[float]


def metrics_of(output: str) -> list[Metric]:
    """Return the metrics in a function's output.

    Fails on a line that CloudWatch would drop (AWS: "Specification: Embedded metric format").
    """
    lines = [json.loads(line) for line in output.splitlines()]
    return [
        metric
        for number, line in enumerate(lines)
        if "_aws" in line
        for metric in _metrics(number, line)
    ]


def _metrics(number: int, line: dict[str, Any]) -> Iterable[Metric]:
    meta = line["_aws"]
    assert isinstance(meta["Timestamp"], int)
    assert abs(meta["Timestamp"] / 1000 - time.time()) < 60
    for directive in meta["CloudWatchMetrics"]:
        assert directive["Namespace"] == NAMESPACE
        assert 1 <= len(directive["Metrics"]) <= 100
        for keys in directive["Dimensions"]:
            assert len(keys) <= 30
            assert all(isinstance(line[key], str) and line[key] for key in keys)
            for definition in directive["Metrics"]:
                found = line[definition["Name"]]
                values = found if isinstance(found, list) else [found]
                assert 1 <= len(values) <= 100
                assert all(isinstance(v, int | float) and math.isfinite(v) for v in values)
                dimensions = {key: line[key] for key in keys}
                yield Metric(number, dimensions, definition["Name"], definition["Unit"], values)
