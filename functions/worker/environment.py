"""What the worker is given: its settings, queues, ledger and destinations, from the environment."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import boto3

from aws_calls import limits
from conversations.end_rules import end_rule
from conversations.histories import Histories
from conversations.ledger import Ledger
from destinations.chosen import chosen
from destinations.destination import Destination
from dynamodb.ledger_table import LedgerTable
from worker.arrivals import Partnered, Subscribed
from worker.batch import Reader
from worker.intake_queue import IntakeQueue


def now_ms() -> int:
    """Return the time in epoch milliseconds."""
    return time.time_ns() // 1_000_000


@dataclass(frozen=True, slots=True)
class Environment:
    """All that the worker works with, made once for many invocations."""

    stage: str
    reader: Reader
    intake: IntakeQueue
    ledger: Ledger
    destinations: Sequence[Destination]

    @classmethod
    def of(cls, variables: Mapping[str, str]) -> "Environment":
        """Return what the function's environment variables lead to; see `infra/worker.py`."""
        # The user's code first: it may want to set something up before clients are made.
        destinations = chosen(variables)
        intake = IntakeQueue(
            # Short limits, so that a call that hangs leaves time to report the batch.
            boto3.client("sqs", config=limits(attempts=2)),
            queue_url=variables["QUEUE_URL"],
            dead_letter_queue_url=variables["DEAD_LETTER_QUEUE_URL"],
            retry_delay=int(variables["RETRY_DELAY_SECONDS"]),
            settle_seconds=int(variables.get("SETTLE_SECONDS", "0")),
        )
        # The table repeats its calls itself, for as long as there is time.
        dynamodb = boto3.client("dynamodb", config=limits())
        table = LedgerTable(dynamodb, variables["LEDGER_TABLE"])
        days = int(variables["LEDGER_DAYS"])
        return cls(
            stage=variables["STAGE"],
            reader=_reader(variables, Histories(table, days=days, now_ms=now_ms), intake),
            intake=intake,
            ledger=Ledger(table, days=days, now_ms=now_ms),
            destinations=destinations,
        )


def _reader(variables: Mapping[str, str], joins: Histories, intake: IntakeQueue) -> Reader:
    queue_ids = frozenset(variables["QUEUE_IDS"].split(","))
    if variables.get("DELIVERY", "subscription") == "subscription":
        return Subscribed(queue_ids)
    return Partnered(queue_ids, end_rule(variables["END_RULE"], joins, intake.send_later))
