"""Collects what `status` shows: one look at each part of the stack."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from deadline import now_ms
from ops.deployed import Deployed, log_group_of
from ops.logs.events import read_events
from ops.logs.lines import (
    COUNTS,
    METRICS_PATTERN,
    WATCHDOG_PATTERN,
    MetricsLine,
    WatchdogLine,
    parse_watchdog_line,
    parse_worker_line,
)
from ops.stack.ledger import LastEnds, scan_last_ends
from ops.stack.queues import QueueCounts, count_messages, read_oldest_age
from ops.stack.resources import StackResources, list_resources
from ops.times import iso_time

_HOUR_MS = 3_600_000
# A page has at most 1 MB. So many pages hold the metrics of some 20,000 batches.
_MAX_LOG_PAGES = 20
SHOWN_ENDS = 4


@dataclass(frozen=True, slots=True)
class QueueState:
    """A queue: its messages, and the age of its oldest message in seconds."""

    name: str
    counts: QueueCounts
    oldest_seconds: int | None


@dataclass(frozen=True, slots=True)
class LastHour:
    """The worker's last hour, from the metrics in its log.

    Attributes
    ----------
    counts
        The number of messages by outcome, of messages received, and of ends.
    mean_ms, max_ms
        The latency of the ends, from a conversation's end until all destinations have it; None if
        no end was done.
    cut_short
        Whether the log has more lines than were read.
    """

    counts: Mapping[str, int]
    mean_ms: int | None
    max_ms: int | None
    cut_short: bool


@dataclass(frozen=True, slots=True)
class Alarms:
    """The names of the alarms that are on, and the number of all others by state."""

    on: list[str]
    ok: int
    insufficient_data: int


@dataclass(frozen=True, slots=True)
class Overview:
    """The state of a stack.

    Attributes
    ----------
    resource_id
        The id of the subscription or integration in Genesys Cloud.
    watchdog
        The watchdog's newest result of the last hour; None if there is none.
    has_watchdog
        Whether the stack has a watchdog.
    mapping
        The state of the event source mapping, such as `Enabled`.
    """

    stack_status: str
    resource_id: str
    has_watchdog: bool
    watchdog: WatchdogLine | None
    mapping: str
    queues: list[QueueState]
    last_hour: LastHour
    last_ends: LastEnds
    alarms: Alarms

    def problems(self) -> list[str]:
        """Return a sentence for each problem."""
        problems = [f"The alarm {name} is on." for name in self.alarms.on]
        if is_failed(self.stack_status):
            problems.append(f"The stack's status is {self.stack_status}.")
        if self.mapping in ("Disabled", "Disabling", "missing"):
            problems.append(
                f"The event source mapping is {self.mapping.lower()}, so nothing is processed."
            )
        if self.watchdog and not self.watchdog.is_healthy:
            problems.append("The watchdog found a difference in Genesys Cloud.")
        return problems

    def as_json(self) -> dict[str, Any]:
        """Return the state as JSON for programs."""
        watchdog = self.watchdog and {
            "result": self.watchdog.message,
            "at": iso_time(self.watchdog.at_ms),
            "differences": self.watchdog.differences,
        }
        last_ends = [
            {
                "conversation_id": end.conversation_id,
                "queue_id": end.queue_id,
                "sequence": end.sequence,
                "ended_at": iso_time(end.ended_at),
                "state": end.state,
                "delivered": end.delivered,
            }
            for end in self.last_ends.ends
        ]
        return {
            "stack": self.stack_status,
            "resource_id": self.resource_id,
            "watchdog": watchdog,
            "mapping": self.mapping,
            "queues": {
                queue.name: {**queue.counts.as_dict(), "oldest_seconds": queue.oldest_seconds}
                for queue in self.queues
            },
            "last_hour": asdict(self.last_hour),
            "last_ends": last_ends,
            "ledger_items_read": self.last_ends.items_read,
            "ledger_cut_short": self.last_ends.cut_short,
            "alarms": asdict(self.alarms),
            "problems": self.problems(),
        }


def is_failed(stack_status: str) -> bool:
    """Return whether a stack's status says that it is not, or only partly, deployed.

    After `UPDATE_ROLLBACK_COMPLETE`, the version before the failed deploy works.
    """
    return stack_status.endswith("_FAILED") or stack_status.startswith(("ROLLBACK_", "DELETE_"))


def look(deployed: Deployed) -> Overview:
    """Return the state of a deployed stack."""
    aws, resources = deployed.aws, list_resources(deployed)
    return Overview(
        stack_status=deployed.status,
        resource_id=deployed.outputs.get("SubscriptionId", ""),
        has_watchdog=resources.watchdog_name is not None,
        watchdog=_read_watchdog(deployed, resources),
        mapping=_read_mapping(deployed, resources),
        queues=_read_queues(deployed, resources),
        last_hour=_read_last_hour(deployed),
        last_ends=scan_last_ends(aws.client("dynamodb"), deployed.ledger_table, SHOWN_ENDS),
        alarms=_read_alarms(aws.client("cloudwatch"), resources.alarm_names),
    )


def _read_watchdog(deployed: Deployed, resources: StackResources) -> WatchdogLine | None:
    if resources.watchdog_name is None:
        return None
    log_group = log_group_of(deployed.aws, resources.watchdog_name)
    logs, since_ms = deployed.aws.client("logs"), now_ms() - _HOUR_MS
    events = read_events(logs, log_group, since_ms, pattern=WATCHDOG_PATTERN).events
    results = [line for event in events if (line := parse_watchdog_line(event))]
    return results[-1] if results else None


def _read_mapping(deployed: Deployed, resources: StackResources) -> str:
    if resources.mapping_id is None:
        return "missing"
    mapping = deployed.aws.client("lambda").get_event_source_mapping(UUID=resources.mapping_id)
    return str(mapping["State"])


def _read_queues(deployed: Deployed, resources: StackResources) -> list[QueueState]:
    urls = {"intake": deployed.queue_url, "dead-letter": deployed.dead_letter_queue_url}
    if resources.undelivered_queue_url:
        urls["undelivered"] = resources.undelivered_queue_url
    sqs, cloudwatch = deployed.aws.client("sqs"), deployed.aws.client("cloudwatch")
    queues = []
    for name, url in urls.items():
        counts = count_messages(sqs, url)
        # CloudWatch's value can be some minutes old, so an empty queue needs none.
        oldest = read_oldest_age(cloudwatch, url) if counts.total else None
        queues.append(QueueState(name, counts, oldest))
    return queues


def _read_last_hour(deployed: Deployed) -> LastHour:
    found = read_events(
        deployed.aws.client("logs"),
        deployed.worker_log_group(),
        now_ms() - _HOUR_MS,
        pattern=METRICS_PATTERN,
        max_pages=_MAX_LOG_PAGES,
    )
    totals = Counter(dict.fromkeys(COUNTS, 0))
    latencies: list[int] = []
    for event in found.events:
        match parse_worker_line(event):
            case MetricsLine(counts=counts, latencies_ms=latencies_ms):
                totals.update(counts)
                latencies += latencies_ms
    mean_ms = round(sum(latencies) / len(latencies)) if latencies else None
    return LastHour(dict(totals), mean_ms, max(latencies, default=None), found.cut_short)


def _read_alarms(cloudwatch: Any, names: list[str]) -> Alarms:
    if not names:
        return Alarms([], 0, 0)
    # One call takes up to 100 names; a stack has about 20 alarms.
    found = cloudwatch.describe_alarms(
        AlarmNames=names[:100], AlarmTypes=["MetricAlarm", "CompositeAlarm"], MaxRecords=100
    )
    alarms = [*found.get("MetricAlarms", []), *found.get("CompositeAlarms", [])]
    states = Counter(alarm["StateValue"] for alarm in alarms)
    return Alarms(
        sorted(alarm["AlarmName"] for alarm in alarms if alarm["StateValue"] == "ALARM"),
        states["OK"],
        states["INSUFFICIENT_DATA"],
    )
