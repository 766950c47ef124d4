"""What the demo counts: messages by the worker's log, and arrivals at the destinations."""

import json
from collections import Counter

from local.aws.emulator import Emulator
from local.aws.log_events import log_events

OUTCOMES = ("received", "processed", "duplicate", "ignored", "rejected", "failed", "ended")


def worker_log(aws: Emulator, function: str) -> Counter[str]:
    """Return how many messages had each outcome and reason, by the worker's lines for batches."""
    configuration = aws.client("lambda").get_function_configuration(FunctionName=function)
    counts: Counter[str] = Counter()
    for event in log_events(aws.client("logs"), configuration["LoggingConfig"]["LogGroup"]):
        if '"message":"Batch"' in event["message"]:
            line = json.loads(event["message"])
            counts.update({key: line[key] for key in OUTCOMES})
            counts.update(line["reasons"])
    return counts


def shared_among(ends: int, arrivals: int) -> list[int]:
    """Return how often each of several ends of a conversation in a queue arrived.

    Destinations are told apart by conversation and queue, so that it is enough that all did.
    """
    each, over = divmod(arrivals, ends)
    return [each + 1] * over + [each] * (ends - over)
