"""What CloudWatch says of a queue from time to time, whatever happens in it.

Source: Amazon SQS Developer Guide, "Available CloudWatch metrics for Amazon SQS".
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import requests

from local.aws.emulator import Emulator
from local.cloudwatch.embedded_metrics import Metric

RECEIVES = 3
"""How often a message may have been received that counts as the oldest."""
_COUNTS = {
    f"ApproximateNumberOfMessages{attribute}": f"ApproximateNumberOfMessages{metric}"
    for attribute, metric in (("", "Visible"), ("NotVisible", "NotVisible"), ("Delayed", "Delayed"))
}


class QueueGauges:
    """How many messages are in a queue of the emulator's, and how old the oldest is."""

    def __init__(self, aws: Emulator, url: str) -> None:
        self._sqs = aws.client("sqs")
        self._name = url.rpartition("/")[2]
        self._url = f"{aws.endpoint}/{aws.account}/{self._name}"
        self._peek = f"{aws.endpoint}/_ministack/sqs/messages"
        self._asked = {"account": aws.account, "region": aws.region, "QueueUrl": self._url}
        self._http = requests.Session()
        # No proxy stands between us and the emulator.
        self._http.trust_env = False
        self._http.verify = aws.environment.get("SSL_CERT_FILE", True)
        self._entered: dict[str, float] = {}

    def at(self, now: float, ahead: float) -> Iterator[Metric]:
        """Yield what there is to say at CloudWatch's time `now`; nothing of a queue that is gone.

        Parameters
        ----------
        ahead
            By how many seconds that time is put forward.
        """
        try:
            counts = self._sqs.get_queue_attributes(
                QueueUrl=self._url, AttributeNames=list(_COUNTS)
            )["Attributes"]
        except self._sqs.exceptions.QueueDoesNotExist:
            return
        of_queue = {"QueueName": self._name}
        for attribute, metric in _COUNTS.items():
            yield Metric("AWS/SQS", metric, of_queue, "Count", now, (float(counts[attribute]),))
        age = self._age_of_oldest(now, ahead) if any(map(int, counts.values())) else 0
        name = "ApproximateAgeOfOldestMessage"
        yield Metric("AWS/SQS", name, of_queue, "Seconds", now, (age,))

    def _age_of_oldest(self, now: float, ahead: float) -> float:
        """Return the age in seconds, 0 where no message counts.

        One that was received often does not count; one that was moved to a dead-letter queue
        counts from then. Time that CloudWatch was put forward by ages what was there before.
        """
        entered: dict[str, float] = {}
        counted = []
        for message in self._messages():
            moved = "DeadLetterQueueSourceArn" in message["Attributes"]
            begins = now if moved else message["SentTimestamp"] + ahead
            entered[message["MessageId"]] = self._entered.get(message["MessageId"], begins)
            if moved or message["ReceiveCount"] <= RECEIVES:
                counted.append(entered[message["MessageId"]])
        self._entered = entered
        return max(now - min(counted), 0) if counted else 0

    def _messages(self) -> list[dict[str, Any]]:
        """Return all messages in the queue without receiving them."""
        answer = self._http.get(self._peek, params=self._asked, timeout=10)
        answer.raise_for_status()
        return [
            message
            for of_regions in answer.json()["messages"].values()
            for of_queues in of_regions.values()
            for messages in of_queues.values()
            for message in messages
        ]
