"""Decodes the JSON body of a CloudWatch dashboard.

Source: Amazon CloudWatch API Reference, "Dashboard Body Structure and Syntax". An unknown property
is an error. If the page ignored it, the page would differ from the deployed dashboard.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import msgspec

COLOURS = (
    "#1f77b4", "#ff7f0e", "#2ca02c", "#d62728", "#9467bd",
    "#8c564b", "#e377c2", "#7f7f7f", "#bcbd22", "#17becf",
)  # fmt: skip
"""CloudWatch's default colours, in its order."""
COLUMNS = 24
Side = Literal["left", "right"]


class UnknownWidget(ValueError):
    """The dashboard has a part that the page cannot show."""


class _Strict(msgspec.Struct, forbid_unknown_fields=True, rename="camel"):
    """An object in the body. Unknown fields are an error."""


class Axis(_Strict):
    """A vertical axis. If `min` or `max` is None, the data decides."""

    min: float | None = None
    max: float | None = None
    label: str = ""
    show_units: bool = True


class Line(_Strict):
    """A horizontal annotation."""

    value: float
    label: str = ""
    color: str = COLOURS[1]
    y_axis: Side = "left"
    visible: bool = True

    @property
    def right(self) -> bool:
        return self.y_axis == "right"


class _Options(_Strict):
    """The options after a metric's name and dimensions."""

    label: str | None = None
    stat: str | None = None
    color: str | None = None
    y_axis: Side = "left"
    period: int | None = None
    visible: bool = True
    id: str = ""
    region: str = ""
    account_id: str = ""


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric in a widget.

    Attributes
    ----------
    right
        Whether the metric belongs to the right axis.
    period
        The period on the deployed dashboard, in seconds.
    """

    namespace: str
    name: str
    dimensions: tuple[tuple[str, str], ...]
    statistic: str
    label: str
    colour: str
    right: bool
    period: int


class _Source(_Strict):
    """The properties that graphs and tables share."""

    title: str
    region: str = ""
    live_data: bool = False
    timezone: str = ""
    period: int = 300
    stat: str = "Average"


class Graph(_Source, kw_only=True):
    """A widget that shows metrics.

    Attributes
    ----------
    view
        `timeSeries` for a graph, `singleValue` for numbers.
    set_period_to_time_range
        Whether a number covers the whole time on the page instead of the last period.
    """

    metrics: tuple[tuple[str | _Options, ...], ...]
    view: Literal["timeSeries", "singleValue"] = "timeSeries"
    stacked: bool = False
    y_axis: dict[Side, Axis] = {}
    legend: dict[Literal["position"], Literal["bottom", "right", "hidden"]] = {}
    annotations: dict[Literal["horizontal"], tuple[Line, ...]] = {}
    sparkline: bool = False
    single_value_full_precision: bool = False
    set_period_to_time_range: bool = False

    @property
    def lines(self) -> list[Line]:
        """The visible horizontal annotations."""
        return [line for line in self.annotations.get("horizontal", ()) if line.visible]

    def visible_metrics(self) -> Iterator[Metric]:
        """Yield the visible metrics."""
        above: list[str] = []
        number = 0
        for row in self.metrics:
            options = row[-1] if isinstance(row[-1], _Options) else _Options()
            above = _expand_row([part for part in row if isinstance(part, str)], above)
            if options.visible:
                namespace, name, *rest = above
                yield Metric(
                    namespace,
                    name,
                    tuple(zip(rest[::2], rest[1::2], strict=True)),
                    options.stat or self.stat,
                    name if options.label is None else options.label,
                    options.color or COLOURS[number % len(COLOURS)],
                    options.y_axis == "right",
                    options.period or self.period,
                )
                number += 1


class Text(_Strict):
    """A widget with markdown, on a card (`solid`) or on the page's background (`transparent`)."""

    markdown: str
    background: Literal["transparent", "solid"] = "solid"


class Alarms(_Strict):
    """A widget with the states of alarms."""

    alarms: tuple[str, ...]
    title: str = "Alarms"

    @property
    def names(self) -> list[str]:
        """The names of the alarms, taken from the ARNs."""
        return [arn.split(":", 6)[6] for arn in self.alarms]


class Logs(_Source, kw_only=True):
    """A widget with the result of a CloudWatch Logs Insights query."""

    query: str
    view: Literal["table"] = "table"


class _Placed(_Strict, tag_field="type"):
    """The place and size of a widget on the grid."""

    x: int
    y: int
    width: int
    height: int


class _MetricWidget(_Placed, tag="metric"):
    properties: Graph


class _TextWidget(_Placed, tag="text"):
    properties: Text


class _AlarmWidget(_Placed, tag="alarm"):
    properties: Alarms


class _LogWidget(_Placed, tag="log"):
    properties: Logs


Widget = _MetricWidget | _TextWidget | _AlarmWidget | _LogWidget


class _Dashboard(_Strict):
    widgets: tuple[Widget, ...]
    start: str = ""
    end: str = ""
    period_override: str = ""


def parse_widgets(body: str) -> Sequence[Widget]:
    """Return the widgets in the body of a dashboard.

    Raises
    ------
    UnknownWidget
        The body has an unknown widget or property, an empty or repeated title or label, or another
        feature that the page cannot show.
    """
    try:
        found = msgspec.json.decode(body, type=_Dashboard).widgets
    except msgspec.ValidationError as error:
        raise UnknownWidget(f"the page cannot show this: {error}") from None
    titled = [widget.properties for widget in found if not isinstance(widget, _TextWidget)]
    _require_unique("the dashboard's titles", [one.title for one in titled])
    for graph in (one for one in titled if isinstance(one, Graph)):
        labels = [metric.label for metric in graph.visible_metrics()]
        _require_unique(f"the labels of {graph.title!r}", labels)
        if any("${" in label for label in labels):
            raise UnknownWidget(
                f"a label of {graph.title!r} has a variable; the page fills in none"
            )
        if graph.view == "singleValue" and (graph.stacked or graph.lines):
            raise UnknownWidget(
                f"{graph.title!r} are numbers, which are not stacked and have no lines"
            )
    return found


def _require_unique(subject: str, names: Sequence[str]) -> None:
    if wrong := [name for name, count in Counter(names).items() if count > 1 or not name]:
        raise UnknownWidget(f"{subject} must be unique and not empty, unlike these: {wrong}")


def _expand_row(row: Sequence[str], above: Sequence[str]) -> list[str]:
    """Return a metric's namespace, name and dimensions without `.` and `...`.

    In a row, `.` repeats the part above it. `...` repeats as many parts from above as are missing
    before the parts that follow.
    """
    if "..." in row:
        at = row.index("...")
        after = row[at + 1 :]
        row = [*row[:at], *above[at : len(above) - len(after)], *after]
    return [above[at] if part == "." else part for at, part in enumerate(row)]


def source_groups(query: str) -> tuple[tuple[str, ...], str]:
    """Return the log groups that a widget's query names, and the query without these names."""
    groups = []
    while named := re.match(r"\s*SOURCE\s+'([^']+)'\s*\|", query):
        groups.append(named[1])
        query = query[named.end() :]
    return tuple(groups), query
