"""Genesys Cloud's analytics in memory, and a worker that asks them for details."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from deadline import Deadline
from details.lookup import ConversationLookup
from genesys.analytics import Conversation
from tests.bodies import ENDED, QUEUE
from tests.fakes.aws.dynamodb import FakeDynamoDb
from tests.fakes.aws.queue import Queue
from tests.fakes.aws.sqs import DEAD, INTAKE, Entry
from tests.fakes.batches import Batches, outcomes_of, reported_ids
from tests.fakes.clock import Clock
from worker.details_step import DetailsSettings, DetailsStep
from worker.intake_queue import IntakeQueue, logger
from worker.report import BatchReport

WAIT_SECONDS = 60


def conversation_id(number: int) -> str:
    """Return an id as Genesys Cloud writes it."""
    return f"0f8fad5b-d9cb-469f-a165-{number:012x}"


def analytics_conversation(
    id_: str, *, queue_id: str = QUEUE, ended_at: datetime = ENDED, **fields: Any
) -> dict[str, Any]:
    """Return an answered call that has ended, as analytics have it, with some fields replaced."""

    def at(seconds: float) -> str:
        time = ended_at.astimezone(UTC) + timedelta(seconds=seconds)
        return time.isoformat(timespec="milliseconds").replace("+00:00", "Z")

    def session(start: float, end: float, **more: Any) -> dict[str, Any]:
        segment = {"segmentStart": at(start), "segmentEnd": at(end), **more}
        return {"mediaType": "voice", "direction": "inbound", "segments": [segment]}

    acd = session(-300, -280, queueId=queue_id, disconnectType="transfer")
    acd["metrics"] = [{"name": "tAcd", "value": 20_000}, {"name": "nOffered", "value": 1}]
    agent = session(-280, 0, queueId=queue_id, disconnectType="client", wrapUpCode="code-1")
    agent["metrics"] = [{"name": "tTalk", "value": 280_000}, {"name": "tHandle", "value": 280_000}]
    return {
        "conversationId": id_,
        "conversationStart": at(-310),
        "conversationEnd": at(0),
        "originatingDirection": "inbound",
        "participants": [
            {
                "participantId": "p-customer",
                "participantName": "kanarienvogel",
                "purpose": "customer",
                "sessions": [session(-310, 0, disconnectType="peer") | {"ani": "kanarienvogel"}],
            },
            {"participantId": "p-acd", "purpose": "acd", "sessions": [acd]},
            {"participantId": "p-agent", "purpose": "agent", "userId": "u-1", "sessions": [agent]},
        ],
    } | fields


@dataclass
class FakeAnalytics:
    """Analytics that have a conversation from some moment on.

    Attributes
    ----------
    there_at
        When a conversation is there, in the clock's seconds, keyed by id. Any other conversation
        is always there.
    make
        Makes the conversation with an id.
    fault
        Called with the ids of each request; an error that it returns is raised.
    requests
        The ids of each request.
    """

    clock: Clock
    there_at: dict[str, float] = field(default_factory=dict)
    make: Callable[[str], Conversation] = analytics_conversation
    fault: Callable[[Sequence[str]], BaseException | None] = lambda _: None
    requests: list[list[str]] = field(default_factory=list)

    def fetch_conversations(
        self, conversation_ids: Sequence[str], deadline: Deadline
    ) -> list[Conversation]:
        assert not deadline.passed()
        self.requests.append([*conversation_ids])
        if error := self.fault(conversation_ids):
            raise error
        return [
            self.make(id_)
            for id_ in conversation_ids
            if self.there_at.get(id_, 0) <= self.clock.now
        ]


@dataclass
class OpenSlots:
    """Request slots that are free at once, except during a pause."""

    clock: Clock
    paused_until: float = 0.0

    def take(self, deadline: Deadline) -> bool:
        return not deadline.passed() and self.clock.now >= self.paused_until

    def pause(self, seconds: float, deadline: Deadline) -> None:
        self.paused_until = max(self.paused_until, self.clock.now + seconds)


class OwnQueue(Queue):
    """An intake queue that also takes the messages that the worker sends itself.

    Attributes
    ----------
    sent_to_itself
        The entries of these messages, in order.
    """

    def __init__(self, clock: Callable[[], float], *, max_receives: int = 12) -> None:
        super().__init__(clock, max_receives=max_receives)
        self.sent_to_itself: list[Entry] = []

    def send_message_batch(self, **parameters: Any) -> dict[str, Any]:
        if parameters.get("QueueUrl") == INTAKE:
            return self._call("SendMessageBatch", parameters, INTAKE, self._send_to_itself)
        return super().send_message_batch(**parameters)

    def _send_to_itself(self, entry: Entry) -> str | None:
        if not 0 <= entry.get("DelaySeconds", 0) <= 900:
            return "InvalidParameterValue"
        if problem := self._check_body(entry):
            return problem
        self.sent_to_itself.append(entry)
        message = self.waiting[self.put(entry["MessageBody"])]
        message.due += entry.get("DelaySeconds", 0)
        return None

    def _check_body(self, entry: Entry) -> str | None:
        return None if entry["MessageBody"].isascii() else "InvalidMessageContents"


class DetailsWorker:
    """A worker with details, its intake queue, and analytics."""

    def __init__(self, dynamodb: FakeDynamoDb, *, max_attempts: int = 3, **settings: Any) -> None:
        self.clock = Clock()
        self.dynamodb = dynamodb
        self.queue = OwnQueue(self.clock)
        self.batches = Batches(self.queue, self.clock, dynamodb)
        self.analytics = FakeAnalytics(self.clock)
        self.slots = OpenSlots(self.clock)
        self.reports: list[BatchReport] = []
        self.batches.details = DetailsStep(
            ConversationLookup(self.analytics, self.slots, logger),
            IntakeQueue(self.queue, INTAKE, DEAD, retry_delay_seconds=30),  # type: ignore[arg-type]
            DetailsSettings(
                **{
                    "wait_seconds": WAIT_SECONDS,
                    "max_attempts": max_attempts,
                    "with_personal_data": False,
                    "ends_are_legs": False,
                }
                | settings
            ),
        )

    def run(self, *, batch_size: int = 10, until: float = float("inf")) -> list[str]:
        """Process messages as they fall due, and return their outcomes in order."""
        outcomes: list[str] = []
        while (due := self.queue.next_due()) is not None and due <= until:
            now = self.clock.now = max(self.clock.now, due)
            while records := self.queue.receive(batch_size):
                report = self.batches.run(records)
                self.reports.append(report)
                outcomes += outcomes_of(report).values()
                self.queue.settle(records, reported_ids(report))
                self.clock.now = now  # the next batch is processed at the same time
        return outcomes

    def arrivals(self) -> dict[str, str]:
        """Return the details of each end that arrived, keyed by conversation id."""
        ends = self.batches.acted_ends
        assert len({end.end_id for end in ends}) == len(ends), "an end arrived twice"
        return {end.conversation_id: end.details for end in ends}

    def attempts_sent(self) -> list[int]:
        """Return the number of attempts in each delayed message that the worker sent."""
        bodies = [json.loads(entry["MessageBody"]) for entry in self.queue.sent_to_itself]
        return [body["queueEndsDelayedEnd"]["attempts"] for body in bodies]
