"""What the worker itself does with messages of the intake queue: reject them, delay them."""

import base64
import binascii
import json
import math
import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError

from aws_calls import code_of
from conversations.end_rules import SettlingEnd
from conversations.parsed import Rejected
from deadline import Deadline, interrupted_after
from logs import json_logger
from worker.message import Message
from worker.outcome import Outcome

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

logger = json_logger("worker")

# Limits of SQS (AWS: "Amazon SQS message quotas"): entries of a call, bytes of a message and of
# a call, attributes of a message.
MAX_ENTRIES = 10
MAX_BYTES = 1_048_576
MAX_ATTRIBUTES = 10
# No failed message waits longer than this for its next try, in seconds.
MAX_DELAY = 900
# Seconds over which messages are spread that wait for one claim to run out.
JITTER = 5.0
# Seconds for deleting what was moved.
DELETE_LIMIT = 1.0
# botocore takes an interruption for an answer that failed to come and tries once more.
RING_AGAIN = 0.2


@dataclass(frozen=True, slots=True)
class _Reject:
    """A message on its way to the dead-letter queue, and its bytes by SQS's count."""

    message: Message
    rejected: Rejected
    attributes: dict[str, Any]
    size: int


class IntakeQueue:
    """The intake queue and its dead-letter queue.

    Parameters
    ----------
    retry_delay
        Seconds until the second try of a failed message; doubles with each further one.
    settle_seconds
        For how long what is sent to be settled is delayed, 0 to 900.
    """

    def __init__(
        self,
        sqs: "SQSClient",
        queue_url: str,
        dead_letter_queue_url: str,
        retry_delay: int,
        settle_seconds: int = 0,
    ) -> None:
        self._sqs = sqs
        self._queue_url = queue_url
        self._dead_letter_queue_url = dead_letter_queue_url
        self._retry_delay = retry_delay
        self._settle_seconds = settle_seconds

    def reject(
        self, poison: Iterable[tuple[Message, Rejected]], deadline: Deadline
    ) -> list[Outcome]:
        """Move messages to the dead-letter queue, bodies untouched, and return what became of each.

        A message whose move failed has failed: it comes back, and in the end redrive takes it
        there.
        """
        outcomes = []
        rejects = []
        for message, rejected in poison:
            reject = _prepare(message, rejected)
            if reject:
                rejects.append(reject)
            else:
                outcomes.append(_unsent(message, "body and reason are too large together"))
        for group in _groups(rejects):
            outcomes += self._move(group, deadline)
        return outcomes

    def delay(self, failed: Sequence[Outcome], now_ms: int, deadline: Deadline) -> None:
        """Set when failed messages come back: what there was no time for at once, others later.

        Where that does not succeed they come back after the queue's visibility timeout.
        """
        for start in range(0, len(failed), MAX_ENTRIES):
            if deadline.passed():
                logger.warning("No time to set delays", messages=len(failed) - start)
                return
            entries = [
                {
                    "Id": str(index),
                    "ReceiptHandle": outcome.message.receipt_handle,
                    "VisibilityTimeout": self._delay_of(outcome, now_ms),
                }
                for index, outcome in enumerate(failed[start : start + MAX_ENTRIES])
            ]
            try:
                with interrupted_after(deadline.left(), RING_AGAIN):
                    answer = self._sqs.change_message_visibility_batch(
                        QueueUrl=self._queue_url,
                        Entries=entries,  # type: ignore[arg-type]
                    )
                problems = [problem["Code"] for problem in answer.get("Failed", [])]
            except (ClientError, BotoCoreError, TimeoutError) as error:
                problems = [code_of(error)]
            if problems:
                logger.warning("Delays not set", errors=problems)

    def send_later(self, settling: Sequence[SettlingEnd], deadline: Deadline) -> list[SettlingEnd]:
        """Send the worker itself a message for each end that is to settle; return those sent."""
        sent: list[SettlingEnd] = []
        for start in range(0, len(settling), MAX_ENTRIES):
            group = settling[start : start + MAX_ENTRIES]
            if deadline.passed():
                break
            entries = [
                {
                    "Id": str(index),
                    "MessageBody": json.dumps(one.as_event()),  # ASCII: SQS takes it
                    "DelaySeconds": self._settle_seconds,
                }
                for index, one in enumerate(group)
            ]
            try:
                with interrupted_after(deadline.left(), RING_AGAIN):
                    answer = self._sqs.send_message_batch(
                        QueueUrl=self._queue_url,
                        Entries=entries,  # type: ignore[arg-type]
                    )
            except (ClientError, BotoCoreError, TimeoutError) as error:
                logger.warning("Nothing sent to settle", error=code_of(error), ends=len(group))
                continue
            refused = {int(problem["Id"]) for problem in answer.get("Failed", [])}
            sent += [one for index, one in enumerate(group) if index not in refused]
        return sent

    def _delay_of(self, outcome: Outcome, now_ms: int) -> int:
        """Return the seconds until a failed message is received again."""
        if outcome.reason == "no_time":
            return 0
        if outcome.not_before_ms:
            # Not all at one moment: one of those that wait will do the work, if any is left.
            wait = (outcome.not_before_ms - now_ms) / 1000 + random.uniform(0, JITTER)  # noqa: S311
            return max(0, min(2 * MAX_DELAY, math.ceil(wait)))
        # No delay needs more doublings than these to reach the maximum.
        doublings = min(outcome.message.receives - 1, 10)
        return int(min(MAX_DELAY, self._retry_delay * 2**doublings))

    def _move(self, group: Sequence[_Reject], deadline: Deadline) -> list[Outcome]:
        if deadline.passed():
            return [Outcome(reject.message, "failed", "no_time") for reject in group]
        try:
            with interrupted_after(deadline.left(), RING_AGAIN):
                answer = self._sqs.send_message_batch(
                    QueueUrl=self._dead_letter_queue_url,
                    Entries=[
                        {
                            "Id": str(index),
                            "MessageBody": reject.message.body,
                            "MessageAttributes": reject.attributes,
                        }
                        for index, reject in enumerate(group)
                    ],
                )
        except (ClientError, ParamValidationError) as error:
            if len(group) > 1:  # one that SQS does not take must not keep the others from it
                return [outcome for reject in group for outcome in self._move([reject], deadline)]
            return [_unsent(group[0].message, code_of(error))]
        except (BotoCoreError, TimeoutError) as error:
            return [_unsent(reject.message, code_of(error)) for reject in group]
        refused = {int(entry["Id"]): entry["Code"] for entry in answer.get("Failed", [])}
        moved = [reject for index, reject in enumerate(group) if index not in refused]
        self._delete([reject.message for reject in moved], deadline)
        return [
            Outcome(reject.message, "rejected", reject.rejected.reason, reject.rejected.detail)
            for reject in moved
        ] + [_unsent(group[index].message, code) for index, code in refused.items()]

    def _delete(self, messages: Sequence[Message], deadline: Deadline) -> None:
        """Delete what was moved at once, so that a crash from here on does not move it again."""
        if not messages:
            return
        try:
            with interrupted_after(min(DELETE_LIMIT, 0.5 + deadline.left()), RING_AGAIN):
                self._sqs.delete_message_batch(
                    QueueUrl=self._queue_url,
                    Entries=[
                        {"Id": str(index), "ReceiptHandle": message.receipt_handle}
                        for index, message in enumerate(messages)
                    ],
                )
        except (ClientError, BotoCoreError, TimeoutError) as error:
            # Lambda deletes them too when the invocation ends, since they are not reported.
            logger.warning("Rejected messages not deleted yet", error=code_of(error))


