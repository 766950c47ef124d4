"""The clean-up after a run, whether it succeeds, fails or is interrupted."""

from collections.abc import Callable
from contextlib import ExitStack

from local.aws.emulator import EmulatorFailed
from local.aws.project import DeployFailed
from local.interruption import ignore_signals, stop_on_signals
from local.runs.screen import Screen


class RunFailed(Exception):
    """A run did not have the expected result; the message says why."""


def run_and_clean_up(screen: Screen, run: Callable[[ExitStack], None]) -> int:
    """Call `run`, then the clean-up that `run` has registered, and return the exit status."""
    try:
        with stop_on_signals(), ExitStack() as cleanup:
            run(cleanup)
            ignore_signals()
    except KeyboardInterrupt:
        screen.note("Interrupted: all processes of the run have been stopped.")
        return 130
    except (DeployFailed, EmulatorFailed, RunFailed) as error:
        screen.note(f"FAILED: {error}")
        return 1
    return 0
