"""How a run ends, whether it succeeds, fails or is interrupted."""

from collections.abc import Callable
from contextlib import ExitStack

from local.aws.emulator import EmulatorFailed
from local.aws.project import DeployFailed
from local.interruption import ignore_signals, stopped_by_signals
from local.runs.screen import Screen


class Unbalanced(Exception):
    """The account does not add up, or something was left behind."""


def carry_out(screen: Screen, run: Callable[[ExitStack], None]) -> int:
    """Carry out a run, and stop everything that it started; return the exit status."""
    try:
        with stopped_by_signals(), ExitStack() as cleanup:
            run(cleanup)
            ignore_signals()
    except KeyboardInterrupt:
        screen.note("Interrupted; everything that was started has been stopped.")
        return 130
    except (DeployFailed, EmulatorFailed, Unbalanced) as error:
        screen.note(f"FAILED: {error}")
        return 1
    return 0
