"""AWS behind botocore: requests are serialized and signed, and answered without a network."""

import io
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import botocore.client
from botocore.awsrequest import AWSPreparedRequest, AWSResponse

# What the body of a call has once for each of its entries.
_ENTRY_MARKS = {"BatchExecuteStatement": b'"Statement"', "PutEvents": b'"DetailType"'}


@dataclass(slots=True)
class StubbedAws:
    """Answers every request as AWS does if nothing fails, and counts them; safe for threads.

    Attributes
    ----------
    latency_seconds
        How long a service takes to answer, keyed by its name in boto3.
    calls
        How often each operation was called.
    entries
        How many entries the calls of an operation had together: statements, or events.
    """

    latency_seconds: dict[str, float] = field(default_factory=dict)
    calls: Counter[str] = field(default_factory=Counter)
    entries: Counter[str] = field(default_factory=Counter)
    _answers: dict[tuple[str, int], bytes] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def attach(self, client: Any) -> Any:
        """Answer the requests of a boto3 client, and return the client."""
        service = client.meta.service_model.service_name

        def answer(request: AWSPreparedRequest, event_name: str, **_: Any) -> AWSResponse:
            operation = event_name.rpartition(".")[2]
            if seconds := self.latency_seconds.get(service):
                time.sleep(seconds)
            body: Any = request.body
            count = body.count(_ENTRY_MARKS.get(operation, b'"'))
            with self._lock:
                self.calls[operation] += 1
                self.entries[operation] += count if operation in _ENTRY_MARKS else 1
            answer_body = self._answer(operation, count)
            headers: Any = {
                "Content-Type": "application/x-amz-json-1.0",
                "Content-Length": str(len(answer_body)),
                "x-amzn-RequestId": "QEXAMPLE0000000000000000000000000000000000000000000A",
            }
            return AWSResponse(request.url, 200, headers, _Stream(answer_body))

        client.meta.events.register("before-send", answer)
        return client

    def attach_to_new_clients(self) -> None:
        """Answer the requests of every client that this process creates from now on."""
        creator: Any = botocore.client.ClientCreator
        create_client = creator.create_client

        def create(*args: Any, **kwargs: Any) -> Any:
            return self.attach(create_client(*args, **kwargs))

        creator.create_client = create

    def _answer(self, operation: str, count: int) -> bytes:
        match operation:
            case "BatchExecuteStatement":
                entry, frame = '{"TableName":"QueueEnds-dev-Ledger"}', '{"Responses":[%s]}'
            case "PutEvents":
                entry = '{"EventId":"11710aed-b79e-4468-a20b-bb3c0c3b4860"}'
                frame = '{"FailedEntryCount":0,"Entries":[%s]}'
            case "DeleteMessage" | "PutItem" | "UpdateItem":
                return b"{}"
            case _:
                raise AssertionError(f"nobody answers {operation}")
        if (operation, count) not in self._answers:
            self._answers[operation, count] = (frame % ",".join([entry] * count)).encode()
        return self._answers[operation, count]


class _Stream(io.BytesIO):
    """A response's body, as urllib3 passes it on."""

    def stream(self, **_: Any) -> Iterator[bytes]:
        yield self.read()
