"""The command `queue-ends doctor`."""

import time
from pathlib import Path
from typing import Any

import typer
from rich.table import Table
from rich.text import Text

from deadline import Deadline
from ops.command import ContextOption, JsonOption, StageOption, command_without_account
from ops.deployed import stack_name
from ops.doctor.checks import Check, Result, State, run_checks
from ops.doctor.examination import Examination
from ops.doctor.sequence import CHECKS
from ops.errors import Status
from ops.words import count_of

_PROJECT = Path(__file__).resolve().parents[2]
# The operator waits, so requests to Genesys Cloud end after this time, even if it hangs.
GENESYS_SECONDS = 20.0
_SYMBOLS = {
    State.OK: ("✓", "green"),
    State.WARNING: ("!", "yellow"),
    State.FAILED: ("✗", "red"),
    State.SKIPPED: ("–", "dim"),
}
_NAME_WIDTH = max(len(check.name) for check in CHECKS)


def doctor(
    stage: StageOption = "dev", context: ContextOption = None, json: JsonOption = False
) -> None:
    """Check all that Queue Ends needs, before and after a deploy.

    Each line is a tick, a warning (!), a cross with what to do, or a dash for a check that was
    skipped. Nothing is changed. Exit status 1 means that there is a cross.
    """
    with command_without_account(json=json) as output:
        output.show(stack_name(stage), "")
        ends_at = time.monotonic() + GENESYS_SECONDS
        deadline = Deadline(lambda: ends_at - time.monotonic())
        examination = Examination(stage, context or (), _PROJECT, deadline)
        results = []
        for check, result in run_checks(CHECKS, examination):
            output.show(_line(check, result))
            results.append((check, result))
        failures, warnings = (
            sum(result.state == state for _, result in results)
            for state in (State.FAILED, State.WARNING)
        )
        output.show("", _summary(failures, warnings))
        output.result({"checks": [_as_json(check, result) for check, result in results]})
        if failures:
            raise typer.Exit(Status.PROBLEM)


def _summary(failures: int, warnings: int) -> str:
    to_correct = f"{failures} to correct" if failures else "Nothing to correct"
    return f"{to_correct}, {count_of(warnings, 'warning')}." if warnings else f"{to_correct}."


def _line(check: Check, result: Result) -> Table:
    symbol, style = _SYMBOLS[result.state]
    table = Table.grid(padding=(0, 1))
    table.add_column(width=1)
    table.add_column(width=_NAME_WIDTH)
    table.add_column(overflow="fold")
    text = Text(result.detail)
    if result.fix:
        text.append(f"\n→ {result.fix}", style="bold")
    table.add_row(Text(symbol, style=style), check.name, text)
    return table


def _as_json(check: Check, result: Result) -> dict[str, Any]:
    return {
        "name": check.name,
        "status": result.state.value,
        "detail": result.detail,
        "fix": result.fix,
    }
