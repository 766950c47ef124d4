"""Renders a deployed dashboard as an HTML page that works offline.

The widgets come from GetDashboard, the numbers from GetMetricData, and the alarm states from
DescribeAlarms. The tables are the results of the dashboard's log queries.
"""

import json
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape
from math import ceil
from pathlib import Path
from string import Template
from typing import Any
from urllib.parse import urlsplit

from markdown_it import MarkdownIt
from plotly.offline import get_plotlyjs  # type: ignore[import-untyped]

from local.aws.emulator import Emulator
from local.aws.project import ROOT
from local.dashboard.body import COLUMNS, Alarms, Graph, Logs, Text, Widget, parse_widgets
from local.dashboard.data import load_alarm_states, load_series, load_tables
from local.dashboard.graph import FONT, Figure, Series, Span, make_figure, make_sparkline
from local.dashboard.queries import Table

NOTHING = '<div class="nothing">Nothing in this time.</div>'
TEMPLATE = Path(__file__).with_suffix(".html")
PERIODS = (1, 5, 10, 30, 60, 300, 3600)
POINTS = 120
"""The most points that are still distinct in a graph with a third of the page's width."""
STATES = {
    "OK": ("ok", "OK"),
    "ALARM": ("alarming", "In alarm"),
    "INSUFFICIENT_DATA": ("unknown", "Insufficient data"),
}


@dataclass(frozen=True, slots=True)
class Page:
    """A rendered page and its data.

    Attributes
    ----------
    file
        The HTML file.
    period
        The seconds between two points of a graph.
    series
        The series of the graphs and numbers, keyed by title, then by label.
    tables
        The tables, keyed by title.
    states
        The states of the alarms, keyed by name.
    """

    file: Path
    period: int
    series: Mapping[str, Mapping[str, Series]]
    tables: Mapping[str, Table]
    states: Mapping[str, str]

    def total(self, title: str, label: str) -> float:
        """Return the sum of all points of a series."""
        return self.series[title][label].total

    def empty(self) -> list[str]:
        """Return the titles of the graphs, numbers and tables without data."""
        graphs = [
            title
            for title, by_label in self.series.items()
            if not any(one.points for one in by_label.values())
        ]
        return graphs + [title for title, table in self.tables.items() if not table.rows]


def render(
    aws: Emulator, dashboard_name: str, file: Path, *, since: datetime, until: datetime
) -> Page:
    """Write a dashboard, with its data between two times, to a file, and return the page.

    Raises
    ------
    UnknownWidget, UnknownQuery
        The dashboard has a widget or query that the page cannot show.
    """
    cloudwatch, logs = aws.client("cloudwatch"), aws.client("logs")
    body = cloudwatch.get_dashboard(DashboardName=dashboard_name)["DashboardBody"]
    placed_widgets, span = parse_widgets(body), _span(since, until)
    shown = [widget.properties for widget in placed_widgets]
    page = Page(
        file,
        span.period,
        load_series(cloudwatch, [one for one in shown if isinstance(one, Graph)], span),
        load_tables(logs, [one for one in shown if isinstance(one, Logs)], span),
        load_alarm_states(
            cloudwatch, [name for one in shown if isinstance(one, Alarms) for name in one.names]
        ),
    )
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(_html(dashboard_name, placed_widgets, page, span), encoding="utf-8")
    return page


def _span(since: datetime, until: datetime) -> Span:
    seconds = (until - since).total_seconds()
    period = next((one for one in PERIODS if seconds / one <= POINTS), PERIODS[-1])
    # Use whole periods, because CloudWatch aggregates values by period.
    first = since.timestamp() // period * period
    last = ceil(until.timestamp() / period) * period
    return Span(datetime.fromtimestamp(first, UTC), datetime.fromtimestamp(last, UTC), period)


def _html(name: str, placed_widgets: Sequence[Widget], page: Page, span: Span) -> str:
    figures: list[Figure] = []
    every = "second" if span.period == 1 else f"{span.period} seconds"
    return Template(TEMPLATE.read_text(encoding="utf-8")).substitute(
        name=escape(name),
        font=FONT,
        columns=COLUMNS,
        since=f"{span.since:%d %B %Y, %H:%M:%S}".lstrip("0"),
        until=f"{span.until:%H:%M:%S}",
        note=(
            f"The deployed dashboard, drawn offline with a point every {every}. CloudWatch draws"
            " one a minute. Each number beside a label covers the whole span. It is a sum for"
            " counts, and the graph's statistic for the rest."
        ),
        widgets="\n".join(_section(name, widget, page, span, figures) for widget in placed_widgets),
        figures=json.dumps(figures).replace("<", "\\u003c"),
        plotly=get_plotlyjs(),
    )


