"""Redrives single dead letters: sends each to the intake queue, then deletes it."""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from aws_calls import code_of, is_transient
from intake.sending import split_into_groups
from ops.dead_letters.letter import Letter
from ops.dead_letters.queue import LetterQueue, call
from ops.dead_letters.work import Work

# After this many calls that failed in a row, nothing suggests that the next one would succeed.
_MAX_FAILED_CALLS = 3


class Redrive:
    """Moves letters to the intake queue.

    A letter is deleted only if SQS has confirmed that it was sent. A letter that was sent but not
    deleted is sent again by the next redrive. Its end is then a duplicate, which the ledger knows.

    Parameters
    ----------
    rate
        The most letters to send in a second.
    clock, sleep
        The time in seconds, and a pause of so many seconds.
    """

    def __init__(
        self,
        queue: LetterQueue,
        intake_url: str,
        rate: int,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        self._queue = queue
        self._intake_url = intake_url
        self._rate = rate
        self._clock = clock
        self._sleep = sleep
        self._next_at = 0.0
        self._failed_calls = 0

    def as_work(self) -> Work:
        return Work(
            self.move,
            per_second=self._rate,
            pause=self._pause,
            is_stopped=lambda: self._failed_calls >= _MAX_FAILED_CALLS,
        )

    def move(self, letters: Sequence[Letter]) -> dict[str, str]:
        """Send letters and delete those that were sent; return the others' error codes by id."""
        now = self._clock()
        self._next_at = max(now, self._next_at) + len(letters) / self._rate
        failed: dict[str, str] = {}
        for group in split_into_groups(letters, _size_of):
            codes = self._send(group)
            failed |= codes
            sent = [letter for letter in group if letter.id not in codes]
            undeleted = self._queue.delete(sent)
            failed |= {id_: f"sent, but not deleted: {code}" for id_, code in undeleted.items()}
        return failed

    def _send(self, letters: Sequence[Letter]) -> dict[str, str]:
        """Send letters; return the error codes of those that were not surely sent, by id."""
        entries = [_entry(letter) for letter in letters]
        try:
            failed = call(self._queue.sqs.send_message_batch, self._intake_url, entries)
        except (ClientError, BotoCoreError) as error:
            if len(letters) > 1 and not is_transient(error):
                # One message that SQS refuses must not block the others.
                return {id_: code for one in letters for id_, code in self._send([one]).items()}
            self._failed_calls += 1
            return {letter.id: code_of(error) for letter in letters}
        self._failed_calls = 0
        return {letters[position].id: code for position, code in failed.items()}

    def _pause(self) -> None:
        self._sleep(max(0.0, self._next_at - self._clock()))


def _entry(letter: Letter) -> dict[str, Any]:
    attributes = {name: _sendable(value) for name, value in letter.attributes.items()}
    entry: dict[str, Any] = {"MessageBody": letter.body}
    return {**entry, "MessageAttributes": attributes} if attributes else entry


def _sendable(attribute: Mapping[str, Any]) -> dict[str, Any]:
    """Return an attribute with the fields that `SendMessageBatch` takes."""
    fields = ("DataType", "StringValue", "BinaryValue")
    return {field: attribute[field] for field in fields if field in attribute}


def _size_of(letter: Letter) -> int:
    """Return a letter's size in bytes, as SQS counts it."""
    size = len(letter.body.encode("utf-8", "surrogatepass"))
    for name, attribute in letter.attributes.items():
        value = attribute.get("BinaryValue") or attribute.get("StringValue", "").encode()
        size += len(name.encode()) + len(attribute["DataType"].encode()) + len(value)
    return size
