"""The dashboard: the metrics and alarms that it shows, its layout, and AWS's limits."""

import io
import re
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import pytest

from infra.monitoring import widgets
from local.dashboard import body as dashboard_body
from tests import aws_metrics
from tests.fakes.aws.cloudwatch import NAMESPACE, metrics_of
from tests.fakes.watchdog import run_watchdog
from tests.infra.monitoring.board import Board, board_of, body_text, metrics_in
from tests.infra.stacks import QUEUES, Stack
from worker.report import BatchReport

# In the order in which the graph stacks them.
OUTCOMES = {
    "Processed": widgets.PROCESSED,
    "Duplicate": widgets.DUPLICATE,
    "Ignored": widgets.IGNORED,
    "Rejected": widgets.REJECTED,
    "Failed": widgets.FAILED,
}
# The dimensions of our own metrics: for the whole stage, and for one queue.
STAGE, QUEUE = frozenset({"Stage"}), frozenset({"Stage", "QueueId"})


def ids_of(stack: Stack, resource_type: str) -> set[str]:
    resources = stack.template["Resources"].items()
    return {logical_id for logical_id, r in resources if r["Type"] == resource_type}


@pytest.fixture(params=("stack", "lean", "tuned", "eventbridge", "queue_legs", "many_queues"))
def stack_of_kind(request: pytest.FixtureRequest) -> Stack:
    found: Stack = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def board(stack_of_kind: Stack) -> Board:
    return board_of(stack_of_kind)


# Its content


def test_the_dashboard_is_named_after_stack_and_region_and_shows_every_alarm_first(
    stack_of_kind: Stack,
) -> None:
    board = board_of(stack_of_kind)
    (dashboard,) = stack_of_kind.of_type("AWS::CloudWatch::Dashboard")
    # The dashboards of all regions are in one list.
    name = ["", [f"{stack_of_kind.settings.stack_name}-", {"Ref": "AWS::Region"}]]
    assert dashboard["Properties"]["DashboardName"] == {"Fn::Join": name}
    first = board.widgets[0]
    assert (first["type"], first["x"], first["y"]) == ("alarm", 0, 0)
    arns = first["properties"]["alarms"]
    health = ids_of(stack_of_kind, "AWS::CloudWatch::CompositeAlarm")
    every = ids_of(stack_of_kind, "AWS::CloudWatch::Alarm")
    assert arns[: len(health)] == [f"{alarm}.Arn" for alarm in health]
    assert sorted(arns) == sorted(f"{alarm}.Arn" for alarm in health | every)
    assert len(every) >= 10


def test_the_text_beside_the_alarms_links_the_runbooks_section_for_each(
    tuned: Stack, many_queues: Stack
) -> None:
    for synthesised in (tuned, many_queues):
        runbook = synthesised.settings.runbook_url
        markdown = board_of(synthesised).widgets[1]["properties"]["markdown"]
        links = re.findall(r"\[([^\]]+)\]\(([^)]+)\)", markdown)
        assert links[0] == ("runbook", runbook)
        assert all(url == f"{runbook}#{name}" for name, url in links[1:])
        alarms = synthesised.of_type("AWS::CloudWatch::Alarm")
        alarms += synthesised.of_type("AWS::CloudWatch::CompositeAlarm")
        texts = [a["Properties"]["AlarmDescription"] for a in alarms]
        # A text with labels of queues is a list of parts.
        texts = [t if isinstance(t, str) else t["Fn::Join"][1][-1] for t in texts]
        described = {text.rsplit(" ", 1)[-1] for text in texts}
        assert {url for _, url in links[1:]} == described


def test_a_runbook_within_the_project_is_named_as_the_console_could_not_link_to_it(
    stack: Stack,
) -> None:
    markdown = board_of(stack).widgets[1]["properties"]["markdown"]
    assert "`docs/runbook.md`" in markdown
    assert "`dead-letters`" in markdown
    assert "](" not in markdown


def emitted_metrics(
    capsys: pytest.CaptureFixture[str], queue_ids: Sequence[str]
) -> set[tuple[str, Any]]:
    """Return the names and dimensions of the metrics that the worker emits for a batch."""
    report = BatchReport(
        latencies_ms=defaultdict(list, {queue_id: [100] for queue_id in queue_ids})
    )
    report.write_metrics("dev", cold_start=True)
    metrics = metrics_of(capsys.readouterr().out)
    return {(metric.name, frozenset(metric.dimensions.items())) for metric in metrics}


