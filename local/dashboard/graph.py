"""Makes Plotly figures from a dashboard's graphs, in the style of the page."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from local.dashboard.body import Axis, Graph, Line, Metric

INK, FAINT, GRID, EDGE = "#1f2933", "#52606d", "#e9edf1", "#cbd2d9"
FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"
COUNTS = ("Sum", "SampleCount")
"""Statistics for which a period without a value counts as zero."""
LAYOUT = {
    "font": {"family": FONT, "size": 12, "color": FAINT},
    "paper_bgcolor": "rgba(0,0,0,0)",
    "plot_bgcolor": "rgba(0,0,0,0)",
    "showlegend": False,
    "hovermode": "x unified",
    "hoverlabel": {"font": {"size": 12, "color": INK}, "bgcolor": "#ffffff"},
}
Figure = dict[str, Any]
"""The `data` and `layout` of a figure, for Plotly's JavaScript."""


@dataclass(frozen=True, slots=True)
class Span:
    """The time that the page shows. `period` is the number of seconds between two points."""

    since: datetime
    until: datetime
    period: int

    @property
    def step(self) -> timedelta:
        return timedelta(seconds=self.period)


@dataclass(frozen=True, slots=True)
class Series:
    """The values of a metric.

    Attributes
    ----------
    points
        The start and the value of each period, sorted by time.
    value
        The number beside the label; None if the metric has no value.
    """

    metric: Metric
    points: tuple[tuple[datetime, float], ...]
    value: float | None

    @property
    def total(self) -> float:
        """The sum of all points."""
        return sum(value for _, value in self.points)


def make_figure(graph: Graph, width: int, series: Sequence[Series], span: Span) -> Figure:
    """Return the figure of a graph over time. `width` is in columns of the dashboard's grid."""
    filled = [one for one in series if one.points]
    right = any(one.metric.right for one in filled) or any(line.right for line in graph.lines)
    layout = {
        **LAYOUT,
        "xaxis": {**_times(span), "nticks": 5 if width >= 8 else 3},
        "yaxis": _vertical(graph, filled, False),
        "margin": {"l": 52, "r": 52 if right else 14, "t": 8, "b": 26},
        "shapes": [_shape(line) for line in graph.lines],
        "annotations": [_note(line) for line in graph.lines if line.label],
    }
    if right:
        beside = {"overlaying": "y", "side": "right", "showgrid": False, "tickmode": "auto"}
        layout["yaxis2"] = _vertical(graph, filled, True) | beside
    traces = [_trace(one, span, graph.stacked and not one.metric.right) for one in filled]
    return {"data": traces, "layout": layout}


def make_sparkline(series: Series, span: Span) -> Figure:
    """Return the figure of the small line below a number."""
    hidden = {"visible": False, "fixedrange": True}
    layout = {
        **LAYOUT,
        "hovermode": "closest",
        "margin": {"l": 0, "r": 0, "t": 4, "b": 4},
        "xaxis": _times(span) | hidden,
        "yaxis": {"rangemode": "tozero"} | hidden,
    }
    return {"data": [_trace(series, span, False) | {"fill": "tozeroy"}], "layout": layout}


def _trace(series: Series, span: Span, stacked: bool) -> dict[str, Any]:
    metric = series.metric
    points = list(_with_zeros(series, span)) if metric.statistic in COUNTS else series.points
    return {
        "type": "scatter",
        "name": metric.label,
        "x": [f"{when:%Y-%m-%d %H:%M:%S}" for when, _ in points],
        "y": [value for _, value in points],
        "yaxis": "y2" if metric.right else "y",
        "mode": "lines" if len(points) > 1 else "markers",
        "line": {"color": metric.colour, "width": 0.5 if stacked else 2},
        "marker": {"color": metric.colour, "size": 7},
        **({"stackgroup": "all", "fillcolor": metric.colour} if stacked else {}),
        "hovertemplate": "%{y:,.4~g}",
    }


def _with_zeros(series: Series, span: Span) -> Iterator[tuple[datetime, float]]:
    """Yield the points in order. If a point has no neighbour on a side, yield a zero there."""
    present = {when for when, _ in series.points}
    beside = {when + step for when in present for step in (-span.step, span.step)}
    zeros = ((when, 0.0) for when in beside - present if span.since <= when < span.until)
    yield from sorted((*series.points, *zeros))


def _times(span: Span) -> dict[str, Any]:
    """Return the horizontal axis."""
    seconds = (span.until - span.since).total_seconds()
    return {
        "type": "date",
        "range": [f"{moment:%Y-%m-%d %H:%M:%S}" for moment in (span.since, span.until)],
        "tickformat": "%H:%M:%S" if seconds < 600 else "%H:%M",
        "hoverformat": "%H:%M:%S",
        "nticks": 5,
        "tickangle": 0,
        "showgrid": False,
        "linecolor": EDGE,
        "ticks": "outside",
        "ticklen": 4,
        "tickcolor": EDGE,
    }


def _vertical(graph: Graph, series: Sequence[Series], right: bool) -> dict[str, Any]:
    axis = graph.y_axis.get("right" if right else "left", Axis())
    lines = [line.value for line in graph.lines if line.right == right]
    low = axis.min or 0.0
    high = max([_highest(graph, series, right), *lines], default=0.0)
    # The label of a line needs room above the line. A graph of zeros needs a scale.
    high = axis.max if axis.max is not None else max(high * 1.12, low + 1)
    return {
        "range": [low, high],
        "title": {"text": axis.label, "standoff": 6, "font": {"size": 12}},
        "tickformat": "~s" if high >= 10_000 else ",~g",
        "nticks": 5,
        "gridcolor": GRID,
        "zeroline": True,
        "zerolinecolor": EDGE,
    }


def _highest(graph: Graph, series: Sequence[Series], right: bool) -> float:
    """Return the highest value on an axis. If the graph is stacked, values on the left add up."""
    heights: dict[datetime, float] = {}
    for one in series:
        if one.metric.right == right:
            for when, value in one.points:
                below = heights.get(when, 0.0)
                heights[when] = below + value if graph.stacked and not right else max(below, value)
    return max(heights.values(), default=0.0)


def _shape(line: Line) -> dict[str, Any]:
    return {
        "type": "line",
        "xref": "paper",
        "x0": 0,
        "x1": 1,
        "yref": "y2" if line.right else "y",
        "y0": line.value,
        "y1": line.value,
        "line": {"color": line.color, "width": 1.5, "dash": "dash"},
    }


def _note(line: Line) -> dict[str, Any]:
    return {
        "text": line.label.replace("<", "&lt;"),
        "xref": "paper",
        "x": 1 if line.right else 0,
        "xanchor": "right" if line.right else "left",
        "yref": "y2" if line.right else "y",
        "y": line.value,
        "yanchor": "bottom",
        "showarrow": False,
        "font": {"size": 12, "color": INK},
    }
