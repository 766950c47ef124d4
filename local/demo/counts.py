"""The demo's counts: messages by outcome, and arrivals by end."""

import json
from collections import Counter

from local.aws.emulator import Emulator
from local.aws.log_events import log_events

OUTCOMES = ("received", "processed", "duplicate", "ignored", "rejected", "failed", "ended")


def logged_outcomes(aws: Emulator, function: str) -> Counter[str]:
    """Return how many messages had each outcome and reason, from the worker's `Batch` log lines."""
    configuration = aws.client("lambda").get_function_configuration(FunctionName=function)
    counts: Counter[str] = Counter()
    for event in log_events(aws.client("logs"), configuration["LoggingConfig"]["LogGroup"]):
        if '"message":"Batch"' in event["message"]:
            line = json.loads(event["message"])
            counts.update({key: line[key] for key in OUTCOMES})
            counts.update(line["reasons"])
    return counts


def arrivals_per_end(ends: int, arrivals: int) -> list[int]:
    """Share the arrivals among a conversation's ends in a queue; return the number for each end.

    The receivers record conversation and queue, not which of several ends arrived.
    """
    each, rest = divmod(arrivals, ends)
    return [each + 1] * rest + [each] * (ends - rest)
