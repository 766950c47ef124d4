"""Amazon SQS in memory with several queues, as an operator's commands see it."""

import itertools
import json
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ParamValidationError

from tests.fakes.aws.model import Types
from tests.fakes.aws.sqs import DEAD, INTAKE, MIB, client_error, size_of
from tests.fakes.aws.sqs_event import SENT_AT

_TYPES = Types("sqs")


@dataclass(slots=True)
class Stored:
    """A message in a queue; hidden until the clock shows `visible_at`."""

    id: str
    body: str
    attributes: dict[str, Any]
    system_attributes: dict[str, str]
    visible_at: float = 0.0
    handle: str = ""
    receives: int = 0


class FakeQueues:
    """Standard queues: at-least-once delivery, visibility timeouts, partial failures of batches.

    Parameters
    ----------
    clock
        The time in seconds.

    Attributes
    ----------
    queues
        The messages of each queue, by URL.
    before, after
        Called with an operation's name before it is carried out, and when it has been carried out
        but not answered yet. They may raise.
    refused
        Called with an operation's name and an entry of its batch; returns the error code with
        which the entry fails, or an empty string.
    repeats
        Whether a receive also returns the message that the receive before returned first.
    tasks
        The message move tasks, the newest first; None if SQS offers no such tasks.
    """

    def __init__(self, clock: Callable[[], float], *urls: str) -> None:
        self.queues: dict[str, list[Stored]] = {url: [] for url in urls or (INTAKE, DEAD)}
        self.before: Callable[[str], object] = lambda _: None
        self.after: Callable[[str], object] = lambda _: None
        self.refused: Callable[[str, Mapping[str, Any]], str] = lambda _operation, _entry: ""
        self.repeats = False
        self.tasks: list[dict[str, Any]] | None = None
        self.calls: defaultdict[str, int] = defaultdict(int)
        self._clock = clock
        self._ids = itertools.count(1)
        self._last: dict[str, Stored] = {}

    def put(
        self,
        url: str,
        body: str,
        attributes: Mapping[str, Any] | None = None,
        **system_attributes: str,
    ) -> str:
        """Put a message into a queue and return its id."""
        told = {"SentTimestamp": str(SENT_AT + int(self._clock() * 1000)), **system_attributes}
        message = Stored(f"m-{next(self._ids)}", body, dict(attributes or {}), told)
        self.queues[url].append(message)
        return message.id

    def put_rejected(self, body: str, reason: str, detail: str = "why") -> str:
        """Put a message into the dead-letter queue as the worker does; return its id."""
        return self.put(DEAD, body, {"reason": text(reason), "detail": text(detail)})

    def put_exhausted(self, body: str, attributes: Mapping[str, Any] | None = None) -> str:
        """Put a message into the dead-letter queue as SQS does; return its id."""
        source = "arn:aws:sqs:eu-west-1:111122223333:queue-ends-dev-intake"
        return self.put(DEAD, body, attributes, DeadLetterQueueSourceArn=source)

    def bodies(self, url: str) -> list[str]:
        return [message.body for message in self.queues[url]]

    def hidden(self, url: str) -> int:
        return sum(message.visible_at > self._clock() for message in self.queues[url])

    def get_queue_attributes(self, **parameters: Any) -> dict[str, Any]:
        self._check("GetQueueAttributes", parameters)
        url = parameters["QueueUrl"]
        hidden = self.hidden(url)
        known = {
            "QueueArn": arn_of(url),
            "ApproximateNumberOfMessages": str(len(self.queues[url]) - hidden),
            "ApproximateNumberOfMessagesNotVisible": str(hidden),
            "ApproximateNumberOfMessagesDelayed": "0",
        }
        return {"Attributes": {name: known[name] for name in parameters["AttributeNames"]}}

    def receive_message(self, **parameters: Any) -> dict[str, Any]:
        def carry_out() -> dict[str, Any]:
            url, most = parameters["QueueUrl"], parameters["MaxNumberOfMessages"]
            due = [each for each in self.queues[url] if each.visible_at <= self._clock()]
            last = self._last.get(url)
            if self.repeats and last in self.queues[url]:
                due.insert(0, last)
            for message in due[:most]:
                message.receives += 1
                message.handle = f"{message.id}:{message.receives}"
                message.visible_at = self._clock() + parameters["VisibilityTimeout"]
            if due:
                self._last[url] = due[0]
            found = [_as_received(message) for message in due[:most]]
            return {"Messages": found} if found else {}

        return self._call("ReceiveMessage", parameters, carry_out)

    def send_message_batch(self, **parameters: Any) -> dict[str, Any]:
        entries, url = parameters["Entries"], parameters["QueueUrl"]

        def send(entry: Mapping[str, Any]) -> str:
            self.put(url, entry["MessageBody"], entry.get("MessageAttributes"))
            return ""

        def carry_out() -> dict[str, Any]:
            if sum(map(size_of, entries)) > MIB:
                raise client_error("BatchRequestTooLong")
            return self._batch("SendMessageBatch", entries, send)

        return self._call("SendMessageBatch", parameters, carry_out)

    def delete_message_batch(self, **parameters: Any) -> dict[str, Any]:
        queue = self.queues[parameters["QueueUrl"]]

        def delete(entry: Mapping[str, Any]) -> str:
            # A handle of an earlier receive may be accepted without any effect.
            queue[:] = [message for message in queue if message.handle != entry["ReceiptHandle"]]
            return ""

        return self._call(
            "DeleteMessageBatch",
            parameters,
            lambda: self._batch("DeleteMessageBatch", parameters["Entries"], delete),
        )

    def change_message_visibility_batch(self, **parameters: Any) -> dict[str, Any]:
        queue = self.queues[parameters["QueueUrl"]]

        def change(entry: Mapping[str, Any]) -> str:
            for message in queue:
                if message.handle == entry["ReceiptHandle"]:
                    message.visible_at = self._clock() + entry["VisibilityTimeout"]
                    return ""
            return "ReceiptHandleIsInvalid"

        return self._call(
            "ChangeMessageVisibilityBatch",
            parameters,
            lambda: self._batch("ChangeMessageVisibilityBatch", parameters["Entries"], change),
        )

    def start_message_move_task(self, **parameters: Any) -> dict[str, Any]:
        self._check("StartMessageMoveTask", parameters)
        if self.tasks is None:
            raise client_error("InvalidAction", "StartMessageMoveTask")
        source, destination = (
            next(url for url in self.queues if arn_of(url) == parameters[key])
            for key in ("SourceArn", "DestinationArn")
        )
        task = {
            "TaskHandle": f"task-{len(self.tasks)}",
            "Status": "RUNNING",
            "StartedTimestamp": SENT_AT + int(self._clock() * 1000) + 1,
            "ApproximateNumberOfMessagesMoved": 0,
        }
        self.tasks.insert(0, task | {"source": source, "destination": destination})
        return {"TaskHandle": task["TaskHandle"]}

    def list_message_move_tasks(self, **parameters: Any) -> dict[str, Any]:
        """Return the tasks; each running one has moved a message more."""
        self._check("ListMessageMoveTasks", parameters)
        if self.tasks is None:
            raise client_error("InvalidAction", "ListMessageMoveTasks")
        found = []
        for task in self.tasks[: parameters["MaxResults"]]:
            told = {key: task[key] for key in task.keys() - {"source", "destination"}}
            if task["Status"] != "RUNNING":
                told.pop("TaskHandle", None)
            elif "source" in task and not self.queues[task["source"]]:
                task["Status"] = "COMPLETED"
            elif "source" in task:
                moved = self.queues[task["source"]].pop(0)
                self.put(task["destination"], moved.body, moved.attributes)
                task["ApproximateNumberOfMessagesMoved"] += 1
                self.after("MoveTask")
            found.append(told)
        return {"Results": found} if found else {}

    def cancel_message_move_task(self, **parameters: Any) -> dict[str, Any]:
        self._check("CancelMessageMoveTask", parameters)
        for task in self.tasks or ():
            if task.get("TaskHandle") == parameters["TaskHandle"]:
                task["Status"] = "CANCELLED"
                return {}
        raise client_error("ResourceNotFoundException", "CancelMessageMoveTask")

    def _check(self, operation: str, parameters: Mapping[str, Any]) -> None:
        self.calls[operation] += 1
        if problems := _TYPES.problems(operation, parameters):
            raise ParamValidationError(report=problems)
        entries = parameters.get("Entries", ["one"])
        if not 1 <= len(entries) <= 10:
            raise client_error("TooManyEntriesInBatchRequest", operation)

    def _call(
        self, operation: str, parameters: Mapping[str, Any], carry_out: Callable[[], dict[str, Any]]
    ) -> dict[str, Any]:
        self._check(operation, parameters)
        self.before(operation)
        answer = carry_out()
        self.after(operation)
        return answer

    def _batch(
        self, operation: str, entries: Any, carry_out: Callable[[Mapping[str, Any]], str]
    ) -> dict[str, Any]:
        answer: dict[str, Any] = {}
        for entry in entries:
            if code := self.refused(operation, entry) or carry_out(entry):
                failed = {"Id": entry["Id"], "Code": code, "SenderFault": False}
                answer.setdefault("Failed", []).append(failed)
            else:
                answer.setdefault("Successful", []).append({"Id": entry["Id"]})
        return answer


