"""Why a step failed for an end or an event. Its message then fails, and is received again."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Failed:
    """A call failed. `error` is a single word for the log, such as the service's error code."""

    error: str


@dataclass(frozen=True, slots=True)
class NoTime:
    """The deadline passed before the step began."""


NO_TIME = NoTime()
