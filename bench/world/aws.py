"""AWS behind botocore: requests are serialized and signed, and answered without a network."""

import io
import json
import math
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import botocore.client
from botocore.awsrequest import AWSPreparedRequest, AWSResponse

from bench.world.table import StubbedTable

# What the body of a call has once for each of its entries.
_ENTRY_MARKS = {"BatchExecuteStatement": b'"Statement"', "PutEvents": b'"DetailType"'}
_CHUNK_BYTES = 64 * 1024
# EventBridge counts this many bytes for an entry's time (see "Calculating Amazon EventBridge
# PutEvents event entry size" in the AWS documentation).
_TIME_BYTES = 14
_RECEIPT_HANDLE = "AQEB" + 172 * "x" + "="


@dataclass(slots=True)
class StubbedAws:
    """Answers every request as AWS does if nothing fails, and counts them; safe for threads.

    Attributes
    ----------
    latency_seconds
        How long a service takes to answer, keyed by its name in boto3.
    table
        Carries out the operations of DynamoDB. Without it, all of them succeed.
    waiting
        The bodies of the messages that `ReceiveMessage` returns next.
    sent
        The bodies of the messages that were sent.
    calls
        How often each operation was called.
    entries
        How many entries the calls of an operation had together: statements, or events.
    counts_chunks
        Whether `chunks` are counted, which takes some CPU time.
    chunks
        How many units of 64 KB AWS bills for an operation: of SQS and of EventBridge.
    cpu_seconds
        The CPU time of the answers.
    """

    latency_seconds: dict[str, float] = field(default_factory=dict)
    table: StubbedTable | None = None
    waiting: list[str] = field(default_factory=list)
    sent: list[str] = field(default_factory=list)
    counts_chunks: bool = False
    calls: Counter[str] = field(default_factory=Counter)
    entries: Counter[str] = field(default_factory=Counter)
    chunks: Counter[str] = field(default_factory=Counter)
    cpu_seconds: float = 0.0
    _answers: dict[tuple[str, int], bytes] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def attach(self, client: Any) -> Any:
        """Answer the requests of a boto3 client, and return the client."""
        service = client.meta.service_model.service_name

        def answer(request: AWSPreparedRequest, event_name: str, **_: Any) -> AWSResponse:
            operation = event_name.rpartition(".")[2]
            if seconds := self.latency_seconds.get(service):
                time.sleep(seconds)
            with self._lock:
                start = time.thread_time()
                body = self._count_and_answer(service, operation, request.body)
                self.cpu_seconds += time.thread_time() - start
            headers: Any = {
                "Content-Type": "application/x-amz-json-1.0",
                "Content-Length": str(len(body)),
                "x-amzn-RequestId": "QEXAMPLE0000000000000000000000000000000000000000000A",
            }
            return AWSResponse(request.url, 200, headers, _Stream(body))

        client.meta.events.register("before-send", answer)
        return client

    def attach_to_new_clients(self) -> None:
        """Answer the requests of every client that this process creates from now on."""
        creator: Any = botocore.client.ClientCreator
        create_client = creator.create_client

        def create(*args: Any, **kwargs: Any) -> Any:
            return self.attach(create_client(*args, **kwargs))

        creator.create_client = create

    def _count_and_answer(self, service: str, operation: str, request: Any) -> bytes:
        self.calls[operation] += 1
        count = request.count(_ENTRY_MARKS.get(operation, b'"'))
        self.entries[operation] += count if operation in _ENTRY_MARKS else 1
        if service == "dynamodb" and self.table:
            return json.dumps(self.table.answer(operation, request)).encode()
        if service == "sqs":
            content, size = self._answer_of_sqs(operation, json.loads(request))
            self.chunks[operation] += chunks_of(size)
            return json.dumps(content).encode()
        if operation == "PutEvents" and self.counts_chunks:
            entries = json.loads(request)["Entries"]
            self.chunks[operation] += sum(chunks_of(_event_bytes(entry)) for entry in entries)
        return self._answer(operation, count)

    def _answer_of_sqs(self, operation: str, request: Any) -> tuple[dict[str, Any], int]:
        """Return the response's content, and the bytes of the messages that AWS bills."""
        match operation:
            case "ReceiveMessage":
                count = request["MaxNumberOfMessages"]
                bodies, self.waiting = self.waiting[:count], self.waiting[count:]
                messages = [
                    {"MessageId": str(n), "ReceiptHandle": _RECEIPT_HANDLE, "Body": body}
                    for n, body in enumerate(bodies)
                ]
                return {"Messages": messages}, sum(map(len, bodies))
            case "SendMessageBatch":
                bodies = [entry["MessageBody"] for entry in request["Entries"]]
                self.sent += bodies
                sent = [{"Id": entry["Id"], "MessageId": "1"} for entry in request["Entries"]]
                return {"Successful": sent, "Failed": []}, sum(map(len, bodies))
            case "DeleteMessage":
                return {}, 0
        raise AssertionError(f"nobody answers {operation}")

    def _answer(self, operation: str, count: int) -> bytes:
        match operation:
            case "BatchExecuteStatement":
                entry, frame = '{"TableName":"QueueEnds-dev-Ledger"}', '{"Responses":[%s]}'
            case "PutEvents":
                entry = '{"EventId":"11710aed-b79e-4468-a20b-bb3c0c3b4860"}'
                frame = '{"FailedEntryCount":0,"Entries":[%s]}'
            case "PutItem" | "UpdateItem":
                return b"{}"
            case _:
                raise AssertionError(f"nobody answers {operation}")
        if (operation, count) not in self._answers:
            self._answers[operation, count] = (frame % ",".join([entry] * count)).encode()
        return self._answers[operation, count]


def chunks_of(size: int) -> int:
    """Return how many requests or events AWS bills for so many bytes: one for each 64 KB."""
    return max(1, math.ceil(size / _CHUNK_BYTES))


def _event_bytes(entry: dict[str, Any]) -> int:
    texts: Iterable[str] = [entry["Source"], entry["DetailType"], entry["Detail"]]
    time_bytes = _TIME_BYTES if "Time" in entry else 0
    return time_bytes + sum(len(text.encode()) for text in [*texts, *entry.get("Resources", [])])


class _Stream(io.BytesIO):
    """A response's body, as urllib3 passes it on."""

    def stream(self, **_: Any) -> Iterator[bytes]:
        yield self.read()
