"""The traces of a conversation in the stack, and their meaning."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from rich.padding import Padding

from ops.ends.messages import QueueMessage
from ops.logs.events import LogEvent
from ops.logs.lines import EndLine, MessageLine, parse_worker_line
from ops.stack.ledger import EndItem, JoinItem
from ops.times import format_duration, format_time, iso_time
from ops.words import count_of, join_words

_SHOWN_LOG_LINES = 10


@dataclass(frozen=True, slots=True)
class Traces:
    """All that was found about a conversation.

    Attributes
    ----------
    messages
        The messages that contain the conversation's id, keyed by the name of their queue.
    log_events
        The log lines that contain the conversation's id, or the id of one of the messages.
    queues_cut_short, logs_cut_short
        Whether there is more than was read.
    """

    conversation_id: str
    now_ms: int
    ends: Sequence[EndItem]
    join: JoinItem | None
    messages: Mapping[str, Sequence[QueueMessage]]
    log_events: Sequence[LogEvent]
    queues_cut_short: bool
    logs_cut_short: bool

    def __bool__(self) -> bool:
        """Whether anything was found."""
        return bool(self.ends or self.join or any(self.messages.values()) or self.log_events)

    def as_json(self) -> dict[str, Any]:
        """Return the traces as JSON for programs, without the bodies of messages."""
        return {
            "conversation_id": self.conversation_id,
            "found": bool(self),
            "verdict": verdict(self),
            "ends": [_end_as_json(end) for end in self.ends],
            "join": self.join and _join_as_json(self.join),
            "messages": [
                {
                    "queue": queue,
                    "message_id": message.id,
                    "source_message_id": message.source_id,
                    "sent_at": iso_time(message.sent_at_ms),
                    "reason": message.reason,
                    "detail": message.detail,
                }
                for queue, messages in self.messages.items()
                for message in messages
            ],
            "log_lines": [
                {"at": iso_time(event.at_ms), "text": describe_line(event)}
                for event in self.log_events
            ],
            "queues_cut_short": self.queues_cut_short,
            "logs_cut_short": self.logs_cut_short,
        }


def verdict(traces: Traces) -> str:
    """Return in a few sentences what the traces mean, and what to do."""
    sentences = [_end_verdict(end, traces) for end in traces.ends]
    for queue, messages in traces.messages.items():
        if messages:
            reasons = sorted({message.reason or "received too often" for message in messages})
            what_next = (
                "Look at it with queue-ends dlq show. When the cause is mended: queue-ends dlq "
                "redrive."
                if queue == "dead-letter"
                else "EventBridge could not send it to the intake queue."
            )
            sentences.append(f"In the {queue} queue: {', '.join(reasons)}. {what_next}")
    if sentences:
        return " ".join(sentences)
    if traces.join:
        return (
            "It has not ended in our queues yet. The ledger has events of it, but they make no end "
            "under the stack's end rule."
        )
    if traces.log_events:
        return "Only the log mentions it: the ledger never had it, or has forgotten it."
    more = " Not everything was read, though." if traces.queues_cut_short else ""
    return (
        "Nothing is known: it did not end in our queues, or its event never arrived. To find ends "
        f"whose events never arrived, try queue-ends backfill.{more}"
    )


def _end_verdict(end: EndItem, traces: Traces) -> str:
    subject = "It"
    if len(traces.ends) > 1:
        number = f" {end.sequence}" if end.sequence > 1 else ""
        subject = f"End{number} in queue {end.queue_id}"
    if end.is_done:
        names = join_words(end.delivered) or "no destination"
        at = format_time(end.ended_at)
        if len(traces.ends) > 1:
            return f"{subject}: delivered to {names}, ended at {at}."
        return f"It ended at {at} and was delivered to {names}."
    has = f" So far delivered to {join_words(end.delivered)}." if end.delivered else ""
    if end.lease_until >= traces.now_ms:
        until = format_time(end.lease_until)
        return f"{subject} is being processed, or was interrupted: claimed until {until}.{has}"
    if end.details_attempts:
        times = count_of(end.details_attempts, "time")
        return (
            f"{subject} waits for its details, which were asked for {times}. A delayed message "
            f"will deliver it.{has}"
        )
    return (
        f"{subject} is not delivered yet: a destination failed, or the worker was interrupted. The "
        f"message comes back, or is in the dead-letter queue.{has}"
    )


def show(traces: Traces, queue_names: Mapping[str, str]) -> Iterator[Any]:
    """Yield the traces as text, in sections."""
    yield verdict(traces)
    if traces.ends or traces.join:
        yield "\nLedger"
        items = [_describe_end(end, queue_names, traces.now_ms) for end in traces.ends]
        if traces.join:
            items.append(_describe_join(traces.join, queue_names))
        yield _indented("\n\n".join(items))
    for queue, messages in traces.messages.items():
        if messages:
            yield f"\n{queue.capitalize()} queue"
        for message in messages:
            yield _indented(_describe_message(message))
    if traces.queues_cut_short:
        yield "The queues have more messages than were looked through."
    if traces.log_events:
        yield "\nLog of the worker"
        known = [
            f"{format_time(event.at_ms)} {text}"
            for event in traces.log_events
            if (text := describe_line(event, queue_names))
        ]
        for line in known[-_SHOWN_LOG_LINES:]:
            yield _indented(line)
        if len(known) > _SHOWN_LOG_LINES:
            yield _indented(f"and {count_of(len(known) - _SHOWN_LOG_LINES, 'earlier line')}")
        if others := len(traces.log_events) - len(known):
            lines = count_of(others, "other line")
            yield _indented(f"not shown, because of possible personal data: {lines}")
    if traces.logs_cut_short:
        yield "The log has more lines than were looked through; try a shorter --since."


def _describe_end(end: EndItem, queue_names: Mapping[str, str], now_ms: int) -> str:
    sequence = f", end {end.sequence}" if end.sequence > 1 else ""
    lines = [
        _queue(end.queue_id, queue_names),
        f"state      {end.state}{sequence}",
        f"ended      {format_time(end.ended_at)}, as the {end.source} said",
        f"delivered  {' '.join(end.delivered) or 'to no destination yet'}",
    ]
    if end.earliest_at != end.latest_at:
        lines.append(f"reported   {format_time(end.earliest_at)} to {format_time(end.latest_at)}")
    if not end.is_done:
        lease = f"until {format_time(end.lease_until)}" if end.lease_until > 0 else "released"
        lines.append(f"claim      {lease}, by {end.claimed_by}")
    if end.details_attempts:
        lines.append(f"details    put off {count_of(end.details_attempts, 'time')}")
    kept = format_duration(max(0, (end.expires_at - now_ms) / 1000))
    lines.append(f"expires    {format_time(end.expires_at)}, in {kept}")
    return "\n".join(lines)


def _describe_join(join: JoinItem, queue_names: Mapping[str, str]) -> str:
    lines = ["events of the integration:"]
    for queue_id, times in join.events_by_queue.items():
        last = f", the last one {format_time(max(times))}" if times else ""
        lines.append(f"{len(times)} in {_queue(queue_id, queue_names)}{last}")
    for at_ms, decided in join.customer_ends.items():
        chosen = f", decided for {_queue(decided, queue_names)}" if decided else ""
        lines.append(f"customer's end at {format_time(at_ms)}{chosen}")
    return "\n".join(lines)


def _describe_message(message: QueueMessage) -> str:
    why = message.reason or "received too often"
    detail = f"\n{message.detail}" if message.detail else ""
    return f"{message.id}  {why}, sent {format_time(message.sent_at_ms)}{detail}"


def describe_line(event: LogEvent, queue_names: Mapping[str, str] | None = None) -> str | None:
    """Return what a line of the worker says, without fields that could hold personal data.

    Returns None for a line of another form, such as one of your action's.
    """
    match parse_worker_line(event):
        case EndLine(queue_id=queue_id):
            return f"the action got the end in {(queue_names or {}).get(queue_id, queue_id)}"
        case MessageLine() as line:
            detail = f": {line.detail}" if line.detail else ""
            receives = f", receive {line.receives}" if line.receives else ""
            return f"message {line.message_id} {line.outcome}, {line.reason}{receives}{detail}"
    return None


def _queue(queue_id: str, queue_names: Mapping[str, str]) -> str:
    name = queue_names.get(queue_id)
    return f"queue {queue_id} ({name})" if name else f"queue {queue_id}"


def _indented(text: str) -> Padding:
    return Padding(text, (0, 0, 0, 2), expand=False)


def _end_as_json(end: EndItem) -> dict[str, Any]:
    times = ("ended_at", "earliest_at", "latest_at", "expires_at")
    readable = {name: iso_time(getattr(end, name)) for name in times}
    lease = iso_time(end.lease_until) if end.lease_until > 0 else None
    return {**asdict(end), **readable, "lease_until": lease}


def _join_as_json(join: JoinItem) -> dict[str, Any]:
    return {
        "queues": {
            queue_id: [iso_time(at_ms) for at_ms in times]
            for queue_id, times in join.events_by_queue.items()
        },
        "customer_ends": [
            {"at": iso_time(at_ms), "decided_queue_id": queue_id}
            for at_ms, queue_id in join.customer_ends.items()
        ],
    }
