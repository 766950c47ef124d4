"""Record what arrives at a webhook and at the bus, each end with the moments of its arrival."""

import base64
import hashlib
import hmac
import json
import secrets
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from local.aws.emulator import Emulator
from local.http.messages import Answer, Request
from local.http.server import HttpServer
from local.receivers.crm import End

TOLERANCE = 300
"""Seconds by which a webhook's timestamp may be wrong."""
SOURCE = "queue-ends"


class WebhookReceiver:
    """What a webhook was sent, by Standard Webhooks; what is not signed with its key is refused.

    Attributes
    ----------
    server
        What it listens with.
    secret
        The key that signs, as the secret of the setting `webhook_secret` holds it.
    refusals
        How often it is to refuse the ends of a conversation before it takes them.
    received
        When it took each `webhook-id`, in `time.time()` seconds.
    ends
        The end of each `webhook-id`.
    refused
        How often it has refused each end.
    forged
        How many requests had no good signature or timestamp.
    """

    server: HttpServer

    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)
        self.secret = "whsec_" + base64.b64encode(self._key).decode()
        self.refusals: dict[str, int] = {}
        self.received: defaultdict[str, list[float]] = defaultdict(list)
        self.ends: dict[str, End] = {}
        self.refused: Counter[End] = Counter()
        self.forged = 0
        self._lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"{self.server.url}/conversation-ended"

    @property
    def noted(self) -> dict[End, list[float]]:
        """When it took each end, whatever its `webhook-id` was."""
        with self._lock:
            return by_end((self.ends[i], at) for i, times in self.received.items() for at in times)

    def take(self, request: Request) -> Answer:
        """Note an end, or refuse it."""
        if not is_genuine(request.headers, request.body, self._key):
            with self._lock:
                self.forged += 1
            return Answer(401)
        data = json.loads(request.body)["data"]
        end = data["conversation_id"], data["queue_id"]
        with self._lock:
            if self.refused[end] < self.refusals.get(end[0], 0):
                self.refused[end] += 1
                return Answer(503)
            self.received[request.headers["webhook-id"]].append(time.time())
            self.ends[request.headers["webhook-id"]] = end
            return Answer(204)


@contextmanager
def webhook_receiver() -> Iterator[WebhookReceiver]:
    """Run a receiver of webhooks on a free loopback port."""
    received = WebhookReceiver()
    with HttpServer(received.take) as received.server:
        yield received


def is_genuine(headers: Mapping[str, str], body: bytes, key: bytes) -> bool:
    """Return whether one of a request's signatures was made with a key, and of late.

    Standard Webhooks, "Signature scheme".
    """
    sent_at = headers.get("webhook-timestamp") or ""
    if not sent_at.isdecimal() or abs(time.time() - int(sent_at)) > TOLERANCE:
        return False
    signed = f"{headers.get('webhook-id')}.{sent_at}.".encode() + body
    ours = b"v1," + base64.b64encode(hmac.digest(key, signed, hashlib.sha256))
    theirs = (headers.get("webhook-signature") or "").encode().split()
    return any(hmac.compare_digest(ours, one) for one in theirs)


@dataclass(frozen=True, slots=True)
class BusArrival:
    """An event of the bus: its detail, and when a rule matched it, in epoch seconds."""

    detail: dict[str, Any]
    at: float


class BusRecorder:
    """What arrived at the bus, by way of a rule whose target is a queue.

    Attributes
    ----------
    arrivals
        What has been collected so far.
    """

    def __init__(self, aws: Emulator, queue_url: str) -> None:
        self.arrivals: list[BusArrival] = []
        self._sqs = aws.client("sqs")
        self._queue_url = queue_url

    @property
    def noted(self) -> dict[End, list[float]]:
        """When each end arrived, of what has been collected so far."""
        return by_end(
            ((one.detail["conversation_id"], one.detail["queue_id"]), one.at)
            for one in self.arrivals
        )

    def collect(self) -> list[BusArrival]:
        """Take what has arrived since, and return all that ever did."""
        while messages := self._sqs.receive_message(
            QueueUrl=self._queue_url,
            MaxNumberOfMessages=10,
            MessageSystemAttributeNames=["SentTimestamp"],
        ).get("Messages"):
            for message in messages:
                at = int(message["Attributes"]["SentTimestamp"]) / 1000
                self.arrivals.append(BusArrival(json.loads(message["Body"])["detail"], at))
            self._sqs.delete_message_batch(
                QueueUrl=self._queue_url,
                Entries=[
                    {"Id": str(number), "ReceiptHandle": message["ReceiptHandle"]}
                    for number, message in enumerate(messages)
                ],
            )
        return self.arrivals


@contextmanager
def bus_recorder(aws: Emulator, bus_name: str) -> Iterator[BusRecorder]:
    """Record what arrives at a bus (the stack's output `EndsBusName`) from here on."""
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
    of_rule = {"Rule": name, "EventBusName": bus_name}
    events.put_targets(**of_rule, Targets=[{"Id": "recorder", "Arn": arn}])
    try:
        yield BusRecorder(aws, queue_url)
    finally:
        # A bus that has rules cannot be deleted.
        events.remove_targets(**of_rule, Ids=["recorder"])
        events.delete_rule(**rule)
        sqs.delete_queue(QueueUrl=queue_url)


def by_end(arrivals: Any) -> dict[End, list[float]]:
    """Return the moments of arrival of each end."""
    moments: defaultdict[End, list[float]] = defaultdict(list)
    for end, at in arrivals:
        moments[end].append(at)
    return dict(moments)
