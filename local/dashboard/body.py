"""The JSON body of a CloudWatch dashboard, read into plain values.

Source: Amazon CloudWatch API Reference, "Dashboard Body Structure and Syntax". What is not known
here is an error: a page that left something out would show another dashboard than the one that is
deployed.
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
"""What CloudWatch draws with, in its order, where the dashboard does not say."""
COLUMNS = 24
Side = Literal["left", "right"]


class UnknownWidget(ValueError):
    """The dashboard holds something that the page cannot show."""


class _Known(msgspec.Struct, forbid_unknown_fields=True, rename="camel"):
    """An object of the body: with the fields that the page knows, and no others."""


class Axis(_Known):
    """A vertical axis; `None` where its bounds follow from the data."""

    min: float | None = None
    max: float | None = None
    label: str = ""
    show_units: bool = True


class Line(_Known):
    """A horizontal annotation."""

    value: float
    label: str = ""
    color: str = COLOURS[1]
    y_axis: Side = "left"
    visible: bool = True

    @property
    def right(self) -> bool:
        return self.y_axis == "right"


class _Options(_Known):
    """What follows a metric's name and dimensions."""

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
    """A metric as a widget draws it; `period` is in seconds, and the deployed dashboard's."""

    namespace: str
    name: str
    dimensions: tuple[tuple[str, str], ...]
    statistic: str
    label: str
    colour: str
    right: bool
    period: int


class _Source(_Known):
    """Where from and how often, and what holds where a metric says nothing."""

    title: str
    region: str = ""
    live_data: bool = False
    timezone: str = ""
    period: int = 300
    stat: str = "Average"


class Graph(_Source, kw_only=True):
    """A widget of metrics.

    Attributes
    ----------
    view
        `timeSeries`, or the numbers `singleValue`.
    set_period_to_time_range
        A number is of the whole span, not of its last period.
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
        """The annotations that are drawn."""
        return [line for line in self.annotations.get("horizontal", ()) if line.visible]

    def drawn(self) -> Iterator[Metric]:
        """Yield the metrics that are drawn."""
        above: list[str] = []
        number = 0
        for row in self.metrics:
            options = row[-1] if isinstance(row[-1], _Options) else _Options()
            above = _spelt_out([part for part in row if isinstance(part, str)], above)
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


class Text(_Known):
    """A widget of markdown, on a card or on the page's own ground."""

    markdown: str
    background: Literal["transparent", "solid"] = "solid"


class Alarms(_Known):
    """A widget that shows the states of alarms."""

    alarms: tuple[str, ...]
    title: str = "Alarms"

    @property
    def names(self) -> list[str]:
        """The names in the alarms' ARNs."""
        return [arn.split(":", 6)[6] for arn in self.alarms]


class Logs(_Source, kw_only=True):
    """A widget with the table that a query in CloudWatch Logs Insights answers."""

    query: str
    view: Literal["table"] = "table"


class _Placed(_Known, tag_field="type"):
    """Where on the grid a widget is, and how much of it it takes."""

    x: int
    y: int
    width: int
    height: int


class _OfMetrics(_Placed, tag="metric"):
    properties: Graph


class _OfText(_Placed, tag="text"):
    properties: Text


class _OfAlarms(_Placed, tag="alarm"):
    properties: Alarms


class _OfLogs(_Placed, tag="log"):
    properties: Logs


Widget = _OfMetrics | _OfText | _OfAlarms | _OfLogs


class _Dashboard(_Known):
    widgets: tuple[Widget, ...]
    start: str = ""
    end: str = ""
    period_override: str = ""


def widgets(body: str) -> Sequence[Widget]:
    """Return what is on a dashboard, by its body.

    Raises
    ------
    UnknownWidget
        It holds a widget, or a property that changes what is seen, that is not known here; or two
        things that the page's reader could not tell apart.
    """
    try:
        found = msgspec.json.decode(body, type=_Dashboard).widgets
    except msgspec.ValidationError as error:
        raise UnknownWidget(f"the page cannot show this: {error}") from None
    shown = [widget.properties for widget in found if not isinstance(widget, _OfText)]
    _tell_apart("the dashboard's titles", [one.title for one in shown])
    for graph in (one for one in shown if isinstance(one, Graph)):
        labels = [metric.label for metric in graph.drawn()]
        _tell_apart(f"the labels of {graph.title!r}", labels)
        if any("${" in label for label in labels):
            raise UnknownWidget(
                f"a label of {graph.title!r} has a variable; the page fills in none"
            )
        if graph.view == "singleValue" and (graph.stacked or graph.lines):
            raise UnknownWidget(
                f"{graph.title!r} are numbers, which are not stacked and have no lines"
            )
    return found


def _tell_apart(what: str, names: Sequence[str]) -> None:
    if twice := [name for name, times in Counter(names).items() if times > 1 or not name]:
        raise UnknownWidget(f"{what} must each be one of their own; these are not: {twice}")


def _spelt_out(row: Sequence[str], above: Sequence[str]) -> list[str]:
    """Return a metric's namespace, name and dimensions, where `.` and `...` stand for those above.

    One dot stands for one part, three for all parts from there on but the last ones that follow.
    """
    if "..." in row:
        at = row.index("...")
        after = row[at + 1 :]
        row = [*row[:at], *above[at : len(above) - len(after)], *after]
    return [above[at] if part == "." else part for at, part in enumerate(row)]


def source_groups(query: str) -> tuple[tuple[str, ...], str]:
    """Return the log groups that a widget's query names, and the query without them."""
    groups = []
    while named := re.match(r"\s*SOURCE\s+'([^']+)'\s*\|", query):
        groups.append(named[1])
        query = query[named.end() :]
    return tuple(groups), query
