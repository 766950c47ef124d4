"""Batches for the worker's plain code, with everything around it in memory."""

import json
from collections.abc import Callable, Iterable
from typing import Any

from conversations.end import ConversationEnd
from conversations.ledger import Ledger
from conversations.subscription_event import parse_subscription_event
from deadline import InvocationContext
from destinations.destination import Destination
from destinations.user_code import Actions
from dynamodb.ledger_table import LedgerTable
from tests.bodies import ENDED, QUEUE
from tests.fakes.aws.dynamodb import TABLE, FakeDynamoDb
from tests.fakes.aws.sqs import DEAD, INTAKE, FakeSqs
from tests.fakes.clock import Clock
from worker.batch import Dependencies, process
from worker.intake_queue import IntakeQueue
from worker.messages import Message, Reader
from worker.report import BatchReport

SECOND_QUEUE = "second-queue"


class Batches:
    """Runs batches, with an action that does as it is told.

    Attributes
    ----------
    acted
        The ends that the action was called with.
    does
        By conversation id, what the action does with its ends: raise this, or call this.
    act
        The action itself, for tests that need one of their own.
    destinations
        Where ends go: to the action, unless a test says otherwise.
    reader
        What reads messages: the subscription's, unless a test says otherwise.
    """

    def __init__(self, sqs: FakeSqs, clock: Clock, dynamodb: FakeDynamoDb | None = None) -> None:
        self.sqs = sqs
        self.clock = clock
        self.dynamodb = dynamodb or FakeDynamoDb()
        self.destinations: list[Destination] | None = None
        self.reader: Reader | None = None
        self.acted: list[ConversationEnd] = []
        self.act: Callable[[ConversationEnd], None] = self._act
        self.does: dict[str, BaseException | Callable[[], object]] = {}

    def run(
        self, records: Iterable[dict[str, Any]], context: InvocationContext | None = None
    ) -> BatchReport:
        """Process a batch, by default in an invocation of 30 s."""
        parts = Dependencies(
            reader=self.reader or Reader({QUEUE, SECOND_QUEUE}, parse_subscription_event),
            intake=IntakeQueue(self.sqs, INTAKE, DEAD, retry_delay_seconds=30),  # type: ignore[arg-type]
            ledger=Ledger(
                LedgerTable(self.dynamodb, TABLE),  # type: ignore[arg-type]
                days=20,
                now_ms=self.now_ms,
            ),
            destinations=self.destinations or [Actions(self.act)],
            now_ms=self.now_ms,
            sleep=self.clock.sleep,
        )
        messages = [Message.from_record(record) for record in records]
        return process(messages, parts, context or self.clock.invocation(30))

    def now_ms(self) -> int:
        """Return the clock's time, which begins when ends end, in epoch milliseconds."""
        return int(ENDED.timestamp() * 1000 + self.clock.now * 1000)

    def _act(self, end: ConversationEnd) -> None:
        self.acted.append(end)
        match self.does.get(end.conversation_id):
            case None:
                pass
            case BaseException() as error:
                raise error
            case function:
                function()


def outcomes_of(report: BatchReport) -> dict[str, str]:
    """Return by message id its outcome and reason (`ignored.other_queue`), one for each."""
    words = {o.message.id: f"{o.kind}.{o.reason}".rstrip(".") for o in report.outcomes}
    assert len(words) == len(report.outcomes)
    return words


def reported(report: BatchReport) -> list[str]:
    """Return the message ids in a response, after looking at its shape."""
    response = json.loads(json.dumps(report.response()))
    assert list(response) == ["batchItemFailures"]
    failures = response["batchItemFailures"]
    assert all(list(failure) == ["itemIdentifier"] for failure in failures)
    ids = [failure["itemIdentifier"] for failure in failures]
    assert all(isinstance(id_, str) and id_ for id_ in ids)
    assert len(set(ids)) == len(ids)
    return ids
