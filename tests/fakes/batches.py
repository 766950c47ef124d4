"""Runs batches through the worker's `process` with in-memory clients."""

import json
from collections.abc import Callable, Iterable
from typing import Any

from conversations.end import ConversationEnd
from conversations.ledger import Ledger
from conversations.subscription_event import parse_subscription_event
from deadline import InvocationContext
from destinations.call_actions import Actions
from destinations.destination import Destination
from dynamodb.ledger_table import LedgerTable
from tests.bodies import ENDED, QUEUE
from tests.fakes.aws.dynamodb import TABLE, FakeDynamoDb
from tests.fakes.aws.sqs import DEAD, INTAKE, FakeSqs
from tests.fakes.clock import Clock, VirtualThreads
from worker.batch import Dependencies, process
from worker.details_step import DetailsStep
from worker.intake_queue import IntakeQueue
from worker.messages import Message, Reader
from worker.report import BatchReport

SECOND_QUEUE = "second-queue"


class Batches:
    """Runs batches. By default the destination is an action that a test can make fail.

    Attributes
    ----------
    acted_ends
        The ends that the action was called with.
    action_effects
        Keyed by conversation id: an error that the action raises, or a function that it calls.
    action
        The action; a test may replace it.
    destinations
        The destinations; None for the action alone.
    reader
        The message reader; None for the subscription's reader.
    details
        Completes claimed ends; None if ends get no details.
    """

    def __init__(self, sqs: FakeSqs, clock: Clock, dynamodb: FakeDynamoDb | None = None) -> None:
        self.sqs = sqs
        self.clock = clock
        self.dynamodb = dynamodb or FakeDynamoDb()
        self.destinations: list[Destination] | None = None
        self.reader: Reader | None = None
        self.details: DetailsStep | None = None
        self.acted_ends: list[ConversationEnd] = []
        self.action: Callable[[ConversationEnd], None] = self._act
        self.action_effects: dict[str, BaseException | Callable[[], object]] = {}

    def run(
        self, records: Iterable[dict[str, Any]], context: InvocationContext | None = None
    ) -> BatchReport:
        """Process a batch, by default in an invocation of 30 seconds."""
        dependencies = Dependencies(
            reader=self.reader or Reader({QUEUE, SECOND_QUEUE}, parse_subscription_event),
            intake=IntakeQueue(self.sqs, INTAKE, DEAD, retry_delay_seconds=30),  # type: ignore[arg-type]
            ledger=Ledger(
                LedgerTable(self.dynamodb, TABLE),  # type: ignore[arg-type]
                days=20,
                now_ms=self.now_ms,
            ),
            destinations=self.destinations or [Actions(self.action)],
            details=self.details,
            now_ms=self.now_ms,
            sleep=self.clock.sleep,
            make_threads=lambda: VirtualThreads(self.clock),
        )
        messages = [Message.from_record(record) for record in records]
        return process(messages, dependencies, context or self.clock.invocation(30))

    def now_ms(self) -> int:
        """Return the clock's time in epoch milliseconds; the clock starts at `ENDED`."""
        return int(ENDED.timestamp() * 1000 + self.clock.now * 1000)

    def _act(self, end: ConversationEnd) -> None:
        self.acted_ends.append(end)
        match self.action_effects.get(end.conversation_id):
            case None:
                pass
            case BaseException() as error:
                raise error
            case effect:
                effect()


def outcomes_of(report: BatchReport) -> dict[str, str]:
    """Return each message's outcome and reason (`ignored.other_queue`), keyed by message id."""
    outcomes = {o.message.id: f"{o.kind}.{o.reason}".rstrip(".") for o in report.outcomes}
    assert len(outcomes) == len(report.outcomes)
    return outcomes


def reported_ids(report: BatchReport) -> list[str]:
    """Check the form of a report's response and return the message ids in it."""
    response = json.loads(json.dumps(report.response()))
    assert list(response) == ["batchItemFailures"]
    failures = response["batchItemFailures"]
    assert all(list(failure) == ["itemIdentifier"] for failure in failures)
    ids = [failure["itemIdentifier"] for failure in failures]
    assert all(isinstance(id_, str) and id_ for id_ in ids)
    assert len(set(ids)) == len(ids)
    return ids
