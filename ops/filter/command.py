"""The command `queue-ends filter test`."""

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from infra.settings.settings import KEYS
from ops.command import ContextOption, JsonOption, StageOption, command_without_account
from ops.errors import OpsError, Status
from ops.filter.events import Event, default_events, read_events, sample_events
from ops.filter.trial import Verdict, try_expression
from ops.stage_settings import load_settings

filter_app = typer.Typer(help="Try the filter of the subscription.", no_args_is_help=True)


@filter_app.callback()
def _filter() -> None:
    """Try the filter of the subscription."""


@filter_app.command("test")
def filter_test(
    expression: Annotated[
        str | None,
        typer.Argument(metavar="[EXPRESSION]", help="JSONata; without it, the stage's filter."),
    ] = None,
    events: Annotated[
        list[Path] | None,
        typer.Option("--events", metavar="FILE", help="Events as JSON or JSON Lines."),
    ] = None,
    queues: Annotated[
        list[str] | None,
        typer.Option("--queue", metavar="ID", help="Make up an event of this queue."),
    ] = None,
    *,
    stage: StageOption = "dev",
    context: ContextOption = None,
    json: JsonOption = False,
) -> None:
    """Show which events a filter matches, and why not.

    Without --events and --queue, it makes up an event of each of the stage's queues, which the
    filter must match, and one of another queue. Exit status 1 means that an event could not be
    evaluated, or that a made-up event of a queue of yours does not match.
    """
    with command_without_account(json=json) as output:
        chosen, tried = expression, [each for path in events or () for each in read_events(path)]
        tried += sample_events(queues or ())
        if chosen is None or not tried:
            settings, _ = load_settings(stage, context or ())
            chosen = settings.filter_expression if chosen is None else chosen
            tried = tried or (default_events(settings) if not events else [])
            only_with = KEYS["attribute_filter"].only_with
            if only_with and only_with.delivery != settings.delivery:
                output.note(f'With delivery = "{settings.delivery}" this filter is not used.')
        if not tried:
            raise OpsError("The files contain no events.", Status.USAGE)
        verdicts = try_expression(chosen, [event.attributes for event in tried])
        pairs = list(zip(tried, verdicts, strict=True))
        output.show(Text(chosen, style="bold"), "", *(_line(*pair) for pair in pairs))
        output.result({"expression": chosen, "events": [_as_json(*pair) for pair in pairs]})
        if any(_is_wrong(*pair) for pair in pairs):
            raise typer.Exit(Status.PROBLEM)


def _is_wrong(event: Event, verdict: Verdict) -> bool:
    return bool(verdict.error) or (event.must_match and not verdict.matches)


def _line(event: Event, verdict: Verdict) -> Table:
    if _is_wrong(event, verdict):
        symbol = Text("✗", style="red")
    else:
        symbol = Text("✓", style="green") if verdict.matches else Text("–")
    text = Text(f"{event.label}: ")
    text.append("matches" if verdict.matches else "does not match")
    lines = [verdict.error] if verdict.error else list(verdict.reasons)
    for line in [*lines, event.note]:
        if line:
            text.append(f"\n{line}")
    table = Table.grid(padding=(0, 1))
    table.add_column(width=1)
    table.add_column(overflow="fold")
    table.add_row(symbol, text)
    return table


def _as_json(event: Event, verdict: Verdict) -> dict[str, Any]:
    return {
        "event": event.label,
        "matches": verdict.matches,
        "expected": event.must_match or None,
        "result": verdict.result,
        "error": verdict.error,
        "reasons": [*verdict.reasons, *([event.note] if event.note else [])],
    }
