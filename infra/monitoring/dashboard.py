"""The dashboard: what a stage does for the business first, then how each of its parts does."""

from collections.abc import Iterator

from aws_cdk import Duration, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

from infra.delivery.eventbridge import EventSource
from infra.ledger import Ledger
from infra.monitoring.alarms import Alarms
from infra.monitoring.metrics import of_function, of_mapping, of_queue, of_rule, of_table, own
from infra.monitoring.signs import signs
from infra.monitoring.watched import Watched
from infra.monitoring.widgets import (
    BLUE,
    COLUMNS,
    CYAN,
    DUPLICATE,
    FAILED,
    IGNORED,
    PROCESSED,
    PURPLE,
    REJECTED,
    WRONG,
    Row,
    graph,
    heading,
    limit,
    line,
    numbers,
    table,
)
from infra.settings.settings import Settings
from infra.watchdog import Watchdog
from infra.worker import Worker

# In this order they are stacked: what needs somebody's attention is on top.
OUTCOMES = {
    "Processed": PROCESSED,
    "Duplicate": DUPLICATE,
    "Ignored": IGNORED,
    "Rejected": REJECTED,
    "Failed": FAILED,
}
LATENCIES = {"p50": CYAN, "p95": BLUE, "p99": PURPLE}
_TOP = 5
_RIGHT = cloudwatch.LegendPosition.RIGHT


