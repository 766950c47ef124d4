"""What the worker is given: its settings, queues, ledger and destinations, from the environment."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import boto3
from botocore.config import Config

from conversations.ledger import Ledger
from conversations.ledger_table import LedgerTable
from destinations.chosen import chosen
from destinations.delivery import Destination
from worker.intake import Intake


def now_ms() -> int:
    """Return the time in epoch milliseconds."""
    return time.time_ns() // 1_000_000


@dataclass(frozen=True, slots=True)
class Environment:
    """All that the worker works with, made once for many invocations."""

    stage: str
    queue_ids: frozenset[str]
    intake: Intake
    ledger: Ledger
    destinations: Sequence[Destination]

    @classmethod
    def of(cls, variables: Mapping[str, str]) -> "Environment":
        """Return what the function's environment variables lead to; see `infra/worker.py`."""
        # The user's code first: it may want to set something up before clients are made.
        destinations = chosen(variables)
        return cls(
            stage=variables["STAGE"],
            queue_ids=frozenset(variables["QUEUE_IDS"].split(",")),
            intake=Intake(
                # Short limits, so that a call that hangs leaves time to report the batch.
                boto3.client("sqs", config=_limits(attempts=2)),
                queue_url=variables["QUEUE_URL"],
                dead_letter_queue_url=variables["DEAD_LETTER_QUEUE_URL"],
                retry_delay=int(variables["RETRY_DELAY_SECONDS"]),
            ),
            ledger=Ledger(
                # The table repeats its calls itself, for as long as there is time.
                LedgerTable(
                    boto3.client("dynamodb", config=_limits(attempts=1)), variables["LEDGER_TABLE"]
                ),
                days=int(variables["LEDGER_DAYS"]),
                now_ms=now_ms,
            ),
            destinations=destinations,
        )


def _limits(attempts: int) -> Config:
    return Config(connect_timeout=1, read_timeout=2, retries={"total_max_attempts": attempts})
