"""The messages in a run's SQS queues."""

from collections.abc import Iterator
from dataclasses import dataclass

from local.aws.emulator import Emulator


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message in the dead-letter queue.

    `source_message_id` and `reason` are set by the worker. They are empty if SQS moved the message
    to the dead-letter queue.
    """

    source_message_id: str
    reason: str
    body: str


def count_messages(aws: Emulator, queue_url: str) -> int:
    """Return the number of messages in a queue, including hidden and delayed messages."""
    names = [f"ApproximateNumberOfMessages{state}" for state in ("", "NotVisible", "Delayed")]
    response = aws.client("sqs").get_queue_attributes(QueueUrl=queue_url, AttributeNames=names)
    return sum(int(response["Attributes"][name]) for name in names)


def receive_dead_letters(aws: Emulator, queue_url: str) -> Iterator[DeadLetter]:
    """Yield the messages in the dead-letter queue, and hide them from later calls for an hour."""
    sqs = aws.client("sqs")
    while messages := sqs.receive_message(
        QueueUrl=queue_url,
        MaxNumberOfMessages=10,
        VisibilityTimeout=3600,
        MessageAttributeNames=["All"],
    ).get("Messages"):
        for message in messages:
            attributes = message.get("MessageAttributes", {})
            source_message_id, reason = (
                attributes.get(name, {}).get("StringValue", "")
                for name in ("source_message_id", "reason")
            )
            yield DeadLetter(source_message_id, reason, message["Body"])
