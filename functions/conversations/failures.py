"""The reasons why a step in the processing of an event or an end can fail."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Failed:
    """A call to another service failed.

    `error` is a single word for the log, such as the service's error code.
    """

    error: str


@dataclass(frozen=True, slots=True)
class OutOfTime:
    """The deadline passed before the step began."""


OUT_OF_TIME = OutOfTime()
