"""What CloudWatch has for a dashboard's widgets: points, states of alarms, lines of logs."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from local.aws.emulator import Emulator
from local.cloudwatch import insights
from local.dashboard.body import Graph, Logs, source_groups
from local.dashboard.graph import Series, Span

QUERIES = 500
"""Metrics that one GetMetricData may ask for."""


def series_of(aws: Emulator, graphs: Sequence[Graph], span: Span) -> dict[str, dict[str, Series]]:
    wanted = [(graph, metric) for graph in graphs for metric in graph.metrics]
    # A single period that holds all of the span, however periods are aligned.
    whole = int(span.until.timestamp()) + 1
    queries = []
    for at, (graph, metric) in enumerate(wanted):
        overall = metric.period if graph.view == "singleValue" and not graph.whole else whole
        for kind, period in (("points", span.period), ("value", overall)):
            dimensions = [{"Name": name, "Value": value} for name, value in metric.dimensions]
            of = {
                "Namespace": metric.namespace,
                "MetricName": metric.name,
                "Dimensions": dimensions,
            }
            stat = {"Metric": of, "Period": period, "Stat": metric.statistic}
            queries.append({"Id": f"{kind}{at}", "MetricStat": stat})
    results = _metric_data(aws, queries, span)
    series: dict[str, dict[str, Series]] = {graph.title: {} for graph in graphs}
    for at, (graph, metric) in enumerate(wanted):
        values = results[f"value{at}"]
        series[graph.title][metric.label] = Series(
            metric, results[f"points{at}"], values[-1][1] if values else None
        )
    return series


def _metric_data(
    aws: Emulator, queries: Sequence[Any], span: Span
) -> dict[str, tuple[tuple[datetime, float], ...]]:
    """Return the points of each query, by its id, in order."""
    pages = aws.client("cloudwatch").get_paginator("get_metric_data")
    points: dict[str, list[tuple[datetime, float]]] = {query["Id"]: [] for query in queries}
    for start in range(0, len(queries), QUERIES):
        for page in pages.paginate(
            MetricDataQueries=queries[start : start + QUERIES],
            StartTime=span.since,
            EndTime=span.until,
            ScanBy="TimestampAscending",
        ):
            for result in page["MetricDataResults"]:
                points[result["Id"]] += zip(result["Timestamps"], result["Values"], strict=True)
    return {
        name: tuple((when.astimezone(UTC), value) for when, value in sorted(found))
        for name, found in points.items()
    }


def states_of(aws: Emulator, names: Sequence[str]) -> dict[str, str]:
    states = {}
    for start in range(0, len(names), 100):
        answer = aws.client("cloudwatch").describe_alarms(
            AlarmNames=names[start : start + 100], AlarmTypes=["MetricAlarm", "CompositeAlarm"]
        )
        for alarm in (*answer["MetricAlarms"], *answer["CompositeAlarms"]):
            states[alarm["AlarmName"]] = alarm["StateValue"]
    if missing := sorted(set(names) - states.keys()):
        raise LookupError(f"alarms that the dashboard names are not there: {', '.join(missing)}")
    return {name: states[name] for name in names}


def tables_of(aws: Emulator, logs: Sequence[Logs], span: Span) -> dict[str, insights.Table]:
    events: dict[str, list[Mapping[str, Any]]] = {}
    tables = {}
    for one in logs:
        groups, query = source_groups(one.query)
        for group in groups:
            if group not in events:
                events[group] = list(_events(aws, group, span))
        tables[one.title] = insights.answer(query, [e for group in groups for e in events[group]])
    return tables


def _events(aws: Emulator, group: str, span: Span) -> Iterator[Mapping[str, Any]]:
    """Yield what is in a log group; MiniStack answers 10,000 events at most, and no next page."""
    start, until = (int(moment.timestamp() * 1000) for moment in (span.since, span.until))
    seen: set[str] = set()
    while True:
        answer = aws.client("logs").filter_log_events(
            logGroupName=group, startTime=start, endTime=until
        )
        new = [event for event in answer["events"] if event["eventId"] not in seen]
        yield from new
        if len(answer["events"]) < insights.MOST or not new:
            return
        seen |= {event["eventId"] for event in new}
        start = max(event["timestamp"] for event in new)
