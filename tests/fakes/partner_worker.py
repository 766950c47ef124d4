"""A worker for the delivery `eventbridge`, with in-memory clients."""

import itertools
from collections.abc import Collection
from datetime import datetime
from typing import Any

from conversations.end_rules.end_rule import EndRule
from conversations.end_rules.registry import make_end_rule
from conversations.histories import Histories
from dynamodb.ledger_table import LedgerTable
from tests.bodies import QUEUE
from tests.fakes.aws.dynamodb import TABLE, FakeDynamoDb
from tests.fakes.aws.sqs import DEAD, INTAKE, Entry, FakeSqs
from tests.fakes.aws.sqs_event import record
from tests.fakes.batches import SECOND_QUEUE, Batches, outcomes_of, reported_ids
from tests.fakes.clock import Clock
from worker.intake_queue import IntakeQueue
from worker.messages import Reader
from worker.readers import parse_either_event
from worker.report import BatchReport

RULES = ("touched", "last_queue", "queue_leg")
SETTLE_SECONDS = 60


class DelayingSqs(FakeSqs):
    """SQS that also accepts the messages that the worker sends to the intake queue.

    Attributes
    ----------
    delayed
        The entries sent to the intake queue that have not been received yet.
    """

    def __init__(self) -> None:
        super().__init__()
        self.delayed: list[Entry] = []

    def send_message_batch(self, **parameters: Any) -> dict[str, Any]:
        if parameters.get("QueueUrl") == INTAKE:
            return self._call("SendMessageBatch", parameters, INTAKE, self._delay)
        return super().send_message_batch(**parameters)

    def _delay(self, entry: Entry) -> str | None:
        if not 0 <= entry.get("DelaySeconds", 0) <= 900 or not entry["MessageBody"]:
            return "InvalidParameterValue"
        self.delayed.append(entry)
        return None


class PartnerWorker:
    """A worker with an end rule.

    Parameters
    ----------
    dynamodb, sqs
        The worker's clients; None for a new one.
    """

    def __init__(
        self,
        rule: str,
        *,
        dynamodb: Any = None,
        sqs: Any = None,
        queue_ids: Collection[str] = (QUEUE, SECOND_QUEUE),
    ) -> None:
        self.clock = Clock()
        self.dynamodb: Any = dynamodb or FakeDynamoDb()
        self.sqs: Any = sqs or DelayingSqs()
        self.batches = Batches(self.sqs, self.clock, self.dynamodb)
        self.batches.reader = Reader(queue_ids, parse_either_event, self._make_rule(rule))
        self._ids = itertools.count(1)

    def _make_rule(self, rule: str) -> EndRule:
        histories = Histories(
            LedgerTable(self.dynamodb, TABLE), days=20, now_ms=self.batches.now_ms
        )
        intake = IntakeQueue(
            self.sqs, INTAKE, DEAD, retry_delay_seconds=30, settle_seconds=SETTLE_SECONDS
        )
        return make_end_rule(rule, histories, intake.send_later)

    def process(self, *bodies: str) -> list[str]:
        """Process messages in one batch and return their outcomes, in the order of the bodies."""
        report = self.run(*bodies)
        outcomes = outcomes_of(report)
        assert len(outcomes) == len(bodies)
        failed_ids = [id_ for id_, outcome in outcomes.items() if outcome.startswith("failed")]
        assert sorted(reported_ids(report)) == sorted(failed_ids)
        return [outcomes[id_] for id_ in sorted(outcomes, key=lambda id_: int(id_[2:]))]

    def run(self, *bodies: str) -> BatchReport:
        """Process messages in one batch and return the report."""
        return self.batches.run([record(body, f"m-{next(self._ids)}") for body in bodies])

    def settling_bodies(self) -> list[str]:
        """Return the bodies that the worker has sent itself and not received yet."""
        return [entry["MessageBody"] for entry in self.sqs.delayed]

    def settle(self, batch_size: int = 10) -> list[str]:
        """Wait for the delayed messages, process them in batches, and return their outcomes."""
        outcomes = []
        self.clock.now += SETTLE_SECONDS
        while self.sqs.delayed:
            batch = self.sqs.delayed[:batch_size]
            self.sqs.delayed = self.sqs.delayed[batch_size:]
            assert all(entry["DelaySeconds"] == SETTLE_SECONDS for entry in batch)
            outcomes += self.process(*(entry["MessageBody"] for entry in batch))
        return outcomes

    def delivered_ends(self) -> list[tuple[str, str, int]]:
        """Return each delivered end's conversation id, queue id and time (epoch milliseconds)."""
        return sorted(
            (end.conversation_id, end.queue_id, at_ms(end.ended_at))
            for end in self.batches.acted_ends
        )


def at_ms(ended_at: str) -> int:
    return round(datetime.fromisoformat(ended_at).timestamp() * 1000)
