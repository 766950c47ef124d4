"""The dashboard: the metrics, alarms and logs that it shows, its layout, and AWS's limits."""

import io
import json
import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from infra.monitoring import widgets
from local.dashboard import body as dashboard_body
from local.dashboard import queries
from logs import json_logger
from resources.queue_data import LABEL_SEPARATOR
from tests import aws_metrics
from tests.fakes.aws.cloudwatch import NAMESPACE, metrics_of
from tests.fakes.aws.sqs_event import record
from tests.fakes.watchdog import run_watchdog
from tests.infra.stacks import QUEUES, Stack
from worker.messages import Message
from worker.report import BatchReport, Outcome

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


@dataclass(frozen=True)
class Metric:
    """A metric in a widget; `options` has its statistic, label and colour."""

    namespace: str
    name: str
    dimensions: dict[str, str]
    options: dict[str, Any]


@dataclass(frozen=True)
class Board:
    """A dashboard's body, with each token replaced by `<logical id>` or `<logical id>.<name>`."""

    body: dict[str, Any]

    @property
    def widgets(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.body["widgets"]
        return found

    def of_type(self, kind: str) -> list[dict[str, Any]]:
        return [widget for widget in self.widgets if widget["type"] == kind]

    def properties_of(self, title: str) -> dict[str, Any]:
        (found,) = [w for w in self.widgets if w["properties"].get("title") == title]
        properties: dict[str, Any] = found["properties"]
        return properties

    def metrics(self) -> Iterator[Metric]:
        for widget in self.of_type("metric"):
            yield from metrics_in(widget["properties"])

    def dimension(self, namespace: str, name: str) -> set[str]:
        """Return the values that a dimension has in a namespace's metrics."""
        found = [m.dimensions for m in self.metrics() if m.namespace == namespace]
        return {dimensions[name] for dimensions in found if name in dimensions}


def metrics_in(properties: dict[str, Any]) -> list[Metric]:
    """Return a widget's metrics; fail on a metric expression, which no emulator supports."""
    found = []
    for row in properties["metrics"]:
        *names, options = row
        namespace, name, *dimensions = names
        assert all(isinstance(part, str) for part in names)
        pairs = dict(zip(dimensions[::2], dimensions[1::2], strict=True))
        found.append(Metric(namespace, name, pairs, options))
    return found


def body_text(stack: Stack, replace: Callable[[str], str]) -> str:
    """Return the dashboard's body, with each token replaced by a function of the token's name."""
    (dashboard,) = stack.of_type("AWS::CloudWatch::Dashboard")
    _, parts = dashboard["Properties"]["DashboardBody"]["Fn::Join"]
    return "".join(part if isinstance(part, str) else replace(_token_name(part)) for part in parts)


def _token_name(part: dict[str, Any]) -> str:
    match part:
        case {"Fn::Select": [index, {"Fn::Split": [separator, {"Fn::GetAtt": value}]}]}:
            assert separator == LABEL_SEPARATOR
            return ".".join([*value, str(index)])
        case {"Fn::GetAtt": value}:
            return ".".join(value)
    ((_, name),) = part.items()
    return str(name)


def board_of(stack: Stack) -> Board:
    return Board(json.loads(body_text(stack, lambda name: name)))


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


def test_the_dashboard_is_named_like_the_stack_and_shows_every_alarm_first(
    stack_of_kind: Stack,
) -> None:
    board = board_of(stack_of_kind)
    (dashboard,) = stack_of_kind.of_type("AWS::CloudWatch::Dashboard")
    assert dashboard["Properties"]["DashboardName"] == stack_of_kind.settings.stack_name
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


def test_the_watchdogs_table_shows_its_findings(stack: Stack) -> None:
    log = io.StringIO()
    run_watchdog(log)
    unseen = json.dumps({"level": "WARNING", "message": "Could not compare", "detail": "no answer"})
    lines = [
        {"eventId": str(number), "timestamp": number, "message": message}
        for number, message in enumerate((unseen, log.getvalue()))
    ]
    found = query_result(board_of(stack).properties_of("What the watchdog found"), lines)
    (_, message, first, *_), (_, second_message, *_, why) = found.rows
    assert message == "Unhealthy"
    assert "There is no secret" in first
    assert (second_message, why) == ("Could not compare", "no answer")


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
        "Fn::Join": ["", ["https://", *home, "#dashboards/dashboard/QueueEnds-dev"]]
    }


# Tables


@pytest.fixture
def worker_lines(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Return the log events of a batch with one rejected and many failed messages."""
    outcomes = [
        ("processed", "", ""),
        ("rejected", "not_json", "expected JSON"),
        *[("failed", "destination", "crm: TimeoutError")] * 21,
        ("failed", "ledger", "ThrottlingError"),
    ]
    messages = [
        Message.from_record(record("{", f"m-{n}", receives=n + 1)) for n in range(len(outcomes))
    ]
    report = BatchReport(
        [Outcome(m, *outcome) for m, outcome in zip(messages, outcomes, strict=True)]  # type: ignore[arg-type]
    )
    logger = json_logger("worker")
    output = io.StringIO()
    monkeypatch.setattr(logger.registered_handler, "stream", output)
    report.write_log(logger)
    return events_of(output.getvalue())


def events_of(output: str) -> list[dict[str, Any]]:
    """Return a function's output as CloudWatch Logs events, one line per millisecond."""
    return [{"timestamp": n, "message": line} for n, line in enumerate(output.splitlines())]


def query_result(properties: Mapping[str, Any], events: list[dict[str, Any]]) -> queries.Table:
    _, query = dashboard_body.source_groups(properties["query"])
    return queries.run_query(query, events)


def test_tables_read_the_logs_of_the_functions_that_they_tell_of(stack: Stack) -> None:
    board = board_of(stack)
    groups = {
        widget["properties"]["title"]: dashboard_body.source_groups(widget["properties"]["query"])[
            0
        ]
        for widget in board.of_type("log")
    }
    worker, watchdog = (stack.ids["Worker/Logs"],), (stack.ids["Watchdog/Logs"],)
    assert groups == {
        "Last rejected messages": worker,
        "Last failed messages": worker,
        "Why messages were rejected or failed": worker,
        "What the watchdog found": watchdog,
    }


def test_the_last_messages_that_were_rejected_or_failed_are_told_in_full(
    stack: Stack, worker_lines: list[dict[str, Any]]
) -> None:
    board = board_of(stack)
    rejected = query_result(board.properties_of("Last rejected messages"), worker_lines)
    assert rejected.columns == ("@timestamp", "reason", "detail", "message_id", "receives")
    assert [row[1:] for row in rejected.rows] == [("not_json", "expected JSON", "m-1", 2)]
    failed = query_result(board.properties_of("Last failed messages"), worker_lines)
    # The newest twenty.
    assert [row[1:] for row in failed.rows] == [
        ("ledger", "ThrottlingError", "m-23", 24),
        *(("destination", "crm: TimeoutError", f"m-{n}", n + 1) for n in range(22, 3, -1)),
    ]


def test_reasons_are_counted_the_most_frequent_first(
    stack: Stack, worker_lines: list[dict[str, Any]]
) -> None:
    counted = query_result(
        board_of(stack).properties_of("Why messages were rejected or failed"), worker_lines
    )
    assert counted.columns == ("outcome", "reason", "messages")
    assert counted.rows[0] == ("failed", "destination", 21)
    assert sorted(counted.rows[1:]) == [("failed", "ledger", 1), ("rejected", "not_json", 1)]