@pytest.mark.usefixtures("zeros_due")
def test_it_shows_each_metric_of_ours_with_the_dimensions_that_it_is_emitted_with(
    stack: Stack, lean: Stack, capsys: pytest.CaptureFixture[str]
) -> None:
    of_worker = emitted_metrics(capsys, QUEUES)
    run_watchdog(io.StringIO())
    seen = metrics_of(capsys.readouterr().out)
    of_watchdog = {(metric.name, frozenset(metric.dimensions.items())) for metric in seen}
    assert of_watchdog
    for synthesised, expected in (
        (stack, of_worker | of_watchdog),
        (lean, of_worker),
    ):
        own = [m for m in board_of(synthesised).metrics() if m.namespace == NAMESPACE]
        assert {(m.name, frozenset(m.dimensions.items())) for m in own} == expected


def test_every_other_metric_is_one_that_aws_emits_with_these_dimensions(board: Board) -> None:
    of_aws = [metric for metric in board.metrics() if metric.namespace != NAMESPACE]
    assert len(of_aws) >= 20
    for metric in of_aws:
        assert aws_metrics.emits(metric.namespace, metric.name, metric.dimensions), metric


def test_it_shows_every_function_queue_table_mapping_and_rule_of_the_stack(
    stack_of_kind: Stack,
) -> None:
    board = board_of(stack_of_kind)

    def is_on_bus(rule: dict[str, Any]) -> bool:
        return "EventBusName" in rule["Properties"]

    def values(resource_type: str, ending: str = "") -> set[str]:
        return {key + ending for key in ids_of(stack_of_kind, resource_type)}

    assert board.dimension("AWS/Lambda", "FunctionName") == values("AWS::Lambda::Function")
    assert board.dimension("AWS/SQS", "QueueName") == values("AWS::SQS::Queue", ".QueueName")
    assert board.dimension("AWS/DynamoDB", "TableName") == values("AWS::DynamoDB::Table")
    mappings = values("AWS::Lambda::EventSourceMapping")
    assert board.dimension("AWS/Lambda", "EventSourceMappingUUID") == mappings
    rules = [r["Properties"] for r in stack_of_kind.of_type("AWS::Events::Rule") if is_on_bus(r)]
    shown = {
        (m.dimensions["EventBusName"], m.dimensions["RuleName"])
        for m in board.metrics()
        if m.namespace == "AWS/Events"
    }
    assert shown == {(rule["EventBusName"]["Ref"], rule["Name"]) for rule in rules}


def test_a_stacked_graph_accounts_for_every_message(board: Board) -> None:
    (stacked,) = [w for w in board.of_type("metric") if w["properties"].get("stacked")]
    metrics = metrics_in(stacked["properties"])
    assert [metric.name for metric in metrics] == list(OUTCOMES)
    assert {metric.options["stat"] for metric in metrics} == {"Sum"}
    colours = [metric.options["color"] for metric in metrics]
    assert colours == list(OUTCOMES.values())
    assert len(set(colours)) == 5
    (received,) = metrics_in(board.properties_of("Messages received"))
    assert (received.name, received.options["stat"]) == ("Received", "Sum")


def test_ends_and_latencies_are_shown_for_all_queues_and_for_each(board: Board) -> None:
    shown = {
        (m.name, frozenset(m.dimensions), m.options["stat"])
        for m in board.metrics()
        if m.name in ("Ended", "EndToEndLatency")
    }
    assert shown == {
        ("Ended", STAGE, "Sum"),
        ("Ended", QUEUE, "Sum"),
        *(("EndToEndLatency", STAGE, percentile) for percentile in ("p50", "p95", "p99")),
        ("EndToEndLatency", QUEUE, "p95"),
    }


def test_a_graph_by_queue_labels_each_queue_with_its_name(stack_of_kind: Stack) -> None:
    (resource,) = ids_of(stack_of_kind, "Custom::GenesysQueueNames")
    board = board_of(stack_of_kind)
    for title in ("Ends processed, by queue", "Latency by queue, p95"):
        metrics = metrics_in(board.properties_of(title))
        assert {m.dimensions["QueueId"]: m.options["label"] for m in metrics} == {
            queue_id: f"{resource}.Labels.{index}"
            for index, queue_id in enumerate(stack_of_kind.settings.queue_ids)
        }


def test_calls_and_errors_of_each_function_are_counted(board: Board) -> None:
    shown = {
        (metric.name, metric.dimensions["FunctionName"])
        for metric in board.metrics()
        if "FunctionName" in metric.dimensions
    }
    functions = board.dimension("AWS/Lambda", "FunctionName")
    assert shown >= {(name, f) for name in ("Invocations", "Errors") for f in functions}


def test_numbers_are_of_all_the_time_that_is_shown(board: Board) -> None:
    numbers = [
        widget["properties"]
        for widget in board.of_type("metric")
        if widget["properties"]["view"] == "singleValue"
    ]
    assert all(properties["setPeriodToTimeRange"] for properties in numbers)
    names = {metric.name for properties in numbers for metric in metrics_in(properties)}
    assert names == {"Ended", "EndToEndLatency", "Received", *OUTCOMES}


