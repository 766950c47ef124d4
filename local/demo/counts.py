"""Counts the messages of a demo run by outcome."""

import json
from collections import Counter

from dynamodb.reads import UNREAD
from dynamodb.writes import NO_ANSWER
from local.aws.emulator import Emulator
from local.aws.log_events import log_events

LATE = (NO_ANSWER, UNREAD, "NoTime", "span not recorded")
"""What the worker logs if the ledger answers too late, as on a busy machine."""
FIELDS = ("received", "processed", "duplicate", "ignored", "rejected", "failed", "ended")


def logged_outcomes(aws: Emulator, function: str) -> Counter[str]:
    """Return the number of messages by outcome and reason, from the worker's log lines.

    `failed.ledger` is the number of messages for which the ledger answered too late. If it refused
    a call, the count is `failed.ledger_refusal`.
    """
    configuration = aws.client("lambda").get_function_configuration(FunctionName=function)
    counts: Counter[str] = Counter()
    for event in log_events(aws.client("logs"), configuration["LoggingConfig"]["LogGroup"]):
        if '"message":"Batch"' in event["message"]:
            line = json.loads(event["message"])
            counts.update({key: line.get(key, 0) for key in FIELDS})
            counts.update(line.get("reasons", {}))
        elif '"reason":"ledger"' in event["message"]:
            line = json.loads(event["message"])
            if line["detail"] not in LATE:
                counts.update({"failed.ledger": -1, "failed.ledger_refusal": 1})
    return counts