class FakeWorker:
    """A Lambda client that knows the worker's log group."""

    def get_function_configuration(self, **_: Any) -> dict[str, Any]:
        return {"LoggingConfig": {"LogGroup": "worker-log"}}


@dataclass(slots=True)
class FakeLogs:
    """A client of CloudWatch Logs with the worker's log group, in pages of one line."""

    lines: list[str] = field(default_factory=list)
    error: Exception | None = None

    def get_paginator(self, operation: str) -> "FakeLogs":
        assert operation == "filter_log_events"
        return self

    def paginate(self, **parameters: Any) -> Iterator[dict[str, Any]]:
        assert parameters["logGroupName"] == "worker-log"
        if self.error:
            raise self.error
        for place, line in enumerate(self.lines, 1):
            more = {"nextToken": str(place)} if place < len(self.lines) else {}
            event = {"eventId": str(place), "timestamp": place, "message": line}
            yield {"events": [event], **more}


def failure_line(message_id: str, reason: str, detail: str) -> str:
    """Return the line that the worker logs for a failed message."""
    fields = {"message": "Message", "outcome": "failed", "message_id": message_id}
    return json.dumps({**fields, "reason": reason, "detail": detail})


def text(value: str) -> dict[str, str]:
    return {"DataType": "String", "StringValue": value}


def arn_of(url: str) -> str:
    account, name = url.split("/")[-2:]
    return f"arn:aws:sqs:eu-west-1:{account}:{name}"


def _as_received(message: Stored) -> dict[str, Any]:
    told = {
        "MessageId": message.id,
        "ReceiptHandle": message.handle,
        "Body": message.body,
        "Attributes": {
            **message.system_attributes,
            "ApproximateReceiveCount": str(message.receives),
        },
    }
    return {**told, "MessageAttributes": message.attributes} if message.attributes else told
