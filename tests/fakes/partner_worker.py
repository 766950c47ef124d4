"""The worker behind the EventBridge integration, with everything around it in memory."""

import itertools
from collections.abc import Collection
from datetime import datetime
from typing import Any

from conversations.end_rules import EndRule, end_rule
from conversations.histories import Histories
from dynamodb.ledger_table import LedgerTable
from tests.bodies import QUEUE
from tests.fakes.aws.dynamodb import TABLE, FakeDynamoDb
from tests.fakes.aws.sqs import DEAD, INTAKE, Entry, FakeSqs
from tests.fakes.aws.sqs_event import record
from tests.fakes.batches import SECOND_QUEUE, Batches, reported
from tests.fakes.clock import Clock
from worker.intake_queue import IntakeQueue
from worker.messages import Reader
from worker.readers import parse_either_event
from worker.report import BatchReport

RULES = ("touched", "last_queue", "queue_leg")
SETTLE_SECONDS = 60


class DelayingSqs(FakeSqs):
    """Queues of which the intake queue takes messages too.

    Attributes
    ----------
    delayed
        The entries that the intake queue took and that have not come back yet.
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
        What it works with; all new, unless a test says otherwise.
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
        self.batches.reader = Reader(queue_ids, parse_either_event, self._rule(rule))
        self._ids = itertools.count(1)

    def _rule(self, rule: str) -> EndRule:
        histories = Histories(
            LedgerTable(self.dynamodb, TABLE), days=20, now_ms=self.batches.now_ms
        )
        intake = IntakeQueue(
            self.sqs, INTAKE, DEAD, retry_delay_seconds=30, settle_seconds=SETTLE_SECONDS
        )
        return end_rule(rule, histories, intake.send_later)

    def arrive(self, *bodies: str) -> list[str]:
        """Have messages arrive in one batch; return the outcome of each."""
        report = self.run(*bodies)
        words = {o.message.id: f"{o.kind}.{o.reason}".rstrip(".") for o in report.outcomes}
        assert len(words) == len(report.outcomes) == len(bodies)
        failed = [id_ for id_, word in words.items() if word.startswith("failed")]
        assert sorted(reported(report)) == sorted(failed)
        return [words[id_] for id_ in sorted(words, key=lambda id_: int(id_[2:]))]

    def run(self, *bodies: str) -> BatchReport:
        return self.batches.run([record(body, f"m-{next(self._ids)}") for body in bodies])

    def settling(self) -> list[str]:
        """Return what the worker has sent itself and not got back yet."""
        return [entry["MessageBody"] for entry in self.sqs.delayed]

    def settle(self, most: int = 10) -> list[str]:
        """Let what was delayed come back, in batches of so many; return the outcomes."""
        outcomes = []
        self.clock.now += SETTLE_SECONDS
        while self.sqs.delayed:
            due, self.sqs.delayed = self.sqs.delayed[:most], self.sqs.delayed[most:]
            assert all(entry["DelaySeconds"] == SETTLE_SECONDS for entry in due)
            outcomes += self.arrive(*(entry["MessageBody"] for entry in due))
        return outcomes

    def ends(self) -> list[tuple[str, str, int]]:
        """Return conversation, queue and time (epoch ms) of each end that was delivered."""
        return sorted(
            (end.conversation_id, end.queue_id, at_ms(end.ended_at)) for end in self.batches.acted
        )


def at_ms(ended_at: str) -> int:
    return round(datetime.fromisoformat(ended_at).timestamp() * 1000)
