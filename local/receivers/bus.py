"""Records the events on the stack's bus, by a rule that copies the events to an SQS queue."""

import json
import secrets
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from local.aws.emulator import Emulator
from local.receivers.receiver import Content, End, queue_end

SOURCE = "queue-ends"


class BusRecorder:
    """The bus events that `collect` has read from the recorder's SQS queue.

    Attributes
    ----------
    identify, keeps_ends, kinds
        As in `Receiver`.
    details
        The `detail` of each event, if `keeps_ends`.
    arrivals
        For each end, the epoch seconds at which its events arrived in the queue.
    end_ids
        For each end, how often each `end_id` arrived with it.
    """

    def __init__(self, aws: Emulator, queue_url: str) -> None:
        self.identify: Callable[[Content], End] = queue_end
        self.keeps_ends = True
        self.kinds: Counter[tuple[str, str]] = Counter()
        self.details: list[dict[str, Any]] = []
        self.arrivals: defaultdict[End, list[float]] = defaultdict(list)
        self.end_ids: defaultdict[End, Counter[str]] = defaultdict(Counter)
        self._sqs = aws.client("sqs")
        self._queue_url = queue_url

    def collect(self) -> None:
        """Read the new events, and delete them from the queue."""
        while messages := self._sqs.receive_message(
            QueueUrl=self._queue_url,
            MaxNumberOfMessages=10,
            MessageSystemAttributeNames=["SentTimestamp"],
        ).get("Messages"):
            for message in messages:
                detail = json.loads(message["Body"])["detail"]
                self.kinds[detail["details"], detail["source"]] += 1
                if self.keeps_ends:
                    self.details.append(detail)
                arrived_at = int(message["Attributes"]["SentTimestamp"]) / 1000
                end = self.identify(detail)
                self.arrivals[end].append(arrived_at)
                self.end_ids[end][detail["end_id"]] += 1
            self._sqs.delete_message_batch(
                QueueUrl=self._queue_url,
                Entries=[
                    {"Id": str(number), "ReceiptHandle": message["ReceiptHandle"]}
                    for number, message in enumerate(messages)
                ],
            )


@contextmanager
def record_bus(aws: Emulator, bus_name: str) -> Iterator[BusRecorder]:
    """Record the events on a bus, whose name is the stack's output `EndsBusName`."""
    sqs, eventbridge = aws.client("sqs"), aws.client("events")
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
    eventbridge.put_rule(**rule, EventPattern=json.dumps({"source": [SOURCE]}))
    target_rule = {"Rule": name, "EventBusName": bus_name}
    eventbridge.put_targets(**target_rule, Targets=[{"Id": "recorder", "Arn": arn}])
    try:
        yield BusRecorder(aws, queue_url)
    finally:
        # A bus that has rules cannot be deleted.
        eventbridge.remove_targets(**target_rule, Ids=["recorder"])
        eventbridge.delete_rule(**rule)
        sqs.delete_queue(QueueUrl=queue_url)
