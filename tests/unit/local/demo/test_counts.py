"""The demo counts messages by outcome from the worker's log."""

import json
from typing import Any, cast

import pytest

from local.aws.emulator import Emulator
from local.demo.counts import logged_outcomes

COMPACT: Any = {"separators": (",", ":")}
"""As the worker writes its log."""


class LoggingAws:
    """AWS with one function and its log."""

    def __init__(self, *lines: dict[str, Any]) -> None:
        self._events = [
            {"eventId": str(number), "timestamp": number, "message": json.dumps(line, **COMPACT)}
            for number, line in enumerate(lines)
        ]

    def client(self, _: str) -> Any:
        return self

    def get_function_configuration(self, **_: str) -> dict[str, Any]:
        return {"LoggingConfig": {"LogGroup": "worker"}}

    def filter_log_events(self, **_: Any) -> dict[str, Any]:
        return {"events": self._events}


def batch(**reasons: int) -> dict[str, Any]:
    return {"message": "Batch", "received": 1, "failed": 1, "reasons": reasons}


@pytest.mark.parametrize(
    ("detail", "late", "refused"),
    [("NoAnswer", 1, 0), ("Unread", 1, 0), ("AccessDeniedException", 0, 1)],
)
def test_a_refusal_of_the_ledger_is_not_taken_for_a_late_answer(
    detail: str, late: int, refused: int
) -> None:
    failure = {"message": "Message", "outcome": "failed", "reason": "ledger", "detail": detail}
    success = {"message": "Batch", "received": 1, "processed": 1, "ended": 1}
    aws = cast(Emulator, LoggingAws(failure, batch(**{"failed.ledger": 1}), success))
    outcomes = logged_outcomes(aws, "worker")
    assert (outcomes["received"], outcomes["failed"], outcomes["ended"]) == (2, 1, 1)
    assert (outcomes["failed.ledger"], outcomes["failed.ledger_refusal"]) == (late, refused)