def _prepare(message: Message, rejected: Rejected) -> _Reject | None:
    """Return a message with its reason, the detail shortened to fit; None if it cannot fit."""
    detail = rejected.detail
    attributes = {
        "reason": _text(rejected.reason),
        "detail": _text(detail),
        "source_message_id": _text(message.id),
    }
    size = len(message.body.encode("utf-8", "surrogatepass"))
    size += sum(_size(name, value) for name, value in attributes.items())
    if size > MAX_BYTES:
        # Details are ASCII but for the mark of shortening.
        kept = len(detail) - (size - MAX_BYTES) - len("…".encode())
        if kept < 0:
            return None
        attributes["detail"] = _text(detail[:kept] + "…")
        size = MAX_BYTES
    for name, lambda_value in message.attributes.items():
        value = _as_sqs_takes_it(lambda_value)
        if value is None or name in attributes:
            continue
        if len(attributes) == MAX_ATTRIBUTES or size + _size(name, value) > MAX_BYTES:
            continue
        attributes[name] = value
        size += _size(name, value)
    return _Reject(message, rejected, attributes, size)


def _groups(rejects: Iterable[_Reject]) -> Iterator[list[_Reject]]:
    """Yield groups that fit into one call each."""
    group: list[_Reject] = []
    size = 0
    for reject in rejects:
        if group and (len(group) == MAX_ENTRIES or size + reject.size > MAX_BYTES):
            yield group
            group, size = [], 0
        group.append(reject)
        size += reject.size
    if group:
        yield group


def _text(value: str) -> dict[str, Any]:
    return {"DataType": "String", "StringValue": value}


def _as_sqs_takes_it(value: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return a message attribute in the spelling of SQS's API; None if it cannot be kept."""
    data_type, text = value.get("dataType"), value.get("stringValue")
    if data_type and text:
        return {"DataType": data_type, "StringValue": text}
    try:
        binary = base64.b64decode(value.get("binaryValue") or "", validate=True)
    except (binascii.Error, TypeError, ValueError):
        return None
    return {"DataType": data_type, "BinaryValue": binary} if data_type and binary else None


def _size(name: str, value: Mapping[str, Any]) -> int:
    content = value.get("StringValue", "").encode() or value.get("BinaryValue", b"")
    return len(name.encode()) + len(value["DataType"].encode()) + len(content)


def _unsent(message: Message, why: str) -> Outcome:
    return Outcome(message, "failed", "destination", f"dead-letter queue: {why}")
