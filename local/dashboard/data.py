"""The data of a dashboard's widgets: points, states of alarms, tables of log lines."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from local.aws.log_events import log_events
from local.dashboard.body import Graph, Logs, Metric, source_groups
from local.dashboard.graph import Series, Span
from local.dashboard.queries import Table, answer

QUERIES, NAMES = 500, 100
"""The most metrics in a call of GetMetricData, and alarms in a call of DescribeAlarms."""


def series_of(cloudwatch: Any, graphs: Sequence[Graph], span: Span) -> dict[str, dict[str, Series]]:
    """Return the series of graphs, by title and label."""
    wanted = [(graph, metric) for graph in graphs for metric in graph.visible_metrics()]
    # This period covers the whole span in any alignment.
    whole = int(span.until.timestamp()) + 1
    queries = []
    for at, (graph, metric) in enumerate(wanted):
        last = graph.view == "singleValue" and not graph.set_period_to_time_range
        queries.append(_query(f"points{at}", metric, span.period))
        queries.append(_query(f"value{at}", metric, metric.period if last else whole))
    results = _metric_data(cloudwatch, queries, span)
    series: dict[str, dict[str, Series]] = {graph.title: {} for graph in graphs}
    for at, (graph, metric) in enumerate(wanted):
        points, values = results[f"points{at}"], results[f"value{at}"]
        value = values[-1][1] if values else None
        series[graph.title][metric.label] = Series(metric, points, value)
    return series


def _query(name: str, metric: Metric, period: int) -> dict[str, Any]:
    of = {
        "Namespace": metric.namespace,
        "MetricName": metric.name,
        "Dimensions": [{"Name": name, "Value": value} for name, value in metric.dimensions],
    }
    return {"Id": name, "MetricStat": {"Metric": of, "Period": period, "Stat": metric.statistic}}


def _metric_data(
    cloudwatch: Any, queries: Sequence[Any], span: Span
) -> dict[str, tuple[tuple[datetime, float], ...]]:
    """Return the points of each query in order, by its id."""
    pages = cloudwatch.get_paginator("get_metric_data")
    points: dict[str, list[tuple[datetime, float]]] = {query["Id"]: [] for query in queries}
    for start in range(0, len(queries), QUERIES):
        for page in pages.paginate(
            MetricDataQueries=queries[start : start + QUERIES],
            StartTime=span.since,
            EndTime=span.until,
        ):
            for result in page["MetricDataResults"]:
                points[result["Id"]] += zip(result["Timestamps"], result["Values"], strict=True)
    return {
        name: tuple((when.astimezone(UTC), value) for when, value in sorted(found))
        for name, found in points.items()
    }


def states_of(cloudwatch: Any, names: Sequence[str]) -> dict[str, str]:
    """Return the state of each alarm, by name."""
    states = {}
    for start in range(0, len(names), NAMES):
        answer = cloudwatch.describe_alarms(
            AlarmNames=names[start : start + NAMES], AlarmTypes=["MetricAlarm", "CompositeAlarm"]
        )
        for alarm in (*answer["MetricAlarms"], *answer["CompositeAlarms"]):
            states[alarm["AlarmName"]] = alarm["StateValue"]
    if missing := sorted(set(names) - states.keys()):
        raise LookupError(f"alarms on the dashboard do not exist: {', '.join(missing)}")
    return {name: states[name] for name in names}


def tables_of(logs: Any, widgets: Sequence[Logs], span: Span) -> dict[str, Table]:
    """Return the results of widgets' queries, by title."""
    since, until = (int(moment.timestamp() * 1000) for moment in (span.since, span.until))
    events: dict[str, list[Mapping[str, Any]]] = {}
    tables = {}
    for one in widgets:
        groups, query = source_groups(one.query)
        for group in groups:
            if group not in events:
                events[group] = list(log_events(logs, group, since=since, until=until))
        tables[one.title] = answer(query, [e for group in groups for e in events[group]])
    return tables
