"""A dashboard's body: its widgets, and the errors for unknown ones."""

import json
from typing import Any

import pytest

from local.dashboard.body import (
    COLOURS,
    Alarms,
    Graph,
    Metric,
    UnknownWidget,
    parse_widgets,
    source_groups,
)

ALARM = "arn:aws:cloudwatch:us-east-1:111122223333:alarm:a:b"
PROPERTIES: dict[str, dict[str, Any]] = {
    "alarm": {"title": "Alarms", "alarms": [ALARM]},
    "text": {"markdown": "# Hello"},
    "metric": {"title": "Graph", "view": "timeSeries", "metrics": [["Q", "Ended", "Stage", "a"]]},
    "log": {"title": "Table", "query": "SOURCE 'one' | limit 1"},
}


def widget(kind: str, **changes: Any) -> dict[str, Any]:
    properties = PROPERTIES.get(kind, {}) | changes
    return {"type": kind, "x": 0, "y": 0, "width": 6, "height": 6, "properties": properties}


def drawn(*rows: list[Any], **properties: Any) -> list[Metric]:
    """Return the metrics of a graph with some rows."""
    (found,) = parse_widgets(
        json.dumps({"widgets": [widget("metric", metrics=rows, **properties)]})
    )
    assert isinstance(found.properties, Graph)
    return list(found.properties.visible_metrics())


def test_dots_repeat_the_parts_above() -> None:
    metrics = drawn(
        ["A", "one", "X", "1", "Y", "2"],
        [".", "two", ".", ".", "Y", "3"],
        ["...", "4", {"label": "three"}],
        ["...", {"label": "four"}],
    )

    assert [(m.namespace, m.name, m.dimensions) for m in metrics] == [
        ("A", "one", (("X", "1"), ("Y", "2"))),
        ("A", "two", (("X", "1"), ("Y", "3"))),
        ("A", "two", (("X", "1"), ("Y", "4"))),
        ("A", "two", (("X", "1"), ("Y", "4"))),
    ]


def test_a_metric_without_options_has_those_of_its_widget() -> None:
    own = {"label": "own", "stat": "p95", "color": "#000000", "period": 300, "yAxis": "right"}

    first, second = drawn(
        ["A", "one", own], ["A", "hidden", {"visible": False}], ["A", "two"], stat="Sum", period=60
    )

    assert first == Metric("A", "one", (), "p95", "own", "#000000", True, 300)
    assert second == Metric("A", "two", (), "Sum", "two", COLOURS[1], False, 60)


def test_the_name_of_an_alarm_comes_from_its_arn() -> None:
    (found,) = parse_widgets(json.dumps({"widgets": [widget("alarm")]}))

    assert isinstance(found.properties, Alarms)
    assert found.properties.names == ["a:b"]


def test_log_groups_are_separated_from_the_query() -> None:
    query = "SOURCE 'one' | SOURCE 'two' | fields a | limit 1"

    assert source_groups(query) == (("one", "two"), " fields a | limit 1")


@pytest.mark.parametrize(
    "shown",
    [
        widget("explorer"),
        {**widget("alarm"), "colour": "red"},
        widget("alarm", states=["ALARM"]),
        widget("metric", view="pie"),
        widget("metric", view="singleValue", stacked=True),
        widget("metric", view="singleValue", annotations={"horizontal": [{"value": 1}]}),
        widget("metric", metrics=[[{"expression": "m1 + m2", "label": "sum"}]]),
        widget("metric", metrics=[["Q", "A", "B", "c", {"label": "${MAX}"}]]),
        widget("metric", metrics=[["Q", "A", "B", "c"], ["Q", "A", "B", "d"]]),
        widget("metric", annotations={"vertical": [{"value": "2026-11-23T10:00:00Z"}]}),
        widget("metric", annotations={"horizontal": [{"value": 1, "fill": "above"}]}),
        widget("metric", annotations={"horizontal": [[{"value": 1}, {"value": 2}]]}),
        widget("metric", annotations={"alarms": [ALARM]}),
        widget("metric", title="Numbers"),
        widget("metric", title=""),
        widget("log", view="bar"),
    ],
)
def test_a_widget_that_the_page_cannot_show_is_an_error(shown: dict[str, Any]) -> None:
    numbers = widget("metric", title="Numbers", view="singleValue")

    with pytest.raises(UnknownWidget):
        parse_widgets(json.dumps({"widgets": [numbers, shown]}))