def _section(name: str, widget: Widget, page: Page, span: Span, figures: list[Figure]) -> str:
    """Return a widget as HTML, and append the widget's figures to `figures`."""
    where = (
        f"grid-column: {widget.x + 1} / span {widget.width};"
        f" grid-row: {widget.y + 1} / span {widget.height}"
    )
    match widget.properties:
        case Text(markdown=markdown, background=ground):
            inner = _markdown(markdown, page.file)
            return _card("text plain" if ground == "transparent" else "text", where, inner)
        case Alarms(title=title) as alarms:
            return _card("alarms", where, _alarms(f"{name}-", alarms, page), title)
        case Logs(title=title):
            return _card("logs", where, _table(page.tables[title]), title)
        case Graph(title=title, view="singleValue") as graph:
            return _card("graph", where, _numbers(graph, page, span, figures), title)
        case graph:
            inner = _graph(graph, widget.width, page, span, figures)
            return _card("graph", where, inner, graph.title)


def _card(kind: str, where: str, inner: str, title: str = "") -> str:
    heading = f"<h2>{escape(title)}</h2>" if title else ""
    return f'<section class="{kind}" style="{where}">{heading}{inner}</section>'


def _graph(graph: Graph, width: int, page: Page, span: Span, figures: list[Figure]) -> str:
    series = list(page.series[graph.title].values())
    if not any(one.points for one in series):
        return NOTHING
    area = _plot_area(graph.title, make_figure(graph, width, series, span), figures)
    place = graph.legend.get("position", "bottom")
    if place == "hidden":
        return f'<div class="body">{area}</div>'
    legend = "".join(
        f"<li{'' if one.points else ' class=none'}>"
        f'<i style="background: {escape(one.metric.colour)}"></i>{escape(one.metric.label)}'
        f"<b>{format_number(one.value)}</b></li>"
        for one in series
    )
    return f'<div class="body {place}">{area}<ul class="legend">{legend}</ul></div>'


def _numbers(graph: Graph, page: Page, span: Span, figures: list[Figure]) -> str:
    shown = []
    for one in page.series[graph.title].values():
        has_line = graph.sparkline and len(one.points) > 1
        area = _plot_area(graph.title, make_sparkline(one, span), figures) if has_line else ""
        shown.append(
            f'<div class="number"><strong>{format_number(one.value)}</strong>'
            f"<span>{escape(one.metric.label)}</span>{area}</div>"
        )
    return f'<div class="numbers">{"".join(shown)}</div>'


def _plot_area(title: str, drawn: Figure, figures: list[Figure]) -> str:
    """Return an empty plot area as HTML, and append the figure for it to `figures`."""
    name = f"figure-{len(figures) + 1}"
    figures.append({"id": name, "title": title, **drawn})
    return f'<div class="area"><div class="plot" id="{name}"></div></div>'


def _alarms(prefix: str, alarms: Alarms, page: Page) -> str:
    shown = []
    for name in alarms.names:
        kind, state = STATES[page.states[name]]
        shown.append(
            f'<div class="alarm {kind}" title="{escape(name)}">'
            f"{escape(name.removeprefix(prefix))}<b>{state}</b></div>"
        )
    return f'<div class="alarms">{"".join(shown)}</div>'


def _table(table: Table) -> str:
    if not table.rows:
        return NOTHING
    columns = zip(*table.rows, strict=True)
    kinds = [
        ' class="figure"' if all(isinstance(value, int | float) for value in column) else ""
        for column in columns
    ]

    def row(tag: str, values: Iterable[str]) -> str:
        cells = zip(kinds, values, strict=True)
        return "<tr>" + "".join(f"<{tag}{kind}>{text}</{tag}>" for kind, text in cells) + "</tr>"

    head = row("th", map(escape, table.columns))
    rows = "".join(row("td", map(_cell, values)) for values in table.rows)
    return f'<div class="scroll"><table>{head}{rows}</table></div>'


def _cell(value: Any) -> str:
    text = "" if value is None else escape(str(value))
    # Let a narrow column break a long name at `_` or `.`.
    return re.sub(r"(?<=\w)([_.])(?=\w)", r"\1<wbr>", text)


def _markdown(text: str, file: Path) -> str:
    """Return markdown as HTML. Links relative to the project work from the file's folder."""
    reader = MarkdownIt("commonmark", {"html": False}).enable("table")
    tokens = reader.parse(text)
    for token in tokens:
        for part in token.children or ():
            if part.type == "link_open":
                part.attrs["href"] = _link(str(part.attrs["href"]), file)
    return str(reader.renderer.render(tokens, reader.options, {}))


def _link(target: str, file: Path) -> str:
    parts = urlsplit(target)
    if parts.scheme or parts.netloc or not parts.path or parts.path.startswith("/"):
        return target
    return f"{os.path.relpath(ROOT, file.resolve().parent)}/{target}"


def format_number(value: float | None) -> str:
    """Return a number as a string: whole and large numbers in full, others with three digits."""
    if value is None:
        return "–"
    if value == int(value) or abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}"
