"""The calls and the deaths of worker processes, as the fault proxy records them."""

import json
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

OPERATIONS = {"claim", "takeover", "mark", "release", "SendMessageBatch", "DeleteMessageBatch"}
"""The operations of the calls that the report needs. The others are not kept."""


@dataclass(slots=True)
class Call:
    """A call from the worker to AWS.

    Attributes
    ----------
    pid
        The process that made the call.
    operation
        The call's operation, as `operation_of` returns it: `claim`, `mark`, `PutEvents`, …
    request, response
        The call's body, and the body of AWS's response; None if AWS did not carry the call out.
    received_at, done_at
        When the proxy received the call, and when AWS had responded, in epoch seconds.
    lost
        Whether AWS's response did not reach the process.
    """

    pid: int
    operation: str
    request: dict[str, Any]
    received_at: float
    done_at: float = 0.0
    response: dict[str, Any] | None = None
    lost: bool = False


@dataclass(frozen=True, slots=True)
class Death:
    """The death of a worker process.

    Attributes
    ----------
    operation
        The operation of the call during which the process died.
    request
        The body of this call; empty if the process hung in an action, which calls the CRM.
    """

    pid: int
    operation: str
    request: dict[str, Any] = field(default_factory=dict)


class CallLog:
    """Recorded calls, in the order of their receipt; they are kept compressed.

    A long run makes many more calls than fit into memory otherwise.
    """

    def __init__(self, calls: Iterable[Call] = ()) -> None:
        self._packed: list[tuple[float, int, str, bytes]] = []
        for call in calls:
            self.append(call)

    def append(self, call: Call) -> None:
        """Keep a call if the report needs it."""
        if call.operation in OPERATIONS:
            content = [call.pid, call.request, call.done_at, call.response, call.lost]
            packed = zlib.compress(json.dumps(content).encode(), 1)
            # The number decides between calls that were received at the same moment.
            number = len(self._packed)
            self._packed.append((call.received_at, number, call.operation, packed))

    def __iter__(self) -> Iterator[Call]:
        return self.of(*OPERATIONS)

    def of(self, *operations: str) -> Iterator[Call]:
        """Yield the calls of some operations."""
        for received_at, _, operation, packed in sorted(self._packed):
            if operation in operations:
                pid, request, done_at, response, lost = json.loads(zlib.decompress(packed))
                yield Call(pid, operation, request, received_at, done_at, response, lost)
