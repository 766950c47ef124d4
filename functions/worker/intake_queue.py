"""The intake queue: the worker rejects its messages, delays them, and sends some to itself."""

import base64
import binascii
import json
import math
import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aws_calls import CALL_ERRORS, call, code_of, may_pass
from conversations.end_rules import SettlingEnd
from conversations.parsed import Rejected
from deadline import Deadline
from logs import json_logger
from worker.messages import Message
from worker.report import Outcome

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

logger = json_logger("worker")

# Limits of SQS (AWS: "Amazon SQS message quotas"): entries of a call, bytes of a message and of a
# call, attributes of a message.
MAX_ENTRIES = 10
MAX_BYTES = 1_048_576
MAX_ATTRIBUTES = 10
# The longest delay of a failed message, in seconds.
MAX_DELAY = 900
# Seconds over which messages that wait for one claim's lease are spread.
JITTER = 5.0
# Seconds for deleting rejected messages, and how far they may reach beyond the deadline.
DELETE_LIMIT = 1.0
DELETE_EXTENSION = 0.5


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
        Seconds until the worker receives a message that it sent itself, 0 to 900.
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
        """Move messages to the dead-letter queue, bodies untouched, and return their outcomes.

        A message that could not be moved has failed: it comes back, and in the end redrive moves
        it.
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
        """Set when failed messages come back: at once if there was no time for them, else later.

        A message whose delay could not be set comes back after the queue's visibility timeout.
        """
        for start in range(0, len(failed), MAX_ENTRIES):
            if deadline.passed():
                logger.warning("No time to set delays", messages=len(failed) - start)
                return
            entries = [
                {
                    "ReceiptHandle": outcome.message.receipt_handle,
                    "VisibilityTimeout": self._delay_of(outcome, now_ms),
                }
                for outcome in failed[start : start + MAX_ENTRIES]
            ]
            change = self._sqs.change_message_visibility_batch
            try:
                problems = list(_refused(change, self._queue_url, entries, deadline).values())
            except CALL_ERRORS as error:
                problems = [code_of(error)]
            if problems:
                logger.warning("Delays not set", errors=problems)

    def send_later(self, settling: Sequence[SettlingEnd], deadline: Deadline) -> list[SettlingEnd]:
        """Send the worker a delayed message for each settling end; return the ends sent."""
        sent: list[SettlingEnd] = []
        for start in range(0, len(settling), MAX_ENTRIES):
            group = settling[start : start + MAX_ENTRIES]
            if deadline.passed():
                break
            entries = [
                {
                    "MessageBody": json.dumps(end.as_event()),  # ASCII: SQS takes it
                    "DelaySeconds": self._settle_seconds,
                }
                for end in group
            ]
            send = self._sqs.send_message_batch
            try:
                refused = _refused(send, self._queue_url, entries, deadline)
            except CALL_ERRORS as error:
                logger.warning("Nothing sent to settle", error=code_of(error), ends=len(group))
                continue
            sent += [end for position, end in enumerate(group) if position not in refused]
        return sent

    def _delay_of(self, outcome: Outcome, now_ms: int) -> int:
        """Return the seconds until a failed message is received again."""
        if outcome.reason == "no_time":
            return 0
        if outcome.not_before_ms:
            # Spread, since the first message to come back does the work for all.
            wait = (outcome.not_before_ms - now_ms) / 1000 + random.uniform(0, JITTER)  # noqa: S311
            return max(0, min(2 * MAX_DELAY, math.ceil(wait)))
        # Ten doublings bring any delay to the maximum.
        doublings = min(outcome.message.receives - 1, 10)
        return int(min(MAX_DELAY, self._retry_delay * 2**doublings))

    def _move(self, group: Sequence[_Reject], deadline: Deadline) -> list[Outcome]:
        """Move a group by one call, or one by one if the call is refused; return their outcomes."""
        if deadline.passed():
            return [Outcome(reject.message, "failed", "no_time") for reject in group]
        entries = [
            {"MessageBody": reject.message.body, "MessageAttributes": reject.attributes}
            for reject in group
        ]
        send = self._sqs.send_message_batch
        try:
            refused = _refused(send, self._dead_letter_queue_url, entries, deadline)
        except CALL_ERRORS as error:
            if len(group) > 1 and not may_pass(error):
                # A message that SQS does not take must not keep the others from it.
                return [outcome for reject in group for outcome in self._move([reject], deadline)]
            return [_unsent(reject.message, code_of(error)) for reject in group]
        moved = [reject for position, reject in enumerate(group) if position not in refused]
        self._delete([reject.message for reject in moved], deadline)
        return [
            Outcome(reject.message, "rejected", reject.rejected.reason, reject.rejected.detail)
            for reject in moved
        ] + [_unsent(group[position].message, code) for position, code in refused.items()]

    def _delete(self, messages: Sequence[Message], deadline: Deadline) -> None:
        """Delete moved messages at once, so that they are not moved again after a crash."""
        if not messages:
            return
        entries = [{"ReceiptHandle": message.receipt_handle} for message in messages]
        until = deadline.extended(DELETE_EXTENSION).within(DELETE_LIMIT)
        try:
            _refused(self._sqs.delete_message_batch, self._queue_url, entries, until)
        except CALL_ERRORS as error:
            # Lambda deletes them when the invocation ends, since they are not reported as failed.
            logger.warning("Rejected messages not deleted yet", error=code_of(error))


def _refused(
    operation: Callable[..., Any],
    queue_url: str,
    entries: Sequence[Mapping[str, Any]],
    deadline: Deadline,
) -> dict[int, str]:
    """Call an operation of SQS, and return by position the codes of the entries that it refused."""
    numbered = [{"Id": str(position), **entry} for position, entry in enumerate(entries)]
    answer = call(deadline, operation, QueueUrl=queue_url, Entries=numbered)
    return {int(problem["Id"]): problem["Code"] for problem in answer.get("Failed", [])}


def _prepare(message: Message, rejected: Rejected) -> _Reject | None:
    """Return a message and its reason, the detail shortened to fit; None if it cannot fit."""
    detail = rejected.detail
    attributes = {
        "reason": _text(rejected.reason),
        "detail": _text(detail),
        "source_message_id": _text(message.id),
    }
    size = len(message.body.encode("utf-8", "surrogatepass"))
    size += sum(_size(name, value) for name, value in attributes.items())
    if size > MAX_BYTES:
        # Details are ASCII, except for the ellipsis.
        kept = len(detail) - (size - MAX_BYTES) - len("…".encode())
        if kept < 0:
            return None
        attributes["detail"] = _text(detail[:kept] + "…")
        size = MAX_BYTES
    for name, lambda_value in message.attributes.items():
        value = _in_sqs_spelling(lambda_value)
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


def _in_sqs_spelling(value: Mapping[str, Any]) -> dict[str, Any] | None:
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


def _unsent(message: Message, reason: str) -> Outcome:
    return Outcome(message, "failed", "destination", f"dead-letter queue: {reason}")
