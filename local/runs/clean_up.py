"""The clean-up after a run that succeeds, fails or is interrupted."""

from collections.abc import Callable
from contextlib import ExitStack

from local.aws.emulator import EmulatorFailed
from local.aws.project import DeployFailed
from local.interruption import ignore_signals, stopped_by_signals
from local.runs.screen import Screen


class Unbalanced(Exception):
    """The account does not balance, or the stack left something behind."""


def run_and_clean_up(screen: Screen, run: Callable[[ExitStack], None]) -> int:
    """Call `run`, stop everything that it started, and return the exit status."""
    try:
        with stopped_by_signals(), ExitStack() as cleanup:
            run(cleanup)
            ignore_signals()
    except KeyboardInterrupt:
        screen.note("Interrupted: all processes of the run have been stopped.")
        return 130
    except (DeployFailed, EmulatorFailed, Unbalanced) as error:
        screen.note(f"FAILED: {error}")
        return 1
    return 0
