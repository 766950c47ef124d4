"""The offline dashboard's page: all that is deployed, with its true numbers, and no network."""

import json
import re
from collections.abc import Callable, Iterator
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from local.aws.emulator import Emulator, emulator
from local.aws.project import ROOT
from local.dashboard.page import Page, render
from local.dashboard.queries import UnknownQuery

# One emulator for all that need one.
pytestmark = pytest.mark.xdist_group("dashboard page")

NAME = "QueueEnds-test"
ARN = "arn:aws:cloudwatch:us-east-1:111122223333:alarm:"
SINCE = datetime(2026, 11, 23, 10, 0, 0, tzinfo=UTC)
UNTIL = SINCE + timedelta(seconds=90)
BODY: dict[str, Any] = {
    "start": "-PT3H",
    "widgets": [
        {
            "type": "alarm",
            "x": 0, "y": 0, "width": 16, "height": 3,
            "properties": {"title": "Alarms", "alarms": [f"{ARN}{NAME}-a", f"{ARN}{NAME}-b"]},
        },
        {
            "type": "text",
            "x": 16, "y": 0, "width": 8, "height": 3,
            "properties": {
                "markdown": "## Runbook\n[here](docs/runbook.md#a), [there](https://x.example/y)"
                " <script>alert(1)</script>"
            },
        },
        {
            "type": "metric",
            "x": 0, "y": 3, "width": 6, "height": 6,
            "properties": {
                "view": "singleValue",
                "title": "Numbers",
                "region": "us-east-1",
                "setPeriodToTimeRange": True,
                "sparkline": True,
                "metrics": [
                    ["Q", "Ended", "Stage", "test", {"label": "ended", "stat": "Sum"}],
                    [".", "Latency", ".", ".", {"label": "p95", "stat": "p95"}],
                ],
            },
        },
        {
            "type": "metric",
            "x": 6, "y": 3, "width": 18, "height": 6,
            "properties": {
                "view": "timeSeries",
                "stacked": True,
                "title": "Account",
                "region": "us-east-1",
                "metrics": [
                    ["Q", "Ended", "Stage", "test", {"stat": "Sum", "color": "#009988"}],
                    ["...", {"stat": "Average", "label": "at a time", "yAxis": "right"}],
                    ["Q", "Ended", "Stage", "other", {"stat": "Sum", "label": "none"}],
                ],
                "annotations": {"horizontal": [{"value": 40, "label": "limit"}]},
                "yAxis": {"left": {"min": 0, "label": "ends", "showUnits": False}},
                "legend": {"position": "right"},
            },
        },
        {
            "type": "metric",
            "x": 0, "y": 9, "width": 12, "height": 6,
            "properties": {
                "title": "Nothing",
                "region": "us-east-1",
                "metrics": [["Q", "Nothing", "Stage", "test"]],
            },
        },
        {
            "type": "log",
            "x": 12, "y": 9, "width": 12, "height": 6,
            "properties": {
                "title": "Rejects",
                "view": "table",
                "region": "us-east-1",
                "query": "SOURCE 'one' | SOURCE 'two' | fields reason, n | sort n desc | limit 2",
            },
        },
    ],
}  # fmt: skip


