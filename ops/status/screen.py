"""Shows a stack's state on a screen of 80 columns."""

from collections.abc import Iterator, Mapping

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from ops.stack.ledger import LastEnds
from ops.status.overview import LastHour, Overview, QueueState
from ops.times import format_duration, format_time


def screen(overview: Overview, queue_names: Mapping[str, str]) -> Iterator[RenderableType]:
    """Yield the parts of the screen.

    Parameters
    ----------
    queue_names
        The known names of the queues, keyed by id.
    """
    yield _heads(overview)
    yield _queues(overview.queues)
    yield from _last_hour(overview.last_hour)
    yield ""
    yield from _last_ends(overview.last_ends, queue_names)
    yield ""
    alarms = overview.alarms
    for name in alarms.on:
        yield Text(f"ALARM         {name}", style="bold red")
    others = f"{alarms.ok} OK, {alarms.insufficient_data} without data"
    yield f"Alarms        {len(alarms.on)} on, {others}"


def _heads(overview: Overview) -> RenderableType:
    table = _make_table(13, 66)
    table.add_row("Stack", overview.stack_status)
    table.add_row("Genesys Cloud", f"{overview.resource_id or 'no id'}\n{_watchdog(overview)}")
    table.add_row("Mapping", overview.mapping)
    return table


def _watchdog(overview: Overview) -> str:
    if not overview.has_watchdog:
        return "there is no watchdog to check it"
    result = overview.watchdog
    if result is None:
        return "the watchdog had no result in the last hour"
    first = f"{result.message.lower()} at {format_time(result.at_ms)} (watchdog)"
    return "\n".join([first, *result.differences])


def _queues(queues: list[QueueState]) -> RenderableType:
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, show_edge=False)
    table.add_column("Queue", min_width=13)
    for heading in ("visible", "in flight", "delayed", "oldest"):
        table.add_column(heading, justify="right", min_width=8)
    for queue in queues:
        counts = queue.counts
        oldest = "" if queue.oldest_seconds is None else format_duration(queue.oldest_seconds)
        numbers = (counts.visible, counts.in_flight, counts.delayed)
        table.add_row(queue.name, *map(str, numbers), oldest)
    return table


def _last_hour(hour: LastHour) -> Iterator[RenderableType]:
    counts = "  ".join(f"{name} {count}" for name, count in hour.counts.items() if count)
    lines = [counts or "nothing received"]
    if hour.mean_ms is not None and hour.max_ms is not None:
        mean, longest = format_duration(hour.mean_ms / 1000), format_duration(hour.max_ms / 1000)
        lines.append(f"latency: mean {mean}, maximum {longest}")
    if hour.cut_short:
        lines.append("the log is too long to read all of it: the counts are too low")
    table = _make_table(13, 66)
    table.add_row("Last hour", "\n".join(lines))
    yield table


def _last_ends(last_ends: LastEnds, queue_names: Mapping[str, str]) -> Iterator[RenderableType]:
    first = "first " if last_ends.cut_short else ""
    of = f"of the {first}{last_ends.items_read:,} items in the ledger"
    if not last_ends.ends:
        yield f"Last ends {of}: none"
        return
    yield f"Last ends {of} (conversation and queue)"
    table = _make_table(36, 20, 22)
    for end in last_ends.ends:
        again = f" (end {end.sequence})" if end.sequence > 1 else ""
        table.add_row(end.conversation_id, format_time(end.ended_at), end.state + again)
        name = queue_names.get(end.queue_id, "")
        table.add_row(end.queue_id, name, " ".join(end.delivered) or "no destination yet")
    yield table


def _make_table(*widths: int) -> Table:
    """Return a table without lines, whose columns have these widths."""
    table = Table.grid(padding=(0, 1, 0, 0))
    for width in widths:
        table.add_column(width=width, overflow="fold")
    return table
