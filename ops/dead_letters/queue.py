"""A queue of dead letters: reads all of its messages, and makes them visible again."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from aws_calls import code_of
from intake.sending import MAX_ENTRIES
from ops.dead_letters.letter import Letter
from ops.stack.queues import count_messages

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

# A message is hidden for this long, plus the time in which a slow reader reads all messages. If the
# command is killed, its messages are hidden for as long, so the time is short.
MIN_HIDDEN_SECONDS = 10
_MESSAGES_PER_SECOND = 100
_MAX_HIDDEN_SECONDS = 43_200  # SQS's limit
# An empty answer does not prove that a queue is empty, so several must come in a row.
_EMPTY_ANSWERS = 3
# The most answers in a row that repeat known messages. SQS delivers at least once, and a message
# comes back when it is no longer hidden.
_REPEATED_ANSWERS = 30

_Item = TypeVar("_Item")


class LetterQueue:
    """The dead-letter queue or the undelivered queue.

    Parameters
    ----------
    name
        The queue's name for people, such as `dead-letter queue`.
    note
        Tells the operator about messages that stay hidden.
    """

    def __init__(
        self, sqs: "SQSClient", url: str, name: str, note: Callable[[str], object]
    ) -> None:
        self.sqs = sqs
        self.url = url
        self.name = name
        self._note = note

    def counts(self) -> tuple[int, int]:
        """Return about how many messages are visible, and how many are hidden."""
        counts = count_messages(self.sqs, self.url)
        return counts.visible, counts.in_flight

    def arn(self) -> str:
        answer = self.sqs.get_queue_attributes(QueueUrl=self.url, AttributeNames=["QueueArn"])
        return answer["Attributes"]["QueueArn"]

    def read(self) -> list[Letter]:
        """Return all visible messages, and leave them visible; note messages that are hidden."""
        visible, hidden = self.counts()
        if hidden:
            self._note(
                f"{hidden} messages of the {self.name} are hidden: another command reads them, or "
                "was stopped while it did. They come back by themselves."
            )
        letters = dict[str, Letter]()
        with self.receiving(visible) as received:
            for group in received:
                letters |= {letter.id: letter for letter in group}
        return list(letters.values())

    @contextmanager
    def receiving(
        self,
        count: int,
        *,
        most: int = MAX_ENTRIES,
        seconds: int = 0,
        deleted: Iterable[str] = (),
    ) -> Iterator[Iterator[list[Letter]]]:
        """Receive all messages in groups; afterwards, make them visible again, whatever happened.

        A group may repeat messages.

        Parameters
        ----------
        count
            About how many messages there are.
        most
            The most messages in a group.
        seconds
            For how long messages are hidden; by default, until all can have been read.
        deleted
            The ids of messages that the caller has deleted meanwhile.
        """
        handles: dict[str, str] = {}
        try:
            yield self._receive(count, most, seconds or hidden_seconds(count), handles)
        finally:
            for message_id in deleted:
                handles.pop(message_id, None)
            self._show(list(handles.values()))

    def delete(self, letters: Sequence[Letter]) -> dict[str, str]:
        """Delete messages; return the error codes of those that stay, keyed by id.

        Deletes that fail are repeated once, because a repeated delete does no harm.
        """
        codes: dict[str, str] = {}
        for _ in range(2):
            if not letters:
                break
            entries = [{"ReceiptHandle": letter.receipt_handle} for letter in letters]
            try:
                failed = call(self.sqs.delete_message_batch, self.url, entries)
            except (ClientError, BotoCoreError) as error:
                failed = dict.fromkeys(range(len(letters)), code_of(error))
            codes = {letters[position].id: code for position, code in failed.items()}
            letters = [letter for letter in letters if letter.id in codes]
        return codes

    def hide(self, letters: Sequence[Letter], seconds: int) -> None:
        """Hide received messages for longer; if that fails, they merely come back earlier."""
        entries = [
            {"ReceiptHandle": letter.receipt_handle, "VisibilityTimeout": seconds}
            for letter in letters
        ]
        if entries:
            with suppress(ClientError, BotoCoreError):
                call(self.sqs.change_message_visibility_batch, self.url, entries)

    def _receive(
        self, count: int, most: int, seconds: int, handles: dict[str, str]
    ) -> Iterator[list[Letter]]:
        """Yield groups of messages until no new ones come; put their newest handles in `handles`.

        Of the handles that a message gets with each receive, only the newest one surely works.
        """
        quiet = 0
        while True:
            has_all = len(handles) >= count
            answer = self.sqs.receive_message(
                QueueUrl=self.url,
                MaxNumberOfMessages=most,
                MessageAttributeNames=["All"],
                MessageSystemAttributeNames=["All"],
                VisibilityTimeout=seconds,
                WaitTimeSeconds=0 if has_all else 1,
            )
            letters = [Letter.from_message(message) for message in answer.get("Messages", [])]
            quiet = 0 if any(letter.id not in handles for letter in letters) else quiet + 1
            handles |= {letter.id: letter.receipt_handle for letter in letters}
            if letters:
                yield letters
            elif quiet >= _EMPTY_ANSWERS:
                return
            if quiet >= _REPEATED_ANSWERS:
                return

    def _show(self, handles: Sequence[str]) -> None:
        failed = 0
        for group in groups_of(handles):
            entries = [{"ReceiptHandle": handle, "VisibilityTimeout": 0} for handle in group]
            try:
                failed += len(call(self.sqs.change_message_visibility_batch, self.url, entries))
            except (ClientError, BotoCoreError):
                failed += len(group)
        if failed:
            self._note(f"{failed} messages stay hidden for a while, and then come back.")


def hidden_seconds(count: int, per_second: int = _MESSAGES_PER_SECOND) -> int:
    """Return for how long a command that reads `count` messages hides them, in seconds."""
    return min(MIN_HIDDEN_SECONDS + count // per_second, _MAX_HIDDEN_SECONDS)


def call(
    operation: Callable[..., Any], url: str, entries: Sequence[Mapping[str, Any]]
) -> dict[int, str]:
    """Call a batch operation of SQS; return the failed entries' error codes, keyed by position."""
    numbered = [{"Id": str(position), **entry} for position, entry in enumerate(entries)]
    answer = operation(QueueUrl=url, Entries=numbered)
    done = {int(entry["Id"]) for entry in answer.get("Successful", [])}
    codes = {int(entry["Id"]): str(entry["Code"]) for entry in answer.get("Failed", [])}
    unanswered = {n: "NotConfirmed" for n in range(len(entries)) if n not in done}
    return unanswered | codes


def groups_of(items: Iterable[_Item], size: int = MAX_ENTRIES) -> Iterator[list[_Item]]:
    """Yield the items in groups of at most `size`."""
    iterator = iter(items)
    while group := list(islice(iterator, size)):
        yield group