class Drawn(HTMLParser):
    """What a browser would make of a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.sections: list[dict[str, str | None]] = []
        self.links: list[str | None] = []
        self.loaded: list[tuple[str, str | None]] = []
        self.tags: list[str] = []
        self.texts: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        given = dict(attrs)
        if tag == "section":
            self.sections.append(given)
        if tag == "a":
            self.links.append(given["href"])
        self.loaded += [(tag, given[name]) for name in ("src", "srcset") if name in given]
        if tag not in ("a",) and "href" in given:
            self.loaded.append((tag, given["href"]))

    def handle_data(self, data: str) -> None:
        if self.tags and self.tags[-1] not in ("script", "style"):
            self.texts.append(data.strip())


def figures(html: str) -> list[dict[str, Any]]:
    """Return what Plotly is given to draw."""
    found = re.search(r'id="figures">(.*?)</script>', html, re.DOTALL)
    assert found
    drawn: list[dict[str, Any]] = json.loads(found[1])
    return drawn


@pytest.fixture(scope="module")
def aws() -> Iterator[Emulator]:
    with emulator() as running:
        cloudwatch, logs = running.client("cloudwatch"), running.client("logs")
        for name in "ab":
            cloudwatch.put_metric_alarm(
                AlarmName=f"{NAME}-{name}",
                Namespace="Q",
                MetricName="Nothing",
                Statistic="Sum",
                Period=60,
                EvaluationPeriods=1,
                Threshold=1,
                ComparisonOperator="GreaterThanThreshold",
            )
        cloudwatch.set_alarm_state(
            AlarmName=f"{NAME}-a", StateValue="ALARM", StateReason="a test wants it"
        )
        cloudwatch.put_metric_data(
            Namespace="Q",
            MetricData=[
                {
                    "MetricName": "Ended",
                    "Timestamp": SINCE + timedelta(seconds=second),
                    "Dimensions": [{"Name": "Stage", "Value": "test"}],
                    "Values": [1, 2, 3],
                }
                for second in (-1, 0, 59, 60, 89, 90)
            ]
            + [
                {
                    "MetricName": "Latency",
                    "Timestamp": SINCE + timedelta(seconds=second),
                    "Dimensions": [{"Name": "Stage", "Value": "test"}],
                    "Values": list(range(second, second + 50)),
                }
                for second in (0, 50)
            ],
        )
        for group, number_ in (("one", 1), ("two", 2)):
            logs.create_log_group(logGroupName=group)
            logs.create_log_stream(logGroupName=group, logStreamName="stream")
            logs.put_log_events(
                logGroupName=group,
                logStreamName="stream",
                logEvents=[
                    {
                        "timestamp": int(SINCE.timestamp() * 1000) + number_,
                        "message": json.dumps({"reason": f"<b>{group}</b>", "n": number_}),
                    }
                ],
            )
        yield running


@pytest.fixture
def show(aws: Emulator, tmp_path: Path) -> Callable[..., Page]:
    cloudwatch = aws.client("cloudwatch")

    def rendered(body: Any = BODY, until: datetime = UNTIL) -> Page:
        cloudwatch.put_dashboard(DashboardName=NAME, DashboardBody=json.dumps(body))
        return render(aws, NAME, tmp_path / "page.html", since=SINCE, until=until)

    return rendered


def test_sums_are_those_of_the_time_shown_to_the_last_one(show: Callable[..., Page]) -> None:
    page = show()

    assert page.total("Account", "Ended") == 4 * 6
    assert page.series["Numbers"]["ended"].value == 4 * 6


@pytest.mark.parametrize(
    ("seconds", "period"), [(90, 1), (200, 5), (1200, 10), (3600, 30), (86400, 3600)]
)
def test_the_longer_the_time_the_farther_apart_the_points_and_the_sums_the_same(
    show: Callable[..., Page], seconds: int, period: int
) -> None:
    page = show(until=SINCE + timedelta(seconds=seconds))

    assert page.period == period
    assert page.total("Account", "Ended") == (24 if seconds == 90 else 30)


def test_what_is_drawn_adds_up_to_the_sums(show: Callable[..., Page]) -> None:
    page = show()

    (drawn,) = (one for one in figures(page.file.read_text()) if one["title"] == "Account")
    sums = {trace["name"]: sum(trace["y"]) for trace in drawn["data"]}
    assert sums == {"Ended": 24, "at a time": 4 * 2}


def test_a_percentile_is_that_of_all_values_and_not_one_of_percentiles(
    show: Callable[..., Page],
) -> None:
    # Of 0 to 99, between the two nearest.
    assert show().series["Numbers"]["p95"].value == pytest.approx(94.05)


def test_every_widget_is_where_the_dashboard_has_it(show: Callable[..., Page]) -> None:
    drawn = Drawn(show().file.read_text())

    assert [(one["class"], one["style"]) for one in drawn.sections] == [
        ("alarms", "grid-column: 1 / span 16; grid-row: 1 / span 3"),
        ("text", "grid-column: 17 / span 8; grid-row: 1 / span 3"),
        ("graph", "grid-column: 1 / span 6; grid-row: 4 / span 6"),
        ("graph", "grid-column: 7 / span 18; grid-row: 4 / span 6"),
        ("graph", "grid-column: 1 / span 12; grid-row: 10 / span 6"),
        ("logs", "grid-column: 13 / span 12; grid-row: 10 / span 6"),
    ]


def test_alarms_tables_and_what_is_empty_can_be_read_off(show: Callable[..., Page]) -> None:
    page = show()

    assert page.states == {f"{NAME}-a": "ALARM", f"{NAME}-b": "INSUFFICIENT_DATA"}
    assert page.tables["Rejects"].rows == (("<b>two</b>", 2), ("<b>one</b>", 1))
    assert page.empty() == ["Nothing"]
    texts = Drawn(page.file.read_text()).texts
    assert {"In alarm", "Insufficient data", "Nothing in this time.", "<b>two</b>"} <= set(texts)


def test_the_page_loads_nothing_and_nothing_that_is_shown_becomes_part_of_it(
    show: Callable[..., Page],
) -> None:
    html = show().file.read_text()

    drawn = Drawn(html)
    assert drawn.loaded == []
    assert "default-src 'none'" in html
    assert "<script>alert(1)" not in html
    assert "<b>two</b>" not in html
    assert {"link", "img", "iframe", "object"}.isdisjoint(drawn.tags)


def test_links_to_the_project_lead_there_from_the_page(show: Callable[..., Page]) -> None:
    page = show()

    inside, outside = Drawn(page.file.read_text()).links
    assert outside == "https://x.example/y"
    path, _, anchor = str(inside).partition("#")
    assert (page.file.parent / path).resolve() == ROOT / "docs/runbook.md"
    assert anchor == "a"


def test_a_label_that_looks_like_the_end_of_a_script_is_a_label(show: Callable[..., Page]) -> None:
    body = deepcopy(BODY)
    body["widgets"][3]["properties"]["metrics"][0][-1]["label"] = "</script><i>x</i>"

    html = show(body).file.read_text()

    assert any(t["name"] == "</script><i>x</i>" for one in figures(html) for t in one["data"])
    assert "<i>x</i>" not in html


def test_more_metrics_than_one_call_may_ask_for_are_all_there(show: Callable[..., Page]) -> None:
    body = deepcopy(BODY)
    body["widgets"][3]["properties"]["metrics"] = [
        ["Q", "Ended", "Stage", "test", {"stat": "Sum", "label": str(at)}] for at in range(300)
    ]

    page = show(body)

    assert {page.total("Account", str(at)) for at in range(300)} == {24}


def test_more_lines_of_logs_than_one_call_answers_are_all_counted(
    aws: Emulator, show: Callable[..., Page]
) -> None:
    logs, first = aws.client("logs"), int(SINCE.timestamp() * 1000)
    logs.create_log_group(logGroupName="many")
    logs.create_log_stream(logGroupName="many", logStreamName="stream")
    for start in range(0, 12_000, 6_000):
        logs.put_log_events(
            logGroupName="many",
            logStreamName="stream",
            # Some at the same moment, over the border between two answers too.
            logEvents=[
                {"timestamp": first + at // 7, "message": "{}"}
                for at in range(start, start + 6_000)
            ],
        )
    body = deepcopy(BODY)
    body["widgets"][5]["properties"]["query"] = "SOURCE 'many' | stats count(*) as n"

    assert show(body).tables["Rejects"].rows == ((12_000,),)


def test_a_query_that_the_page_cannot_answer_is_an_error(show: Callable[..., Page]) -> None:
    body = deepcopy(BODY)
    body["widgets"][5]["properties"]["query"] = "SOURCE 'one' | parse @message '*' as x"

    with pytest.raises(UnknownQuery):
        show(body)


def test_an_alarm_that_is_not_there_is_an_error(show: Callable[..., Page]) -> None:
    body = deepcopy(BODY)
    body["widgets"][0]["properties"]["alarms"] = [f"{ARN}{NAME}-gone"]

    with pytest.raises(LookupError, match=f"{NAME}-gone"):
        show(body)
