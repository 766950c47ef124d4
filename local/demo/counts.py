"""What of a run can be counted: by the worker's log, in the queues, at the destinations."""

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


def messages_in(aws: Emulator, queue_url: str) -> int:
    """Return how many messages are in a queue, whether they can be received now or not."""
    kinds = [f"ApproximateNumberOfMessages{kind}" for kind in ("", "NotVisible", "Delayed")]
    answer = aws.client("sqs").get_queue_attributes(QueueUrl=queue_url, AttributeNames=kinds)
    return sum(int(answer["Attributes"][kind]) for kind in kinds)


def dead_letters(aws: Emulator, queue_url: str, so_far: Counter[str]) -> Counter[str]:
    """Return the messages in the dead-letter queue by reason; those seen before stay hidden."""
    found = Counter(so_far)
    while (
        messages := aws.client("sqs")
        .receive_message(
            QueueUrl=queue_url,
            MaxNumberOfMessages=10,
            VisibilityTimeout=3600,
            MessageAttributeNames=["reason"],
        )
        .get("Messages")
    ):
        for message in messages:
            attributes = message.get("MessageAttributes", {})
            found[attributes.get("reason", {}).get("StringValue", "failed too often")] += 1
    return found


def shared_among(ends: int, arrivals: int) -> list[int]:
    """Return how often each of several ends of a conversation in a queue arrived.

    Destinations are told apart by conversation and queue, so that it is enough that all did.
    """
    each, over = divmod(arrivals, ends)
    return [each + 1] * over + [each] * (ends - over)
