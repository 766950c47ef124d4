"""Redrives the whole dead-letter queue with SQS's own message move task."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from aws_calls import code_of
from ops.dead_letters.letter import utc
from ops.dead_letters.queue import LetterQueue
from ops.errors import OpsError, Status

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

POLL_SECONDS = 2.0
# The most polls until a new task appears in the list of tasks.
_MAX_POLLS_WITHOUT_TASK = 15
_ACTIVE = ("RUNNING", "CANCELLING")


@dataclass(frozen=True, slots=True)
class Moved:
    """The result of a task.

    Attributes
    ----------
    status
        `COMPLETED`, `CANCELLED` or `FAILED`.
    moved
        About how many messages were moved.
    started_at_ms
        When the task started, in epoch milliseconds, by SQS's clock.
    why
        The reason if the task did not complete; otherwise empty.
    """

    status: str
    moved: int
    started_at_ms: int
    why: str = ""


class MoveTask:
    """A message move task from a dead-letter queue to the intake queue.

    Parameters
    ----------
    note
        Tells the operator about the progress.
    sleep
        Pauses between two looks at the task.
    """

    def __init__(
        self,
        queue: LetterQueue,
        note: Callable[[str], object],
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        self._sqs: SQSClient = queue.sqs
        self._queue = queue
        self._note = note
        self._sleep = sleep

    def run(self, intake_arn: str, rate: int) -> Moved | None:
        """Move all messages, and return the result; None if there can be no task here.

        Raises
        ------
        OpsError
            Another task is running.
        """
        source = self._queue.arn()
        count, _ = self._queue.counts()
        try:
            earlier = self._newest(source)
            self._require_none_running(earlier)
            # Without a destination, SQS moves messages to the queue that they came from. Messages
            # that the worker sent to the dead-letter queue have none.
            handle = self._sqs.start_message_move_task(
                SourceArn=source, DestinationArn=intake_arn, MaxNumberOfMessagesPerSecond=rate
            )["TaskHandle"]
        except ClientError as error:
            self._note(
                f"SQS cannot redrive this queue as a whole here ({code_of(error)}), so this "
                "command moves the messages."
            )
            return None
        try:
            return self._follow(source, handle, count, _started_at(earlier))
        except KeyboardInterrupt:
            self._cancel(handle)
            self._note("The redrive is cancelled. What was moved stays moved.")
            raise

    def _follow(self, source: str, handle: str, count: int, earlier_ms: int) -> Moved:
        why = ""
        polls_without_task = 0
        told = -1
        while True:
            task = self._look(source)
            if _started_at(task) <= earlier_ms:
                polls_without_task += 1
                if polls_without_task > _MAX_POLLS_WITHOUT_TASK:
                    raise OpsError(
                        "SQS has accepted the redrive but does not list it. Look at the queues "
                        "again in a few minutes: queue-ends dlq ls",
                        Status.PROBLEM,
                    )
                self._sleep(POLL_SECONDS)
                continue
            moved = int(task.get("ApproximateNumberOfMessagesMoved", 0))
            if moved != told:
                self._note(f"Redriven {moved} of about {count}.")
                told = moved
            if task["Status"] not in _ACTIVE:
                why = why or task.get("FailureReason", "")
                return Moved(task["Status"], moved, _started_at(task), why)
            # A message that dies again at once would be moved for ever.
            if not why and moved >= 2 * max(count, 1):
                why = "messages came back as fast as they were moved"
                self._cancel(handle)
            self._sleep(POLL_SECONDS)

    def _look(self, source: str) -> Any:
        """Return the newest task while one is running."""
        try:
            return self._newest(source)
        except ClientError as error:
            raise OpsError(
                f"SQS goes on with the redrive, but does not say how far it is ({code_of(error)}). "
                "Look at the queue in a few minutes: queue-ends dlq ls",
                Status.PROBLEM,
            ) from None

    def _newest(self, source: str) -> Any:
        tasks = self._sqs.list_message_move_tasks(SourceArn=source, MaxResults=1)
        return next(iter(tasks.get("Results", [])), {})

    def _cancel(self, handle: str) -> None:
        try:
            self._sqs.cancel_message_move_task(TaskHandle=handle)
        except ClientError as error:
            self._note(f"The redrive could not be cancelled: {error}")

    @staticmethod
    def _require_none_running(task: Any) -> None:
        if task.get("Status") in _ACTIVE:
            moved = task.get("ApproximateNumberOfMessagesMoved", 0)
            raise OpsError(
                f"Another redrive of the whole queue runs since {utc(_started_at(task))} and has "
                f"moved {moved} messages. Wait until it is over: queue-ends dlq ls",
                Status.PROBLEM,
            )


def _started_at(task: Any) -> int:
    return int(task.get("StartedTimestamp", 0))
