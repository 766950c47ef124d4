"""The JSON body of a CloudWatch dashboard, read into plain values.

Source: Amazon CloudWatch API Reference, "Dashboard Body Structure and Syntax". What is not known
here is an error: a page that left something out would show another dashboard than the one that is
deployed.
"""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

COLOURS = (
    "#1f77b4", "#ff7f0e", "#2ca02c", "#d62728", "#9467bd",
    "#8c564b", "#e377c2", "#7f7f7f", "#bcbd22", "#17becf",
)  # fmt: skip
"""What CloudWatch draws with, in its order, where the dashboard does not say."""
COLUMNS = 24
WHERE = frozenset({"region", "liveData", "timezone", "period", "stat"})
"""Properties that say where from and how often, or what holds where a metric says nothing."""


class UnknownWidget(ValueError):
    """The dashboard holds something that the page cannot show."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where on the grid a widget is, and how much of it it takes."""

    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric as a widget draws it; `period` is in seconds, and the deployed dashboard's."""

    namespace: str
    name: str
    dimensions: tuple[tuple[str, str], ...]
    statistic: str
    label: str
    colour: str
    right: bool
    period: int


@dataclass(frozen=True, slots=True)
class Axis:
    """A vertical axis; `None` where its bounds follow from the data."""

    lowest: float | None = None
    highest: float | None = None
    label: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """A horizontal annotation."""

    value: float
    label: str
    colour: str
    right: bool


@dataclass(frozen=True, slots=True)
class Graph:
    """A widget of metrics.

    Attributes
    ----------
    view
        `timeSeries`, or the numbers `singleValue`.
    whole
        A number is of the whole span, not of its last period.
    legend
        `bottom`, `right` or `hidden`.
    """

    place: Place
    title: str
    view: str
    stacked: bool
    metrics: tuple[Metric, ...]
    left: Axis
    right: Axis
    lines: tuple[Line, ...]
    legend: str
    sparkline: bool
    whole: bool


@dataclass(frozen=True, slots=True)
class Text:
    """A widget of markdown, on a card or on the page's own ground."""

    place: Place
    markdown: str
    card: bool
    title: str = ""


@dataclass(frozen=True, slots=True)
class Alarms:
    """A widget that shows the states of alarms, by their names."""

    place: Place
    title: str
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Logs:
    """A widget with the table that a query in CloudWatch Logs Insights answers."""

    place: Place
    title: str
    query: str


Widget = Graph | Text | Alarms | Logs


def widgets(body: str) -> list[Widget]:
    """Return what is on a dashboard, by its body.

    Raises
    ------
    UnknownWidget
        It holds a widget, or a property that changes what is seen, that is not known here; or two
        things that the page's reader could not tell apart.
    """
    dashboard = json.loads(body)
    _only(dashboard, "the dashboard", {"widgets", "start", "end", "periodOverride"})
    found = [_widget(widget) for widget in dashboard["widgets"]]
    titles = Counter(widget.title for widget in found if not isinstance(widget, Text))
    if twice := [title for title, times in titles.items() if times > 1 or not title]:
        raise UnknownWidget(f"each widget needs a title of its own; these are none: {twice}")
    return found


def _widget(widget: Mapping[str, Any]) -> Widget:
    kind, properties = str(widget.get("type")), widget.get("properties", {})
    what = f"the {kind} widget {properties.get('title', '')!r}"
    _only(widget, what, {"type", "x", "y", "width", "height", "properties"})
    if kind not in _READ:
        raise UnknownWidget(f"{what} is of a type that the page cannot show")
    place = Place(*(int(widget[name]) for name in ("x", "y", "width", "height")))
    return _READ[kind](place, properties, what)


def _text(place: Place, properties: Mapping[str, Any], what: str) -> Text:
    _only(properties, what, {"markdown", "background"})
    return Text(place, properties["markdown"], properties.get("background") != "transparent")


def _alarms(place: Place, properties: Mapping[str, Any], what: str) -> Alarms:
    _only(properties, what, {"alarms", "title"})
    return Alarms(
        place,
        properties.get("title", "Alarms"),
        tuple(arn.split(":", 6)[6] for arn in properties["alarms"]),
    )


def _logs(place: Place, properties: Mapping[str, Any], what: str) -> Logs:
    _only(properties, what, {"query", "title", "view", *WHERE})
    if properties.get("view", "table") != "table":
        raise UnknownWidget(f"{what} has the view {properties['view']!r}; the page has tables only")
    return Logs(place, properties["title"], properties["query"])


