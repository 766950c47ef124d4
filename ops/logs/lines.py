"""Parses the log lines that operators want to see. Other lines are no mistake; they are skipped."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from json_text import decode_json
from ops.logs.events import LogEvent

OUTCOMES = ("processed", "duplicate", "ignored", "rejected", "failed")
COUNTS = ("received", *OUTCOMES, "ended")

# These patterns let CloudWatch Logs leave out other lines.
WORKER_PATTERN = (
    '{ ($.message = "Batch") || ($.message = "Message") || ($.message = "Conversation ended") }'
)
METRICS_PATTERN = "{ $._aws.Timestamp > 0 }"
WATCHDOG_PATTERN = '{ $.service = "watchdog" }'

_WATCHDOG_MESSAGES = ("Healthy", "Unhealthy", "Healed")


@dataclass(frozen=True, slots=True)
class BatchLine:
    """The worker's line for a batch: the number of messages by outcome, and by reason."""

    at_ms: int
    counts: Mapping[str, int]
    reasons: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class MessageLine:
    """The worker's line for a message that was rejected or failed."""

    at_ms: int
    message_id: str
    outcome: str
    reason: str
    detail: str
    receives: int


@dataclass(frozen=True, slots=True)
class EndLine:
    """The line that the example action writes for each end."""

    at_ms: int
    conversation_id: str
    queue_id: str


@dataclass(frozen=True, slots=True)
class MetricsLine:
    """A line with the worker's metrics for a batch, or for the ends of one queue in a batch.

    The worker writes these lines whatever `log_level` is.

    Attributes
    ----------
    counts
        The number of messages by outcome, or the number of ends.
    latencies_ms
        The latencies of the ends, in milliseconds.
    """

    at_ms: int
    counts: Mapping[str, int]
    latencies_ms: list[int]


@dataclass(frozen=True, slots=True)
class WatchdogLine:
    """A result of the watchdog: `Healthy`, `Unhealthy` or `Healed`, and what it found."""

    at_ms: int
    message: str
    differences: list[str]

    @property
    def is_healthy(self) -> bool:
        return self.message != "Unhealthy"


WorkerLine = BatchLine | MessageLine | EndLine | MetricsLine


def parse_worker_line(event: LogEvent) -> WorkerLine | None:
    """Return what a line of the worker says; None for any other line."""
    line = _parse_object(event.text)
    match line:
        case {"message": "Batch", "received": int()}:
            reasons = line.get("reasons")
            return BatchLine(
                event.at_ms,
                {name: _count(line.get(name)) for name in COUNTS},
                {str(k): _count(v) for k, v in reasons.items()}
                if isinstance(reasons, dict)
                else {},
            )
        case {"message": "Message", "message_id": str(message_id), "outcome": str(outcome)}:
            reason, detail = _text(line.get("reason")), _text(line.get("detail"))
            receives = _count(line.get("receives"))
            return MessageLine(event.at_ms, message_id, outcome, reason, detail, receives)
        case {"message": "Conversation ended", "conversation_id": str(conversation_id)}:
            return EndLine(event.at_ms, conversation_id, _text(line.get("queue_id")))
        case {"_aws": _}:
            counts = {name: _count(line.get(name.capitalize())) for name in COUNTS}
            latencies = line.get("EndToEndLatency", [])
            found = latencies if isinstance(latencies, list) else [latencies]
            return MetricsLine(event.at_ms, counts, [each for each in found if type(each) is int])
    return None


def parse_watchdog_line(event: LogEvent) -> WatchdogLine | None:
    """Return a result of the watchdog; None for any other line."""
    line = _parse_object(event.text)
    if line.get("message") not in _WATCHDOG_MESSAGES:
        return None
    differences = line.get("differences")
    found = differences if isinstance(differences, list) else []
    return WatchdogLine(event.at_ms, line["message"], [_text(each) for each in found])


def _parse_object(text: str) -> dict[str, Any]:
    """Return the JSON object in a line; an empty one if the line is something else."""
    try:
        line = decode_json(text)
    except ValueError:
        return {}
    return line if isinstance(line, dict) else {}


def _count(value: Any) -> int:
    return value if type(value) is int else 0


def _text(value: Any) -> str:
    return "" if value is None else str(value)
