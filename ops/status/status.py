"""The command `status`."""

import typer

from ops.command import JsonOption, StageOption, command
from ops.errors import Status
from ops.stack.names import queue_names
from ops.status.overview import look
from ops.status.screen import screen


def status(stage: StageOption = "dev", json: JsonOption = False) -> None:
    """Show the stack's state on one screen.

    Exit status 1 means that an alarm is on, the stack's last deploy failed, the worker's event
    source mapping is disabled, or the watchdog found a difference in Genesys Cloud.
    """
    with command(stage, json=json) as cmd:
        deployed = cmd.require_deployed()
        overview = look(deployed)
        problems = overview.problems()
        cmd.output.show(*screen(overview, queue_names(deployed.worker_variables())))
        if problems:
            cmd.output.show("", *[f"! {problem}" for problem in problems])
        cmd.output.result(overview.as_json())
        if problems:
            raise typer.Exit(Status.PROBLEM)