def test_thresholds_are_drawn_where_the_alarms_have_them(stack: Stack, tuned: Stack) -> None:
    for synthesised, timeout_ms in ((stack, 30_000), (tuned, 60_000)):
        thresholds = {
            alarm["Properties"]["AlarmName"].split("-", 2)[2]: alarm["Properties"]["Threshold"]
            for alarm in synthesised.of_type("AWS::CloudWatch::Alarm")
        }
        board = board_of(synthesised)

        def drawn(title: str, board: Board = board) -> dict[str, float]:
            lines = board.properties_of(title)["annotations"]["horizontal"]
            return {line["label"]: line["value"] for line in lines}

        age = drawn("Age of the oldest message")
        assert age == {"alarm above": thresholds["backlog"]}
        assert drawn("Worker duration") == {
            "timeout": timeout_ms,
            "alarm above": thresholds["worker-slow"],
        }
        health = drawn("Genesys Cloud matches the deployed stack (1) or not (0)")
        assert health == {"alarm below": thresholds["subscription-unhealthy"]}


# Its layout


def test_widgets_fill_all_columns_and_none_is_on_another(board: Board) -> None:
    cells = [
        (x, y)
        for widget in board.widgets
        for x in range(widget["x"], widget["x"] + widget["width"])
        for y in range(widget["y"], widget["y"] + widget["height"])
    ]
    assert len(set(cells)) == len(cells)
    assert set(cells) == {(x, y) for x in range(24) for y in range(max(y for _, y in cells) + 1)}


def test_every_widget_has_a_title_of_its_own_and_every_metric_a_label_in_words(
    board: Board,
) -> None:
    titles = [w["properties"]["title"] for w in board.widgets if w["type"] != "text"]
    assert len(set(titles)) == len(titles)
    for title in titles:
        assert title[0].isupper()
    for widget in board.of_type("metric"):
        metrics = metrics_in(widget["properties"])
        labels = [metric.options["label"] for metric in metrics]
        assert len(set(labels)) == len(labels)
        assert not set(labels) & {metric.name for metric in metrics}


def test_every_axis_says_what_it_counts_and_begins_at_zero(board: Board) -> None:
    graphs = [w["properties"] for w in board.of_type("metric")]
    graphs = [graph for graph in graphs if graph["view"] == "timeSeries"]
    for graph in graphs:
        used = {metric.options.get("yAxis", "left") for metric in metrics_in(graph)}
        assert graph["yAxis"].keys() == used
        for axis in graph["yAxis"].values():
            assert axis["min"] == 0
            assert axis["label"]
    assert len(graphs) >= 15


def test_it_shows_three_hours_minute_by_minute(board: Board) -> None:
    assert {key: value for key, value in board.body.items() if key != "widgets"} == {
        "start": "-PT3H"
    }
    # A metric without a period has CloudWatch's default of five minutes, the watchdog's interval.
    periods = {metric.name: metric.options.get("period", 300) for metric in board.metrics()}
    assert periods.pop("SubscriptionHealthy", 300) == 300
    assert periods.pop("UnknownQueues", 300) == 300
    assert set(periods.values()) == {60}


def test_the_local_page_can_show_every_widget(stack_of_kind: Stack) -> None:
    arn = "arn:aws:cloudwatch:eu-north-1:123456789012:alarm:"
    body = body_text(stack_of_kind, lambda name: arn + name)
    assert len(dashboard_body.parse_widgets(body)) == len(board_of(stack_of_kind).widgets)


def test_it_stays_within_cloudwatchs_limits_with_as_many_queues_as_can_be(
    many_queues: Stack,
) -> None:
    # No name or ARN in the body is longer than 400 characters.
    body = body_text(many_queues, lambda name: name.ljust(400, "x"))
    assert len(body.encode()) < 1_000_000 / 5
    board = board_of(many_queues)
    assert len(board.widgets) <= 500 / 5
    of_widgets = [len(widget["properties"]["metrics"]) for widget in board.of_type("metric")]
    assert max(of_widgets) == 50
    # AWS: "CloudWatch service quotas", metrics a graph and metrics a dashboard.
    assert max(of_widgets) <= 500
    assert sum(of_widgets) <= 2500
    assert len(board.widgets[0]["properties"]["alarms"]) <= 100


def test_the_url_is_of_the_console_in_the_stacks_region(stack: Stack) -> None:
    region = {"Ref": "AWS::Region"}
    home = [region, ".console.aws.amazon.com/cloudwatch/home?region=", region]
    assert stack.template["Outputs"]["DashboardUrl"]["Value"] == {
        "Fn::Join": ["", ["https://", *home, "#dashboards/dashboard/QueueEnds-dev-", region]]
    }
