"""Looks through the messages of a queue, and gives them back."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from intake.sending import MAX_ENTRIES
from ops.ends.conversation import contains_id
from ops.stack.contents import contents_of

# Long enough to look through a full dead-letter queue. If this command is killed, the messages come
# back after this time.
_VISIBILITY_SECONDS = 120
# An empty response can mean that SQS has asked servers without messages, so a second one decides.
_EMPTY_RESPONSES = 2
_MAX_MESSAGES = 20_000
_MAX_SECONDS = 90.0


@dataclass(frozen=True, slots=True)
class QueueMessage:
    """A message in a queue.

    Attributes
    ----------
    reason, detail
        Why the worker has rejected the message; empty if it did not.
    source_id
        The id that the message had in the intake queue.
    """

    id: str
    receipt_handle: str
    body: str
    sent_at_ms: int
    reason: str
    detail: str
    source_id: str

    def is_about(self, conversation_id: str) -> bool:
        """Return whether the message is an event of a conversation."""
        return contents_of(self.body).conversation_id == conversation_id

    def mentions(self, conversation_id: str) -> bool:
        """Return whether the body contains a conversation's id anywhere."""
        return contains_id(self.body, conversation_id)


@dataclass(slots=True)
class Look:
    """The messages that a look at a queue has found.

    Attributes
    ----------
    cut_short
        Whether the queue may have more messages.
    """

    messages: list[QueueMessage]
    cut_short: bool = False


@contextmanager
def received_messages(sqs: Any, url: str) -> Iterator[Look]:
    """Receive the messages of a queue; give back at the end those that were not deleted.

    Meanwhile, nobody else can receive the messages.
    """
    look = Look([])
    try:
        _receive(sqs, url, look)
        yield look
    finally:
        _give_back(sqs, url, look.messages)


def delete(sqs: Any, url: str, message: QueueMessage) -> None:
    """Delete a received message."""
    sqs.delete_message(QueueUrl=url, ReceiptHandle=message.receipt_handle)


def _receive(sqs: Any, url: str, look: Look) -> None:
    found: dict[str, QueueMessage] = {}
    ends_at = time.monotonic() + _MAX_SECONDS
    empty_responses = 0
    while empty_responses < _EMPTY_RESPONSES:
        if len(found) >= _MAX_MESSAGES or time.monotonic() > ends_at:
            look.cut_short = True
            return
        response = sqs.receive_message(
            QueueUrl=url,
            MaxNumberOfMessages=MAX_ENTRIES,
            MessageAttributeNames=["All"],
            AttributeNames=["SentTimestamp"],
            VisibilityTimeout=_VISIBILITY_SECONDS,
            WaitTimeSeconds=1,
        )
        messages = [_parse_message(each) for each in response.get("Messages", [])]
        empty_responses = 0 if messages else empty_responses + 1
        # SQS can deliver a message twice; the latest receipt handle is valid.
        found |= {message.id: message for message in messages}
        look.messages = [*found.values()]


def _give_back(sqs: Any, url: str, messages: list[QueueMessage]) -> None:
    for start in range(0, len(messages), MAX_ENTRIES):
        entries = [
            {"Id": str(number), "ReceiptHandle": message.receipt_handle, "VisibilityTimeout": 0}
            for number, message in enumerate(messages[start : start + MAX_ENTRIES])
        ]
        # A deleted message fails, and every other message comes back by itself in time.
        sqs.change_message_visibility_batch(QueueUrl=url, Entries=entries)


def _parse_message(message: dict[str, Any]) -> QueueMessage:
    attributes = message.get("MessageAttributes", {})

    def attribute(name: str) -> str:
        return str(attributes.get(name, {}).get("StringValue", ""))

    return QueueMessage(
        id=message["MessageId"],
        receipt_handle=message["ReceiptHandle"],
        body=message["Body"],
        sent_at_ms=int(message.get("Attributes", {}).get("SentTimestamp", 0)),
        reason=attribute("reason"),
        detail=attribute("detail"),
        source_id=attribute("source_message_id") or message["MessageId"],
    )
