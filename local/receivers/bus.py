"""A recorder on the bus: its own rule sends the bus's events to a queue."""

import json
import secrets
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from local.aws.emulator import Emulator
from local.receivers.receiver import End

SOURCE = "queue-ends"


class BusRecorder:
    """The events of the bus that `collect` has taken from the recorder's queue.

    Attributes
    ----------
    details
        The events' details.
    arrivals
        The times, in epoch seconds, at which the rule sent each end to the queue.
    """

    def __init__(self, aws: Emulator, queue_url: str) -> None:
        self.details: list[dict[str, Any]] = []
        self.arrivals: defaultdict[End, list[float]] = defaultdict(list)
        self._sqs = aws.client("sqs")
        self._queue_url = queue_url

    def collect(self) -> None:
        """Take the new events from the queue."""
        while messages := self._sqs.receive_message(
            QueueUrl=self._queue_url,
            MaxNumberOfMessages=10,
            MessageSystemAttributeNames=["SentTimestamp"],
        ).get("Messages"):
            for message in messages:
                detail = json.loads(message["Body"])["detail"]
                self.details.append(detail)
                at = int(message["Attributes"]["SentTimestamp"]) / 1000
                self.arrivals[detail["conversation_id"], detail["queue_id"]].append(at)
            self._sqs.delete_message_batch(
                QueueUrl=self._queue_url,
                Entries=[
                    {"Id": str(number), "ReceiptHandle": message["ReceiptHandle"]}
                    for number, message in enumerate(messages)
                ],
            )


@contextmanager
def bus_recorder(aws: Emulator, bus_name: str) -> Iterator[BusRecorder]:
    """Record the events of a bus (the stack's output `EndsBusName`) from now on."""
    sqs, events = aws.client("sqs"), aws.client("events")
    name = f"recorder-{secrets.token_hex(4)}"
    arn = f"arn:aws:sqs:{aws.region}:{aws.account}:{name}"
    policy = {
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": arn,
    }
    attributes = {"Policy": json.dumps({"Version": "2012-10-17", "Statement": [policy]})}
    queue_url = sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
    rule = {"Name": name, "EventBusName": bus_name}
    events.put_rule(**rule, EventPattern=json.dumps({"source": [SOURCE]}))
    targets_of = {"Rule": name, "EventBusName": bus_name}
    events.put_targets(**targets_of, Targets=[{"Id": "recorder", "Arn": arn}])
    try:
        yield BusRecorder(aws, queue_url)
    finally:
        # A bus with rules cannot be deleted.
        events.remove_targets(**targets_of, Ids=["recorder"])
        events.delete_rule(**rule)
        sqs.delete_queue(QueueUrl=queue_url)