class Dashboard(Construct):
    """The dashboard, named like the stack.

    Attributes
    ----------
    dashboard
        The CloudWatch dashboard.
    url
        Where it is in the AWS console; of the partition `aws`, others have consoles elsewhere.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: Settings,
        watched: Watched,
        alarms: Alarms,
    ) -> None:
        super().__init__(scope, construct_id)
        self.dashboard = cloudwatch.Dashboard(
            self,
            "Dashboard",
            dashboard_name=settings.stack_name,
            # The longest time whose points are a minute apart unless somebody says otherwise.
            default_interval=Duration.hours(3),
            widgets=list(_rows(settings, watched, alarms)),
        )
        region = Stack.of(self).region
        self.url = (
            f"https://{region}.console.aws.amazon.com/cloudwatch/home?region={region}"
            f"#dashboards/dashboard/{settings.stack_name}"
        )


def _rows(settings: Settings, watched: Watched, alarms: Alarms) -> Iterator[Row]:
    yield _alarm_states(settings, watched, alarms)
    yield heading("Ends")
    yield from _ends(settings)
    yield heading("Messages, from Genesys Cloud to the worker")
    yield from _account(settings)
    yield _intake(watched, alarms)
    yield heading("Worker")
    yield from _worker(settings, watched, alarms)
    yield heading("Ledger and destinations")
    yield _ledger_and_destinations(settings, watched.ledger)
    yield heading("Genesys Cloud")
    yield from _genesys(settings, watched, alarms)
    yield heading("Log")
    yield from _log(watched)


def _alarm_states(settings: Settings, watched: Watched, alarms: Alarms) -> Row:
    every: list[cloudwatch.IAlarm] = [*alarms.alarms.values()]
    if alarms.health:
        every.insert(0, alarms.health)
    states = cloudwatch.AlarmStatusWidget(title="Alarms", alarms=every, width=15, height=_TOP)
    text = cloudwatch.TextWidget(markdown=_runbook(settings, watched), width=9, height=_TOP)
    return [states, text]


def _runbook(settings: Settings, watched: Watched) -> str:
    # Some alarms share a section.
    anchors = dict.fromkeys(["health", *(sign.anchor for sign in signs(settings, watched))])
    url = settings.runbook_url
    if "://" in url:
        where = f"The [runbook]({url}) says what to do about each alarm"
        sections = [f"[{anchor}]({url}#{anchor})" for anchor in anchors]
    else:
        # A path means nothing to the console, which would take it for a page of its own.
        where = f"In the project, `{url}` says what to do about each alarm"
        sections = [f"`{anchor}`" for anchor in anchors]
    return f"## Queue Ends, {settings.stage}\n\n{where}:\n\n{' · '.join(sections)}"


def _ends(settings: Settings) -> Iterator[Row]:
    ended, by_queue = own(settings, "Ended"), settings.queue_ids
    latencies = [
        line(own(settings, "EndToEndLatency", percentile), percentile, colour)
        for percentile, colour in LATENCIES.items()
    ]
    yield [
        numbers("Ends in the time shown", [line(ended, "processed")], width=8),
        numbers("Latency in the time shown, in milliseconds", latencies, width=16),
    ]
    yield [
        graph("Ends processed", [line(ended, "all queues", PROCESSED)], width=8, unit="ends"),
        graph(
            "Ends processed, by queue",
            [line(own(settings, "Ended", queue_id=queue_id), queue_id) for queue_id in by_queue],
            width=16,
            unit="ends",
            legend=_RIGHT,
        ),
    ]
    yield [
        graph(
            "Latency from end to destinations",
            latencies,
            width=8,
            unit="milliseconds",
        ),
        graph(
            "Latency by queue, p95",
            [
                line(own(settings, "EndToEndLatency", "p95", queue_id=queue_id), queue_id)
                for queue_id in by_queue
            ],
            width=16,
            unit="milliseconds",
            legend=_RIGHT,
        ),
    ]


def _account(settings: Settings) -> Iterator[Row]:
    received = line(own(settings, "Received"), "received", BLUE)
    outcomes = [line(own(settings, name), name.lower(), of) for name, of in OUTCOMES.items()]
    yield [numbers("Messages in the time shown", [received, *outcomes], width=COLUMNS)]
    yield [
        graph(
            "What became of every message received",
            outcomes,
            width=16,
            unit="messages",
            stacked=True,
        ),
        # Beside the others, as a stacked graph would add it to them or cover them with it.
        graph("Messages received", [received], width=8, unit="messages"),
    ]


def _intake(watched: Watched, alarms: Alarms) -> Row:
    queue, visible = watched.intake.queue, "ApproximateNumberOfMessagesVisible"
    dead = [line(of_queue(watched.intake.dead_letter_queue, visible, "Maximum"), "dead", FAILED)]
    if isinstance(watched.source, EventSource):
        undelivered = of_queue(watched.source.dead_letter_queue, visible, "Maximum")
        dead.append(line(undelivered, "undelivered by EventBridge", PURPLE))
    waiting = {
        visible: ("waiting", BLUE),
        "ApproximateNumberOfMessagesNotVisible": ("in flight", CYAN),
        "ApproximateNumberOfMessagesDelayed": ("delayed", PURPLE),
    }
    age = of_queue(queue, "ApproximateAgeOfOldestMessage", "Maximum")
    return [
        graph(
            "Intake queue",
            [line(of_queue(queue, name, "Maximum"), *drawn) for name, drawn in waiting.items()],
            width=6,
            unit="messages",
        ),
        graph(
            "Age of the oldest message",
            [line(age, "age", BLUE)],
            width=6,
            unit="seconds",
            limits=[_alarm_at(alarms, "backlog")],
        ),
        graph(
            "Sent against deleted",
            [
                line(of_queue(queue, "NumberOfMessagesSent"), "sent", BLUE),
                line(of_queue(queue, "NumberOfMessagesDeleted"), "deleted", PROCESSED),
            ],
            width=6,
            unit="messages",
        ),
        graph("Dead-letter queues", dead, width=6, unit="messages"),
    ]


def _worker(settings: Settings, watched: Watched, alarms: Alarms) -> Iterator[Row]:
    worker = watched.worker
    function = worker.function
    durations = {"p50": CYAN, "p99": BLUE, "Maximum": PURPLE}
    yield [
        graph(
            "Worker's invocations",
            [line(of_function(function, "Invocations"), "invocations", BLUE)],
            right=_errors(worker),
            right_unit="errors, throttles",
            width=12,
            unit="invocations",
        ),
        graph(
            "Worker's duration",
            [
                line(of_function(function, "Duration", statistic), statistic.lower(), colour)
                for statistic, colour in durations.items()
            ],
            limits=[
                limit(settings.worker_timeout_seconds * 1000, "timeout"),
                _alarm_at(alarms, "worker-slow"),
            ],
            width=12,
            unit="milliseconds",
        ),
    ]
    events = {
        "PolledEventCount": ("polled", BLUE),
        "InvokedEventCount": ("given to the worker", CYAN),
        "FailedInvokeEventCount": ("given back as failed", FAILED),
        "DeletedEventCount": ("deleted", PROCESSED),
    }
    concurrency = of_function(function, "ConcurrentExecutions", "Maximum")
    yield [
        graph(
            "Event source mapping",
            [line(of_mapping(worker.mapping, name), *drawn) for name, drawn in events.items()],
            width=8,
            unit="messages",
        ),
        graph(
            "Batches",
            [
                line(own(settings, "BatchSize", "Average"), "average", CYAN),
                line(own(settings, "BatchSize", "Maximum"), "largest", BLUE),
            ],
            width=8,
            unit="messages in a batch",
        ),
        graph(
            "Workers at once, and cold starts",
            [
                line(concurrency, "at once", BLUE),
                line(own(settings, "ColdStart"), "cold starts", CYAN),
            ],
            width=8,
            unit="workers",
        ),
    ]


def _errors(worker: Worker) -> list[cloudwatch.Metric]:
    return [
        line(of_function(worker.function, "Errors"), "errors", FAILED),
        line(of_function(worker.function, "Throttles"), "throttles", REJECTED),
    ]


def _ledger_and_destinations(settings: Settings, ledger: Ledger) -> Row:
    def both_kinds(name: str, read: str, write: str) -> list[cloudwatch.Metric]:
        return [
            line(of_table(ledger.table, name.format("Read")), "reads", read),
            line(of_table(ledger.table, name.format("Write")), "writes", write),
        ]

    return [
        graph(
            "Ledger's consumed capacity",
            both_kinds("Consumed{}CapacityUnits", CYAN, BLUE),
            width=8,
            unit="capacity units",
        ),
        graph(
            "Ledger's throttles",
            both_kinds("{}ThrottleEvents", REJECTED, FAILED),
            width=8,
            unit="requests refused",
        ),
        graph(
            "Deliveries that failed",
            [line(own(settings, "DeliveryFailures"), "all destinations", FAILED)],
            width=8,
            unit="deliveries",
        ),
    ]


def _genesys(settings: Settings, watched: Watched, alarms: Alarms) -> Iterator[Row]:
    functions = {"custom resource": (watched.source.function, PURPLE, REJECTED)}
    row: Row = []
    if watched.watchdog:
        functions["watchdog"] = (watched.watchdog.function, BLUE, WRONG)
        row.append(_health(settings, alarms))
    calls, errors = [], []
    for name, (function, colour, colour_of_errors) in functions.items():
        calls.append(line(of_function(function, "Invocations"), f"{name}: invocations", colour))
        errors.append(line(of_function(function, "Errors"), f"{name}: errors", colour_of_errors))
    row.append(
        graph(
            "Functions that call Genesys Cloud",
            calls + errors,
            width=12 if watched.watchdog else COLUMNS,
            unit="invocations",
        )
    )
    yield row
    if isinstance(watched.source, EventSource):
        yield [
            _of_rules(watched.source, "Invocations", "Events to the intake queue, by rule"),
            _of_rules(watched.source, "FailedInvocations", "Events not delivered, by rule"),
        ]


def _health(settings: Settings, alarms: Alarms) -> cloudwatch.GraphWidget:
    healthy = own(settings, "SubscriptionHealthy", "Minimum")
    return graph(
        "Genesys Cloud is set up as deployed (1) or not (0)",
        # As often as the watchdog looks.
        [line(healthy.with_(period=Duration.minutes(5)), "healthy", PROCESSED)],
        limits=[_alarm_at(alarms, "subscription-unhealthy", "below")],
        width=12,
        unit="1: as deployed",
        highest=1.2,
    )


def _of_rules(source: EventSource, name: str, title: str) -> cloudwatch.GraphWidget:
    rules = [line(of_rule(source.bus, rule, name), str(rule.name)) for rule in source.rules]
    return graph(title, rules, width=12, unit="events")


def _log(watched: Watched) -> Iterator[Row]:
    worker = watched.worker.function.log_group
    shown = "fields @timestamp, reason, detail, message_id, receives"
    newest = ["sort @timestamp desc", "limit 20"]
    of_messages = 'filter message = "Message"'
    yield [
        table(
            f"Last messages that {outcome}",
            worker,
            [shown, of_messages, f'filter outcome = "{kind}"', *newest],
            width=12,
        )
        for kind, outcome in (("rejected", "were rejected"), ("failed", "failed"))
    ]
    reasons = table(
        "Why messages were rejected or failed",
        worker,
        [
            of_messages,
            "stats count(*) as messages by outcome, reason",
            "sort messages desc",
            "limit 20",
        ],
        width=8 if watched.watchdog else COLUMNS,
    )
    yield [reasons, *([_findings(watched.watchdog)] if watched.watchdog else [])]


def _findings(watchdog: Watchdog) -> cloudwatch.LogQueryWidget:
    return table(
        "What the watchdog found",
        watchdog.function.log_group,
        [
            # The parts of a list are fields of their own. The detail is why it could not look.
            "fields @timestamp, message, differences.0, differences.1, differences.2, detail",
            'filter level = "WARNING"',
            "sort @timestamp desc",
            "limit 20",
        ],
        width=16,
    )


def _alarm_at(
    alarms: Alarms, alarm_id: str, crossed: str = "above"
) -> cloudwatch.HorizontalAnnotation:
    threshold = alarms.alarms[alarm_id].to_annotation().value
    return limit(threshold, f"alarm {crossed}", WRONG)
