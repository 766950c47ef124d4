"""Loads the data of a dashboard's widgets: metric values, alarm states and tables of log lines."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from local.aws.log_events import log_events
from local.dashboard.body import Graph, Logs, Metric, source_groups
from local.dashboard.graph import Series, Span
from local.dashboard.queries import Table, run_query

QUERIES_PER_CALL, NAMES_PER_CALL = 500, 100
"""How many queries a GetMetricData call takes, and how many alarm names a DescribeAlarms call."""


def load_series(
    cloudwatch: Any, graphs: Sequence[Graph], span: Span
) -> dict[str, dict[str, Series]]:
    """Return the series of each metric, keyed by the graph's title, then by the metric's label."""
    wanted = [(graph, metric) for graph in graphs for metric in graph.visible_metrics()]
    # CloudWatch aligns periods to the epoch, so this one begins in 1970 and covers the whole span.
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


def _query(query_id: str, metric: Metric, period: int) -> dict[str, Any]:
    metric_id = {
        "Namespace": metric.namespace,
        "MetricName": metric.name,
        "Dimensions": [{"Name": name, "Value": value} for name, value in metric.dimensions],
    }
    return {
        "Id": query_id,
        "MetricStat": {"Metric": metric_id, "Period": period, "Stat": metric.statistic},
    }


def _metric_data(
    cloudwatch: Any, queries: Sequence[Any], span: Span
) -> dict[str, tuple[tuple[datetime, float], ...]]:
    """Return the points of each query, sorted by time and keyed by query id."""
    pages = cloudwatch.get_paginator("get_metric_data")
    points: dict[str, list[tuple[datetime, float]]] = {query["Id"]: [] for query in queries}
    for start in range(0, len(queries), QUERIES_PER_CALL):
        for page in pages.paginate(
            MetricDataQueries=queries[start : start + QUERIES_PER_CALL],
            StartTime=span.since,
            EndTime=span.until,
        ):
            for result in page["MetricDataResults"]:
                points[result["Id"]] += zip(result["Timestamps"], result["Values"], strict=True)
    return {
        name: tuple((when.astimezone(UTC), value) for when, value in sorted(found))
        for name, found in points.items()
    }


def load_alarm_states(cloudwatch: Any, names: Sequence[str]) -> dict[str, str]:
    """Return the state of each alarm, keyed by name."""
    states = {}
    for start in range(0, len(names), NAMES_PER_CALL):
        response = cloudwatch.describe_alarms(
            AlarmNames=names[start : start + NAMES_PER_CALL],
            AlarmTypes=["MetricAlarm", "CompositeAlarm"],
        )
        for alarm in (*response["MetricAlarms"], *response["CompositeAlarms"]):
            states[alarm["AlarmName"]] = alarm["StateValue"]
    if missing := sorted(set(names) - states.keys()):
        raise LookupError(f"alarms on the dashboard do not exist: {', '.join(missing)}")
    return {name: states[name] for name in names}


def load_tables(logs: Any, widgets: Sequence[Logs], span: Span) -> dict[str, Table]:
    """Return the result of each widget's query, keyed by the widget's title."""
    since, until = (int(moment.timestamp() * 1000) for moment in (span.since, span.until))
    events: dict[str, list[Mapping[str, Any]]] = {}
    tables = {}
    for one in widgets:
        groups, query = source_groups(one.query)
        for group in groups:
            if group not in events:
                events[group] = list(log_events(logs, group, since=since, until=until))
        tables[one.title] = run_query(query, [e for group in groups for e in events[group]])
    return tables
