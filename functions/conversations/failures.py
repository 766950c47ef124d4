"""Why a step did not succeed for an end or an event. Its message comes back."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Failed:
    """A call that failed; `error` is a word for the log, such as the service's error code."""

    error: str


@dataclass(frozen=True, slots=True)
class NoTime:
    """A step that was not begun, for want of time."""


NO_TIME = NoTime()
