"""Amazon SQS in memory: takes and refuses what the real one does, fails as a test says."""

import re
from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError, ParamValidationError

from tests.fakes.aws.model import Types

INTAKE = "https://sqs.eu-west-1.amazonaws.com/111122223333/queue-ends-dev-intake"
DEAD = "https://sqs.eu-west-1.amazonaws.com/111122223333/queue-ends-dev-dead"
MIB = 1_048_576

Entry = Mapping[str, Any]
# An error to raise, the positions of entries to refuse, or something to do before the answer.
Fault = BaseException | Collection[int] | Callable[[], object]

_TYPES = Types("sqs")
_ILLEGAL = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_ATTRIBUTE_NAME = re.compile(r"(?!aws\.|amazon\.|\.)(?!.*\.\.)[A-Za-z0-9_.-]{1,256}(?<!\.)", re.I)
_DATA_TYPE = re.compile(r"(String|Number|Binary)(\..+)?")


@dataclass(frozen=True, slots=True)
class Call:
    """One call: the operation in botocore's spelling (`send_message_batch`), and its entries."""

    operation: str
    entries: Sequence[Entry]


class FakeSqs:
    """An intake queue and its dead-letter queue.

    The limits and refusals are those of the pages "Amazon SQS message quotas" and of the
    operations in the "Amazon SQS API Reference"; types are checked against botocore's model.

    Attributes
    ----------
    calls
        What was asked, in order, whatever became of it.
    dead
        The entries that the dead-letter queue took.
    deleted
        Receipt handles of messages deleted from the intake queue.
    visibility
        By receipt handle: the seconds until the message comes back.
    refused
        Codes of what was refused without a script saying so: mistakes of the caller.
    """

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.dead: list[Entry] = []
        self.deleted: list[str] = []
        self.visibility: dict[str, int] = {}
        self.refused: list[str] = []
        self._scripts: dict[str, deque[Fault | None]] = {}
        self._always: dict[str, Fault] = {}

    def script(self, operation: str, *faults: Fault | None) -> None:
        """Let the operation's next calls meet these faults; None: the call succeeds."""
        self._scripts.setdefault(operation, deque()).extend(faults)

    def always(self, operation: str, fault: Fault) -> None:
        """Let every call of the operation that no script is for meet a fault."""
        self._always[operation] = fault

    def count(self, operation: str) -> int:
        return sum(call.operation == operation for call in self.calls)

    def send_message_batch(self, **parameters: Any) -> dict[str, Any]:
        return self._call("SendMessageBatch", parameters, DEAD, self._send)

    def delete_message_batch(self, **parameters: Any) -> dict[str, Any]:
        return self._call("DeleteMessageBatch", parameters, INTAKE, self._delete)

    def change_message_visibility_batch(self, **parameters: Any) -> dict[str, Any]:
        return self._call("ChangeMessageVisibilityBatch", parameters, INTAKE, self._change)

    def _call(
        self,
        operation: str,
        parameters: Mapping[str, Any],
        queue_url: str,
        carry_out: Callable[[Entry], str | None],
    ) -> dict[str, Any]:
        name = re.sub("(?<!^)([A-Z])", r"_\1", operation).lower()
        entries: Sequence[Entry] = parameters.get("Entries") or []
        self.calls.append(Call(name, entries))
        fault = self._fault(name)
        if callable(fault):
            fault = fault()
        if isinstance(fault, BaseException):
            raise fault
        self._check_call(operation, parameters, queue_url)
        positions = fault if isinstance(fault, Collection) else ()
        successful, failed = [], []
        for position, entry in enumerate(entries):
            if position in positions:
                code: str | None = "InternalError"
            elif code := carry_out(entry):
                self.refused.append(code)
            if code:
                failed.append({"Id": entry["Id"], "Code": code, "SenderFault": True})
            else:
                successful.append({"Id": entry["Id"]})
        # A list with nothing in it is not in the answer.
        return {
            key: value for key, value in (("Successful", successful), ("Failed", failed)) if value
        }

    def _fault(self, name: str) -> Any:
        scripted = self._scripts.get(name)
        return scripted.popleft() if scripted else self._always.get(name)

    def _check_call(self, operation: str, parameters: Mapping[str, Any], queue_url: str) -> None:
        if problems := _TYPES.problems(operation, parameters):
            self.refused.append("ParamValidation")
            raise ParamValidationError(report=problems)
        entries = parameters["Entries"]
        ids = [entry["Id"] for entry in entries]
        sizes = [size_of(entry) for entry in entries]
        refusals = {
            "QueueDoesNotExist": parameters["QueueUrl"] != queue_url,
            "EmptyBatchRequest": not entries,
            "TooManyEntriesInBatchRequest": len(entries) > 10,
            "BatchEntryIdsNotDistinct": len(set(ids)) < len(ids),
            "InvalidBatchEntryId": not all(re.fullmatch(r"[\w-]{1,80}", id_, re.A) for id_ in ids),
            "MissingParameter": any(entry.get("MessageBody") == "" for entry in entries),
            "BatchRequestTooLong": sum(sizes) > MIB,
        }
        for code, refused in refusals.items():
            if refused:
                self.refused.append(code)
                raise client_error(code, operation)

    def _send(self, entry: Entry) -> str | None:
        attributes = entry.get("MessageAttributes", {})
        if _ILLEGAL.search(entry["MessageBody"]):
            return "InvalidMessageContents"
        if len(attributes) > 10 or not all(map(_is_attribute, attributes, attributes.values())):
            return "InvalidParameterValue"
        self.dead.append(entry)
        return None

    def _delete(self, entry: Entry) -> str | None:
        if not entry["ReceiptHandle"]:
            return "ReceiptHandleIsInvalid"
        self.deleted.append(entry["ReceiptHandle"])
        return None

    def _change(self, entry: Entry) -> str | None:
        handle = entry["ReceiptHandle"]
        if not handle or handle in self.deleted:
            return "ReceiptHandleIsInvalid"
        if not 0 <= entry["VisibilityTimeout"] <= 43_200:
            return "InvalidParameterValue"
        self.visibility[handle] = entry["VisibilityTimeout"]
        return None


def client_error(code: str, operation: str = "SendMessageBatch") -> ClientError:
    """Return a refusal as botocore raises it; the text is one that must not be logged."""
    return ClientError({"Error": {"Code": code, "Message": f"canary of {code}"}}, operation)


def can_hold(body: str) -> bool:
    """Return whether a message may have this body."""
    return bool(body) and not _ILLEGAL.search(body)


def size_of(entry: Entry) -> int:
    """Return the bytes of an entry by SQS's count: body and attributes' names, types, values."""
    size = len(entry.get("MessageBody", "").encode("utf-8", "surrogatepass"))
    for name, value in entry.get("MessageAttributes", {}).items():
        content = value.get("BinaryValue") or value.get("StringValue", "").encode()
        size += len(name.encode()) + len(value["DataType"].encode()) + len(content)
    return size


def _is_attribute(name: str, value: Mapping[str, Any]) -> bool:
    kind = _DATA_TYPE.fullmatch(value["DataType"])
    if not _ATTRIBUTE_NAME.fullmatch(name) or not kind:
        return False
    if kind[1] == "Binary":
        return bool(value.get("BinaryValue")) and "StringValue" not in value
    text = value.get("StringValue", "")
    if "BinaryValue" in value or not text or _ILLEGAL.search(text):
        return False
    return kind[1] == "String" or bool(re.fullmatch(r"[+-]?\d+(\.\d+)?([eE][+-]?\d+)?", text))
