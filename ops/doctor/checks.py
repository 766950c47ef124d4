"""Checks, their results, and the examination that runs them in order."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from botocore.exceptions import BotoCoreError, ClientError

from genesys.errors import GenesysError, Unreachable, UserFacingError
from ops.doctor.advice import explain
from ops.doctor.examination import Examination
from ops.errors import OpsError
from time_limit import time_limit

LOGIN = "Genesys Cloud login"
"""The name of the check that all other questions to Genesys Cloud depend on."""
# A check that overruns the examination's deadline by this many seconds is interrupted.
_OVERRUN_SECONDS = 5.0
DENIED = ("AccessDenied", "AccessDeniedException", "UnauthorizedOperation")
"""AWS's error codes for a role that lacks a permission."""


class State(StrEnum):
    """The state of a check: a tick, a warning, a cross, or nothing to say yet."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Result:
    """What a check found.

    Attributes
    ----------
    detail
        What was found; it can have several lines.
    fix
        What to do about it; empty if nothing has to be done.
    """

    state: State
    detail: str
    fix: str = ""


def ok(detail: str) -> Result:
    """Return the result of a check that found all well."""
    return Result(State.OK, detail)


def warning(detail: str, fix: str) -> Result:
    """Return the result of a check that found something that may be wrong."""
    return Result(State.WARNING, detail, fix)


def failed(detail: str, fix: str) -> Result:
    """Return the result of a check that found something wrong."""
    return Result(State.FAILED, detail, fix)


def skipped(reason: str) -> Result:
    """Return the result of a check that cannot say anything yet."""
    return Result(State.SKIPPED, reason)


@dataclass(frozen=True, slots=True)
class Check:
    """A check of the sequence.

    Attributes
    ----------
    run
        Returns what was found, and may put facts into the examination for later checks. It returns
        None if there is nothing to check with these settings.
    needs
        The names of the earlier checks whose facts this check uses.
    """

    name: str
    run: Callable[[Examination], Result | None]
    needs: tuple[str, ...] = ()


def run_checks(checks: Sequence[Check], examination: Examination) -> Iterator[tuple[Check, Result]]:
    """Run the checks in order, and yield each with its result as soon as there is one.

    A check is skipped if a check that it needs was skipped, failed or could not be carried out.
    """
    unavailable: set[str] = set()
    for check in checks:
        missing = [name for name in check.needs if name in unavailable]
        if missing:
            result: Result | None = skipped(f"needs: {missing[0]}")
            unavailable.add(check.name)
        else:
            result = _run(check, examination, unavailable)
        if result is None:
            continue
        if result.state in (State.FAILED, State.SKIPPED):
            unavailable.add(check.name)
        yield check, result


def _run(check: Check, examination: Examination, unavailable: set[str]) -> Result | None:
    seconds_left = max(examination.deadline.left(), 0.0)
    try:
        with time_limit(seconds_left + _OVERRUN_SECONDS):
            return check.run(examination)
    except TimeoutError:
        unavailable.add(check.name)
        return failed("gave no answer in time", "Check this machine's network, or try again.")
    except OpsError as error:
        unavailable.add(check.name)
        return failed(str(error), "Deploy again.")
    except UserFacingError as error:
        unavailable.add(check.name)
        return failed(str(error), "Deploy again.")
    except GenesysError as error:
        # One cross says that Genesys Cloud does not answer; the other checks need not ask again.
        if isinstance(error, Unreachable) or error.status == 429:
            unavailable.add(LOGIN)
        unavailable.add(check.name)
        return failed(*explain(error, examination))
    except ClientError as error:
        unavailable.add(check.name)
        if error.response["Error"]["Code"] in DENIED:
            denied = f"could not check: AWS denies you {error.operation_name}"
            return warning(denied, "Use an AWS profile that may read the stack.")
        return failed(f"AWS refused {error.operation_name}: {error}", "Correct this, or try again.")
    except BotoCoreError as error:
        unavailable.add(check.name)
        return failed(f"AWS could not be asked: {error}", "Check your profile, region and network.")