def _graph(place: Place, properties: Mapping[str, Any], what: str) -> Graph:
    view = properties.get("view", "timeSeries")
    known = {"title", "view", "metrics"} | WHERE
    if view == "singleValue":
        known |= {"setPeriodToTimeRange", "sparkline", "singleValueFullPrecision"}
    elif view == "timeSeries":
        known |= {"stacked", "annotations", "yAxis", "legend", "setPeriodToTimeRange"}
    else:
        raise UnknownWidget(f"{what} has the view {view!r}, which the page cannot show")
    _only(properties, what, known)
    axes, legend = properties.get("yAxis", {}), properties.get("legend", {})
    _only(axes, what, {"left", "right"})
    _only(legend, what, {"position"})
    return Graph(
        place=place,
        title=properties["title"],
        view=view,
        stacked=properties.get("stacked", False),
        metrics=_metrics(properties, what),
        left=_axis(axes.get("left", {}), what),
        right=_axis(axes.get("right", {}), what),
        lines=tuple(_lines(properties.get("annotations", {}), what)),
        legend=legend.get("position", "bottom"),
        sparkline=properties.get("sparkline", False),
        whole=properties.get("setPeriodToTimeRange", False),
    )


_READ: Mapping[str, Callable[[Place, Mapping[str, Any], str], Widget]] = {
    "metric": _graph,
    "text": _text,
    "alarm": _alarms,
    "log": _logs,
}


def _metrics(properties: Mapping[str, Any], what: str) -> tuple[Metric, ...]:
    found: list[Metric] = []
    above: list[str] = []
    for row in properties["metrics"]:
        options = row[-1] if isinstance(row[-1], dict) else {}
        _only(
            options,
            f"a metric of {what}",
            {"label", "stat", "color", "yAxis", "period", "id", "visible", "region", "accountId"},
        )
        above = _spelt_out(row[:-1] if options else row, above, what)
        if options.get("visible", True):
            namespace, name, *rest = above
            label = options.get("label", name)
            if "${" in label:
                raise UnknownWidget(f"{what} has the label {label!r}; the page fills in nothing")
            found.append(
                Metric(
                    namespace,
                    name,
                    tuple(zip(rest[::2], rest[1::2], strict=True)),
                    options.get("stat", properties.get("stat", "Average")),
                    label,
                    options.get("color", COLOURS[len(found) % len(COLOURS)]),
                    options.get("yAxis", "left") == "right",
                    options.get("period", properties.get("period", 300)),
                )
            )
    labels = Counter(metric.label for metric in found)
    if twice := [label for label, times in labels.items() if times > 1]:
        raise UnknownWidget(f"{what} has several metrics with one label: {twice}")
    return tuple(found)


def _spelt_out(row: Sequence[str], above: Sequence[str], what: str) -> list[str]:
    """Return a metric's namespace, name and dimensions, where `.` and `...` stand for those above.

    One dot stands for one part, three for all parts from there on but the last ones that follow.
    """
    if any(not isinstance(part, str) for part in row):
        raise UnknownWidget(f"{what} has a metric that is an expression; the page computes none")
    if "..." in row:
        at = row.index("...")
        after = row[at + 1 :]
        row = [*row[:at], *above[at : len(above) - len(after)], *after]
    return [above[at] if part == "." else part for at, part in enumerate(row)]


def _axis(axis: Mapping[str, Any], what: str) -> Axis:
    _only(axis, what, {"min", "max", "label", "showUnits"})
    return Axis(axis.get("min"), axis.get("max"), axis.get("label", ""))


def _lines(annotations: Mapping[str, Any], what: str) -> Iterator[Line]:
    _only(annotations, what, {"horizontal"})
    for one in annotations.get("horizontal", []):
        if not isinstance(one, dict):
            raise UnknownWidget(f"{what} has a band between two lines, which the page cannot show")
        _only(one, what, {"value", "label", "color", "yAxis", "visible"})
        if one.get("visible", True):
            yield Line(
                one["value"],
                one.get("label", ""),
                one.get("color", COLOURS[1]),
                one.get("yAxis", "left") == "right",
            )


def _only(given: Mapping[str, Any], what: str, known: set[str] | frozenset[str]) -> None:
    if unknown := sorted(given.keys() - known):
        raise UnknownWidget(f"{what} has {', '.join(unknown)}, which the page cannot show")


def source_groups(query: str) -> tuple[tuple[str, ...], str]:
    """Return the log groups that a widget's query names, and the query without them."""
    groups = []
    while named := re.match(r"\s*SOURCE\s+'([^']+)'\s*\|", query):
        groups.append(named[1])
        query = query[named.end() :]
    return tuple(groups), query
