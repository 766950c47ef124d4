"""The command `tail`."""

import time
from collections.abc import Mapping
from dataclasses import asdict
from typing import Annotated, Any

import typer
from rich.table import Table

from deadline import now_ms
from ops.command import JsonOption, StageOption, command
from ops.logs.events import LogEvent, read_events
from ops.logs.lines import (
    WORKER_PATTERN,
    BatchLine,
    EndLine,
    MessageLine,
    WorkerLine,
    parse_worker_line,
)
from ops.output import Output
from ops.stack.names import queue_names
from ops.times import SinceOption, format_clock, iso_time, parse_duration

OnceOption = Annotated[bool, typer.Option("--once", help="Show the lines so far, then stop.")]

_POLL_SECONDS = 2.0
# Lines can arrive in CloudWatch Logs this much later than lines that were written after them.
_OVERLAP_MS = 120_000


class Follower:
    """Reads a growing log: each call of `poll` returns the lines that are new since the last call.

    A line that arrives late is returned late. No line is returned twice.
    """

    def __init__(self, logs: Any, group: str, since_ms: int, pattern: str = "") -> None:
        self._logs = logs
        self._group = group
        self._since_ms = since_ms
        self._pattern = pattern
        self._seen: dict[str, int] = {}

    def poll(self) -> list[LogEvent]:
        """Return the new lines in the order of their times."""
        # The newest line's time is used, as this machine's clock can be wrong.
        newest_ms = max(self._seen.values(), default=self._since_ms)
        start_ms = max(self._since_ms, newest_ms - _OVERLAP_MS)
        found = read_events(self._logs, self._group, start_ms, pattern=self._pattern).events
        new = [event for event in found if event.id not in self._seen]
        self._seen |= {event.id: event.at_ms for event in new}
        newest_ms = max(self._seen.values(), default=self._since_ms)
        self._seen = {
            id_: at_ms for id_, at_ms in self._seen.items() if at_ms >= newest_ms - _OVERLAP_MS
        }
        return new


def tail(
    since: SinceOption = "10m",
    once: OnceOption = False,
    stage: StageOption = "dev",
    json: JsonOption = False,
) -> None:
    """Follow ends as the worker processes them.

    Shows the worker's log lines: a line for each batch, for each message that was rejected or
    failed, and, if your action logs like the example, for each end. Ctrl-C stops it.
    """
    with command(stage, json=json) as cmd:
        deployed = cmd.require_deployed()
        names = queue_names(deployed.worker_variables())
        since_ms = now_ms() - parse_duration(since) * 1000
        group, logs = deployed.worker_log_group(), cmd.aws.client("logs")
        follower = Follower(logs, group, since_ms, WORKER_PATTERN)
        while True:
            for event in follower.poll():
                if line := parse_worker_line(event):
                    _show(cmd.output, line, names)
            if once:
                return
            time.sleep(_POLL_SECONDS)


def _show(output: Output, line: WorkerLine, names: Mapping[str, str]) -> None:
    match line:
        case BatchLine() | MessageLine() | EndLine():
            kinds = {BatchLine: "batch", MessageLine: "message", EndLine: "end"}
            fields = asdict(line)
            at_ms = fields.pop("at_ms")
            output.item({"kind": kinds[type(line)], "at": iso_time(at_ms), **fields})
            output.show(_row(line, names))


def _row(line: BatchLine | MessageLine | EndLine, names: Mapping[str, str]) -> Table:
    """Return a line whose text, if it is long, continues below its own beginning."""
    kind, text = _describe(line, names)
    row = Table.grid(padding=(0, 1, 0, 0))
    row.add_column(width=8)
    row.add_column(width=8)
    row.add_column(overflow="fold")
    row.add_row(format_clock(line.at_ms), kind, text)
    return row


def _describe(line: BatchLine | MessageLine | EndLine, names: Mapping[str, str]) -> tuple[str, str]:
    match line:
        case BatchLine():
            words = [f"{name} {count}" for name, count in line.counts.items() if count]
            if line.reasons:
                words.append("(" + ", ".join(f"{k} {n}" for k, n in line.reasons.items()) + ")")
            return "batch", " ".join(words)
        case EndLine():
            # Two full ids do not fit into 80 columns.
            return "end", f"{line.conversation_id} {_short_queue(line.queue_id, names)}"
        case MessageLine():
            receive = f"(receive {line.receives})" if line.receives else ""
            detail = " ".join(filter(None, (line.detail, receive)))
            first = f"{line.message_id} {line.reason}"
            return line.outcome.upper(), f"{first}\n{detail}" if detail else first


def _short_queue(queue_id: str, names: Mapping[str, str]) -> str:
    name = names.get(queue_id)
    text = name or queue_id
    return text if len(text) <= 25 else f"{text[:24]}…"
