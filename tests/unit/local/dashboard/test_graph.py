"""The figures and numbers of the page."""

from datetime import UTC, datetime, timedelta

import pytest
from plotly import graph_objects  # type: ignore[import-untyped]

from local.dashboard.body import Axis, Graph, Line, Metric
from local.dashboard.graph import Series, Span, make_figure, make_sparkline
from local.dashboard.page import format_number

SINCE = datetime(2026, 11, 23, 10, tzinfo=UTC)
SPAN = Span(SINCE, SINCE + timedelta(seconds=90), 1)


def series(
    values: dict[int, float], label: str = "ended", statistic: str = "Sum", *, right: bool = False
) -> Series:
    """Return a metric's series, from its values by second."""
    metric = Metric("Q", "Ended", (), statistic, label, "#009988", right, 60)
    points = ((SINCE + timedelta(seconds=second), value) for second, value in values.items())
    return Series(metric, tuple(points), None)


def graph(**properties: object) -> Graph:
    return Graph(title="Graph", metrics=(), **properties)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("values", "drawn"),
    [
        ({0: 1, 1: 2, 89: 3}, {0: 1, 1: 2, 2: 0, 88: 0, 89: 3}),
        ({5: 1, 7: 2}, {4: 0, 5: 1, 6: 0, 7: 2, 8: 0}),
        ({5: 1, 8: 2}, {4: 0, 5: 1, 6: 0, 7: 0, 8: 2, 9: 0}),
    ],
)
def test_a_count_is_zero_next_to_its_points_within_the_span(
    values: dict[int, float], drawn: dict[int, float]
) -> None:
    (trace,) = make_figure(graph(), 6, [series(values)], SPAN)["data"]

    assert dict(zip(trace["x"], trace["y"], strict=True)) == {
        f"{SINCE + timedelta(seconds=second):%Y-%m-%d %H:%M:%S}": value
        for second, value in drawn.items()
    }


def test_a_latency_has_no_zeros() -> None:
    (trace,) = make_figure(graph(), 6, [series({5: 1, 9: 2}, statistic="p95")], SPAN)["data"]

    assert trace["y"] == [1, 2]


@pytest.mark.parametrize(
    ("properties", "highest"),
    [
        ({"stacked": True}, 30 * 1.12),
        ({"stacked": False}, 20 * 1.12),
        ({"annotations": {"horizontal": (Line(value=40),)}}, 40 * 1.12),
        ({"annotations": {"horizontal": (Line(value=40, visible=False),)}}, 20 * 1.12),
        ({"annotations": {"horizontal": (Line(value=40, y_axis="right"),)}}, 20 * 1.12),
        ({"y_axis": {"left": Axis(max=25)}}, 25),
    ],
)
def test_an_axis_has_room_for_all_its_values_and_lines(
    properties: dict[str, object], highest: float
) -> None:
    drawn = [series({5: 10}), series({5: 20}, "other"), series({5: 99}, "beside", right=True)]

    layout = make_figure(graph(**properties), 6, drawn, SPAN)["layout"]

    assert layout["yaxis"]["range"] == [0, pytest.approx(highest)]
    assert "yaxis2" in layout


def test_plotly_knows_every_property_of_a_figure() -> None:
    lines = (Line(value=40, label="limit"), Line(value=3, label="<x>", y_axis="right"))
    full = graph(stacked=True, annotations={"horizontal": lines})
    drawn = [series({5: 10}), series({5: 99, 7: 1}, "beside", right=True)]

    for one in (make_figure(full, 12, drawn, SPAN), make_sparkline(drawn[0], SPAN)):
        assert graph_objects.Figure(one).to_dict()["layout"].items() >= one["layout"].items()


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "–"), (0.0, "0"), (7.0, "7"), (1234567.0, "1,234,567"), (0.0123, "0.0123"),
        (94.05, "94"), (1234.5, "1,234"), (0.5, "0.5"),
    ],
)  # fmt: skip
def test_numbers_have_three_digits_unless_they_are_whole_or_large(
    value: float | None, text: str
) -> None:
    assert format_number(value) == text
