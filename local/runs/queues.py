"""The messages left in a run's queues."""

from collections.abc import Iterator
from dataclasses import dataclass

from local.aws.emulator import Emulator


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message in the dead-letter queue; after a redrive `source_id` and `reason` are empty."""

    source_id: str
    reason: str
    body: str


def messages_in(aws: Emulator, queue_url: str) -> int:
    """Return how many messages a queue holds, whether visible or not."""
    kinds = [f"ApproximateNumberOfMessages{kind}" for kind in ("", "NotVisible", "Delayed")]
    answer = aws.client("sqs").get_queue_attributes(QueueUrl=queue_url, AttributeNames=kinds)
    return sum(int(answer["Attributes"][kind]) for kind in kinds)


def new_dead_letters(aws: Emulator, queue_url: str) -> Iterator[DeadLetter]:
    """Yield the messages of the dead-letter queue and hide them from the next call."""
    sqs = aws.client("sqs")
    while messages := sqs.receive_message(
        QueueUrl=queue_url,
        MaxNumberOfMessages=10,
        VisibilityTimeout=3600,
        MessageAttributeNames=["All"],
    ).get("Messages"):
        for message in messages:
            attributes = message.get("MessageAttributes", {})
            source, reason = (
                attributes.get(name, {}).get("StringValue", "")
                for name in ("source_message_id", "reason")
            )
            yield DeadLetter(source, reason, message["Body"])
