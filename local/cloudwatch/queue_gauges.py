"""Measures the depth of an SQS queue and the age of its oldest message, as SQS does at intervals.

Source: Amazon SQS Developer Guide, "Available CloudWatch metrics for Amazon SQS".
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import requests

from local.aws.emulator import Emulator
from local.cloudwatch.embedded_metrics import Metric

MAX_RECEIVES = 3
"""A message with more receives does not count as the oldest message of its queue."""
_COUNTS = {
    f"ApproximateNumberOfMessages{attribute}": f"ApproximateNumberOfMessages{metric}"
    for attribute, metric in (("", "Visible"), ("NotVisible", "NotVisible"), ("Delayed", "Delayed"))
}


class QueueGauges:
    """The depth of an SQS queue in the emulator, and the age of the queue's oldest message."""

    def __init__(self, aws: Emulator, url: str) -> None:
        self._sqs = aws.client("sqs")
        self._name = url.rpartition("/")[2]
        self._url = f"{aws.endpoint}/{aws.account}/{self._name}"
        self._messages_url = f"{aws.endpoint}/_ministack/sqs/messages"
        self._query = {"account": aws.account, "region": aws.region, "QueueUrl": self._url}
        self._http = requests.Session()
        # Calls to the emulator must not use the user's proxy.
        self._http.trust_env = False
        self._http.verify = aws.environment.get("SSL_CERT_FILE", True)
        self._entry_times: dict[str, float] = {}

    def measure(self, now: float, ahead: float) -> Iterator[Metric]:
        """Yield the queue's metrics for CloudWatch's time `now`; nothing if the queue is deleted.

        Parameters
        ----------
        ahead
            The seconds by which CloudWatch's clock is ahead of this machine's.
        """
        try:
            counts = self._sqs.get_queue_attributes(
                QueueUrl=self._url, AttributeNames=list(_COUNTS)
            )["Attributes"]
        except self._sqs.exceptions.QueueDoesNotExist:
            return
        queue = {"QueueName": self._name}
        for attribute, metric in _COUNTS.items():
            yield Metric("AWS/SQS", metric, queue, "Count", now, (float(counts[attribute]),))
        age = self._age_of_oldest(now, ahead) if any(map(int, counts.values())) else 0
        yield Metric("AWS/SQS", "ApproximateAgeOfOldestMessage", queue, "Seconds", now, (age,))

    def _age_of_oldest(self, now: float, ahead: float) -> float:
        """Return the age of the oldest message in seconds; 0 if no message counts.

        A message with more than `MAX_RECEIVES` receives does not count. A message that SQS moved to
        a dead-letter queue always counts, and its age begins with this move. When CloudWatch's time
        is put forward, all messages in the queue get older.
        """
        entry_times: dict[str, float] = {}
        counted = []
        for message in self._messages():
            redriven = "DeadLetterQueueSourceArn" in message["Attributes"]
            begins = now if redriven else message["SentTimestamp"] + ahead
            entry_times[message["MessageId"]] = self._entry_times.get(message["MessageId"], begins)
            if redriven or message["ReceiveCount"] <= MAX_RECEIVES:
                counted.append(entry_times[message["MessageId"]])
        self._entry_times = entry_times
        return max(now - min(counted), 0) if counted else 0

    def _messages(self) -> list[dict[str, Any]]:
        """Return all messages in the queue without receiving them."""
        response = self._http.get(self._messages_url, params=self._query, timeout=10)
        response.raise_for_status()
        return [
            message
            for regions in response.json()["messages"].values()
            for queues in regions.values()
            for messages in queues.values()
            for message in messages
        ]
