"""The number of messages in a queue, and their age."""

from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

_ATTRIBUTES = {
    "visible": "ApproximateNumberOfMessages",
    "in_flight": "ApproximateNumberOfMessagesNotVisible",
    "delayed": "ApproximateNumberOfMessagesDelayed",
}
# CloudWatch gets the age of the oldest message once a minute, and can be some minutes late.
_AGE_PERIOD = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class QueueCounts:
    """The approximate number of messages in a queue.

    Attributes
    ----------
    visible
        The messages that can be received now.
    in_flight
        The messages that somebody has received, and neither deleted nor given back.
    delayed
        The messages that cannot be received yet, such as ends that wait for their details.
    """

    visible: int
    in_flight: int
    delayed: int

    @property
    def total(self) -> int:
        return self.visible + self.in_flight + self.delayed

    def as_dict(self) -> dict[str, int]:
        return asdict(self)


def count_messages(sqs: Any, url: str) -> QueueCounts:
    """Return the number of messages in a queue."""
    response = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=[*_ATTRIBUTES.values()])
    attributes = response["Attributes"]
    return QueueCounts(**{key: int(attributes.get(name, 0)) for key, name in _ATTRIBUTES.items()})


def read_oldest_age(cloudwatch: Any, url: str) -> int | None:
    """Return the age of a queue's oldest message in seconds; None if CloudWatch has no value."""
    now = datetime.now(UTC)
    dimensions = [{"Name": "QueueName", "Value": url.rpartition("/")[2]}]
    response = cloudwatch.get_metric_statistics(
        Namespace="AWS/SQS",
        MetricName="ApproximateAgeOfOldestMessage",
        Dimensions=dimensions,
        StartTime=now - _AGE_PERIOD,
        EndTime=now,
        Period=60,
        Statistics=["Maximum"],
    )
    points = sorted(response["Datapoints"], key=lambda point: point["Timestamp"])
    return int(points[-1]["Maximum"]) if points else None
