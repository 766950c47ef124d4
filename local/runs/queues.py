"""The messages in a run's SQS queues."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

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


def count_messages(aws: Emulator, queue_url: str, *, only_visible: bool = False) -> int:
    """Return the number of messages in a queue; also the hidden and delayed ones, by default."""
    states = ("",) if only_visible else ("", "NotVisible", "Delayed")
    names = [f"ApproximateNumberOfMessages{state}" for state in states]
    response = aws.client("sqs").get_queue_attributes(QueueUrl=queue_url, AttributeNames=names)
    return sum(int(response["Attributes"][name]) for name in names)


def count_sent_messages(aws: Emulator, queue_url: str) -> int:
    """Return the number of messages that were sent to a queue, by whomever, in the last day."""
    now = datetime.now(UTC)
    metric = {
        "Namespace": "AWS/SQS",
        "MetricName": "NumberOfMessagesSent",
        "Dimensions": [{"Name": "QueueName", "Value": queue_url.rpartition("/")[2]}],
    }
    query = {"Id": "sent", "MetricStat": {"Metric": metric, "Period": 60, "Stat": "Sum"}}
    response = aws.client("cloudwatch").get_metric_data(
        MetricDataQueries=[query],
        StartTime=now - timedelta(days=1),
        EndTime=now + timedelta(minutes=1),
    )
    return sum(round(value) for one in response["MetricDataResults"] for value in one["Values"])


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
