"""The metrics in lines in embedded metric format, and the errors for dropped ones."""

import json
from typing import Any

import pytest

from local.cloudwatch.embedded_metrics import Dropped, Metric, metrics_of

AT = 1_764_072_000_000
UNITS = ("Count", "Milliseconds", "None")


def line(metrics: object = None, **fields: Any) -> str:
    """Return a line with the counts `Ended` and the latencies `Latency`, with changes."""
    directive = {
        "Namespace": fields.pop("namespace", "QueueEnds"),
        "Dimensions": fields.pop("dimensions", [["Stage"]]),
        "Metrics": metrics
        or [
            {"Name": "Ended", "Unit": "Count"},
            {"Name": "Latency", "Unit": "Milliseconds", "StorageResolution": 60},
        ],
    }
    about = {"Timestamp": fields.pop("timestamp", AT), "CloudWatchMetrics": [directive]}
    values = {"Stage": "dev", "QueueId": "q1", "Ended": 2.0, "Latency": [7, 9, 7], **fields}
    return json.dumps({"_aws": about, **values})


def taken(text: str) -> list[Metric]:
    return metrics_of(text, AT / 1000, UNITS)


def test_each_metric_has_its_values_and_unit() -> None:
    of_stage, seconds = {"Stage": "dev"}, AT / 1000

    assert taken(line()) == [
        Metric("QueueEnds", "Ended", of_stage, "Count", seconds, (2.0,)),
        Metric("QueueEnds", "Latency", of_stage, "Milliseconds", seconds, (7, 9, 7)),
    ]


def test_each_set_of_dimensions_is_a_metric_of_its_own() -> None:
    found = taken(line([{"Name": "Ended"}], dimensions=[["Stage"], ["Stage", "QueueId"], []]))

    assert [(metric.dimensions, metric.unit) for metric in found] == [
        ({"Stage": "dev"}, "None"),
        ({"Stage": "dev", "QueueId": "q1"}, "None"),
        ({}, "None"),
    ]


@pytest.mark.parametrize(
    "other",
    [
        "START RequestId: 1 Version: $LATEST",
        '{"level": "INFO", "message": "Batch"}',
        '["CloudWatchMetrics"]',
        '{"message": "CloudWatchMetrics"}',
        "{CloudWatchMetrics",
    ],
)
def test_a_line_in_another_format_has_no_metrics(other: str) -> None:
    assert taken(other) == []


@pytest.mark.parametrize(
    ("dropped", "why"),
    [
        (line(timestamp=AT - 15 * 86_400_000), "too far off"),
        (line(timestamp=AT + 3 * 3_600_000), "too far off"),
        (line(timestamp=str(AT)), "no whole number of milliseconds"),
        (line(namespace=""), "no Namespace"),
        (line(dimensions=[["Absent"]]), "KeyError.*Absent"),
        (line(Stage=""), "dimension Stage is no text"),
        (line(Stage=1), "dimension Stage is no text"),
        (line(dimensions=[[str(number) for number in range(31)]]), "over 30 dimensions"),
        (line([{"Name": "Absent"}]), "KeyError.*Absent"),
        (line([{"Name": "Ended", "Unit": "Ends"}]), "does not know the unit Ends"),
        (line([{"Name": "Ended"}] * 101), "101 metrics"),
        (line(Latency=[1] * 101), "Latency has 101 values"),
        (line(Latency=[]), "Latency has 0 values"),
        (line(Ended="2"), "value of Ended is no number"),
        (line(Ended=True), "value of Ended is no number"),
        (line(Ended=float("nan")), "value of Ended is no number"),
        (line(Latency=[1, None]), "value of Latency is no number"),
    ],
)
def test_a_line_with_metrics_that_cloudwatch_would_drop_is_an_error(dropped: str, why: str) -> None:
    with pytest.raises(Dropped, match=why):
        taken(dropped)
