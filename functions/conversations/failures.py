"""The reasons why a step in the processing of an event or an end can fail."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Failed:
    """A call to another service failed.

    Attributes
    ----------
    error
        A single word for the log, such as the service's error code.
    reason
        What failed: a read or write of the ledger, or sending a settle event. It becomes the reason
        of the message's outcome.
    """

    error: str
    reason: Literal["ledger", "settling"] = "ledger"


@dataclass(frozen=True, slots=True)
class OutOfTime:
    """The deadline passed before the step began."""


OUT_OF_TIME = OutOfTime()
