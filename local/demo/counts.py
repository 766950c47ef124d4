"""Counts the messages of a demo run by outcome."""

import json
from collections import Counter

from local.aws.emulator import Emulator
from local.aws.log_events import log_events

FIELDS = ("received", "processed", "duplicate", "ignored", "rejected", "failed", "ended")


def logged_outcomes(aws: Emulator, function: str) -> Counter[str]:
    """Return the number of messages by outcome and reason, from the worker's `Batch` log lines."""
    configuration = aws.client("lambda").get_function_configuration(FunctionName=function)
    counts: Counter[str] = Counter()
    for event in log_events(aws.client("logs"), configuration["LoggingConfig"]["LogGroup"]):
        if '"message":"Batch"' in event["message"]:
            line = json.loads(event["message"])
            counts.update({key: line[key] for key in FIELDS})
            counts.update(line["reasons"])
    return counts
