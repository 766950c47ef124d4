"""The intake queue as SQS and the event source mapping treat it: receives, delays, redrive."""

import itertools
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from typing import Any

from tests.fakes.aws.sqs import Entry, FakeSqs
from tests.fakes.aws.sqs_event import SENT_AT, record


@dataclass(slots=True)
class Waiting:
    """A message in the queue; `due` is when it can be received, in the clock's seconds."""

    id: str
    body: str
    sent_at: int
    due: float
    receives: int = 0

    @property
    def handle(self) -> str:
        return f"r:{self.id}:{self.receives}"


class Queue(FakeSqs):
    """A standard queue with redrive, behind the calls that the worker makes.

    Parameters
    ----------
    clock
        Seconds; 0 is `SENT_AT`.
    max_receives
        A message that has been received so often is moved to the dead-letter queue.
    visibility
        Seconds until a received message comes back, unless it is deleted or delayed otherwise.

    Attributes
    ----------
    waiting
        By message id what is in the queue, in flight or not.
    exhausted
        The bodies in the dead-letter queue that redrive moved there; those that the worker sent
        there itself are in `dead`.
    delays
        By message id, the visibility timeouts that the worker has set, in order.
    """

    def __init__(
        self, clock: Callable[[], float], *, max_receives: int = 12, visibility: float = 180.0
    ) -> None:
        super().__init__()
        self.waiting: dict[str, Waiting] = {}
        self.exhausted: list[str] = []
        self.delays: dict[str, list[int]] = {}
        self._clock = clock
        self._max_receives = max_receives
        self._visibility = visibility
        self._ids = itertools.count(1)

    def put(self, body: str) -> str:
        """Send a message and return its id."""
        now = self._clock()
        message = Waiting(f"m-{next(self._ids)}", body, SENT_AT + int(now * 1000), now)
        self.waiting[message.id] = message
        return message.id

    def receive(self, most: int) -> list[dict[str, Any]]:
        """Return records of messages that are due, as Lambda gets them; those are in flight."""
        received: list[dict[str, Any]] = []
        now = self._clock()
        for message in [each for each in self.waiting.values() if each.due <= now]:
            if len(received) == most:
                break
            if message.receives == self._max_receives:
                del self.waiting[message.id]
                self.exhausted.append(message.body)
                continue
            message.receives += 1
            message.due = now + self._visibility
            told = record(
                message.body, message.id, receives=message.receives, sent_at=message.sent_at
            )
            received.append({**told, "receiptHandle": message.handle})
        return received

    def settle(self, records: Iterable[dict[str, Any]], failed: Collection[str]) -> None:
        """Delete what an invocation's response does not report."""
        for each in records:
            if each["messageId"] not in failed:
                self._delete({"ReceiptHandle": each["receiptHandle"]})

    def bodies_of_the_dead(self) -> list[str]:
        """Return the bodies in the dead-letter queue, however they came there."""
        return [*self.exhausted, *(entry["MessageBody"] for entry in self.dead)]

    def redrive(self) -> None:
        """Move all of the dead-letter queue back: as messages with ids of their own."""
        bodies = self.bodies_of_the_dead()
        self.exhausted.clear()
        self.dead.clear()
        for body in bodies:
            self.put(body)

    def next_due(self) -> float | None:
        """Return when the next message can be received; None where there is none."""
        return min((message.due for message in self.waiting.values()), default=None)

    def _delete(self, entry: Entry) -> str | None:
        if message := self._in_flight(entry):
            del self.waiting[message.id]
        return super()._delete(entry)

    def _change(self, entry: Entry) -> str | None:
        problem = super()._change(entry)
        if not problem and (message := self._in_flight(entry)):
            message.due = self._clock() + entry["VisibilityTimeout"]
            self.delays.setdefault(message.id, []).append(entry["VisibilityTimeout"])
        return problem

    def _in_flight(self, entry: Entry) -> Waiting | None:
        """Return the message that a receipt handle is of; None for one of an earlier receive."""
        message = self.waiting.get(entry["ReceiptHandle"].split(":")[1])
        return message if message and message.handle == entry["ReceiptHandle"] else None
