"""Rejects messages, delays failed messages, and sends delayed messages."""

import json
import math
import random
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from aws_calls import CALL_ERRORS, describe, is_transient
from conversations.end_rules.last_queue import SettlingEnd
from conversations.parsed import Rejected
from deadline import Deadline
from intake.sending import MAX_BYTES, MAX_ENTRIES, call_for_group, send_bodies, split_into_groups
from logs import json_logger
from worker.dead_letter import DeadLetter, make_dead_letter
from worker.messages import Message
from worker.report import Outcome

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

logger = json_logger("worker")

# The longest delay of a failed message that does not wait for a lease to expire.
MAX_DELAY_SECONDS = 900
MAX_LEASE_WAIT_SECONDS = 1800  # longer than any lease
# If more than this many messages lacked time in one invocation, their delays are spread.
MAX_UNSPREAD = 10
# The longest random addition to the wait until a lease expires.
LEASE_JITTER_SECONDS = 5.0
DELETE_SECONDS = 1.0  # the time limit of the call that deletes moved messages
DELETE_EXTENSION_SECONDS = 0.5  # how far this call may run past the deadline of `reject`


class IntakeQueue:
    """The intake queue and its dead-letter queue.

    Parameters
    ----------
    retry_delay_seconds
        The delay of a failed message after its first receive. Each further receive doubles the
        delay.
    settle_seconds
        The delay of the messages that `send_later` sends, from 0 to 900 seconds.
    """

    def __init__(
        self,
        sqs: "SQSClient",
        queue_url: str,
        dead_letter_queue_url: str,
        retry_delay_seconds: int,
        settle_seconds: int = 0,
    ) -> None:
        self._sqs = sqs
        self._queue_url = queue_url
        self._dead_letter_queue_url = dead_letter_queue_url
        self._retry_delay_seconds = retry_delay_seconds
        self._settle_seconds = settle_seconds

    def reject(
        self, rejections: Iterable[tuple[Message, Rejected]], deadline: Deadline
    ) -> list[Outcome]:
        """Move messages to the dead-letter queue with their bodies unchanged; return the outcomes.

        A message that cannot be moved gets the outcome `failed`. After its last receive, SQS itself
        moves it.
        """
        outcomes = []
        dead_letters = []
        for message, rejected in rejections:
            dead_letter = make_dead_letter(message, rejected)
            if dead_letter:
                dead_letters.append(dead_letter)
            else:
                outcomes.append(
                    _make_move_failure(message, "body and reason are too large together")
                )
        for group in split_into_groups(dead_letters, lambda dead_letter: dead_letter.size):
            outcomes += self._move_group(group, deadline)
        return outcomes

    def delay(self, failed_outcomes: Sequence[Outcome], now_ms: int, deadline: Deadline) -> None:
        """Set each failed message's delay.

        If a delay cannot be set, the message comes back after the queue's visibility timeout.
        """
        spread = sum(map(_has_lacked_time, failed_outcomes)) > MAX_UNSPREAD
        # SQS could refuse the delays of others together with one that has no receipt handle.
        failed_outcomes = [each for each in failed_outcomes if each.message.receipt_handle]
        for start in range(0, len(failed_outcomes), MAX_ENTRIES):
            if deadline.passed():
                logger.warning("No time to set delays", messages=len(failed_outcomes) - start)
                return
            entries = [
                {
                    "ReceiptHandle": outcome.message.receipt_handle,
                    "VisibilityTimeout": self._delay_seconds(outcome, now_ms, spread=spread),
                }
                for outcome in failed_outcomes[start : start + MAX_ENTRIES]
            ]
            change_delays = self._sqs.change_message_visibility_batch
            try:
                error_codes = call_for_group(change_delays, self._queue_url, entries, deadline)
                errors = list(error_codes.values())
            except CALL_ERRORS as error:
                errors = [describe(error, "SQS")]
            if errors:
                logger.warning("Delays not set", errors=errors)

    def send_later(self, settling_ends: Sequence[SettlingEnd], deadline: Deadline) -> list[bool]:
        """Send a delayed settle event for each end; return for each whether it was sent.

        `conversations.end_rules.last_queue` explains settle events.
        """
        bodies = [_make_settle_body(end) for end in settling_ends]
        return self.send_delayed(bodies, self._settle_seconds, deadline)

    def send_delayed(
        self, bodies: Sequence[str], delay_seconds: int, deadline: Deadline
    ) -> list[bool]:
        """Send delayed messages to the intake queue; return for each whether it was sent.

        Parameters
        ----------
        bodies
            The bodies, in ASCII, each within SQS's limit.
        """
        return send_bodies(
            self._sqs,
            self._queue_url,
            bodies,
            deadline,
            delay_seconds=delay_seconds,
            logger=logger,
        )

    def _delay_seconds(self, outcome: Outcome, now_ms: int, *, spread: bool) -> int:
        """Return the seconds until a failed message is received again.

        `spread` lengthens the delay of a message that lacked time at random.
        """
        receives = outcome.message.receive_count
        if outcome.reason == "no_time" and receives == 1:
            return 0
        if outcome.not_before_ms:
            # With jitter, one of the messages that report the same end comes back first. Once that
            # one has been processed, the others are duplicates.
            jitter = random.uniform(0, LEASE_JITTER_SECONDS)  # noqa: S311 - no secret depends on it
            seconds = math.ceil((outcome.not_before_ms - now_ms) / 1000 + jitter)
            return max(0, min(MAX_LEASE_WAIT_SECONDS, seconds))
        # After ten doublings, any delay has reached the maximum.
        doublings = min(receives - 1, 10)
        delay_seconds = int(min(MAX_DELAY_SECONDS, self._retry_delay_seconds * 2**doublings))
        if spread and _has_lacked_time(outcome):
            # If so many messages came back together, they would be too many for one invocation
            # again, until healthy ends had used up their receives. So they come back spread over
            # half of the delay, in smaller batches. At the maximum they remain spread.
            longest_seconds = min(MAX_DELAY_SECONDS, delay_seconds + delay_seconds // 2)
            return random.randint(delay_seconds, longest_seconds)  # noqa: S311 - as above
        return delay_seconds

    def _move_group(self, group: Sequence[DeadLetter], deadline: Deadline) -> list[Outcome]:
        """Move messages together, or singly if SQS refuses the call; return the outcomes."""
        if deadline.passed():
            return [Outcome(letter.message, "failed", "no_time") for letter in group]
        entries = [
            {"MessageBody": letter.message.body, "MessageAttributes": letter.attributes}
            for letter in group
        ]
        send = self._sqs.send_message_batch
        try:
            error_codes = call_for_group(send, self._dead_letter_queue_url, entries, deadline)
        except CALL_ERRORS as error:
            if len(group) > 1 and not is_transient(error):
                # One message that SQS refuses must not block the others.
                return [
                    outcome for letter in group for outcome in self._move_group([letter], deadline)
                ]
            failure = describe(error, "SQS")
            return [_make_move_failure(letter.message, failure) for letter in group]
        moved_letters = [
            letter for position, letter in enumerate(group) if position not in error_codes
        ]
        self._delete([letter.message for letter in moved_letters], deadline)
        return [
            Outcome(letter.message, "rejected", letter.rejected.reason, letter.rejected.detail)
            for letter in moved_letters
        ] + [
            _make_move_failure(group[position].message, code)
            for position, code in error_codes.items()
        ]

    def _delete(self, messages: Sequence[Message], deadline: Deadline) -> None:
        """Delete moved messages from the intake queue.

        Lambda would delete them only after the invocation. If the invocation crashed, they would be
        moved a second time.
        """
        handles = [message.receipt_handle for message in messages if message.receipt_handle]
        if not handles:
            return
        entries = [{"ReceiptHandle": handle} for handle in handles]
        delete_deadline = deadline.extended_by(DELETE_EXTENSION_SECONDS).within(DELETE_SECONDS)
        delete = self._sqs.delete_message_batch
        try:
            call_for_group(delete, self._queue_url, entries, delete_deadline)
        except CALL_ERRORS as error:
            logger.warning("Rejected messages not deleted yet", error=describe(error, "SQS"))


def _has_lacked_time(outcome: Outcome) -> bool:
    return outcome.reason == "no_time" or outcome.is_crowded_out


def _make_settle_body(end: SettlingEnd) -> str:
    """Return a message body in ASCII; leave the event that caused it out if it is too large."""
    try:
        body = json.dumps(end.as_event())
    except RecursionError:  # The encoder needs more stack than the decoder, which succeeded.
        body = ""
    if not body or len(body) > MAX_BYTES:
        return json.dumps(end.as_event(include_cause=False))
    return body


def _make_move_failure(message: Message, error: str) -> Outcome:
    return Outcome(message, "failed", "dead_letter_queue", error)
