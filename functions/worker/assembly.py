"""Creates the worker's dependencies from its environment variables."""

from collections.abc import Mapping
from typing import Any

from aws_clients import LazyClient, make_client
from conversations.histories import Histories
from conversations.ledger import Ledger
from deadline import now_ms
from destinations.registry import load_destinations
from dynamodb.ledger_table import LedgerTable
from environment import DestinationVariables, read_variables
from side_by_side import SideBySide
from worker.batch import Dependencies
from worker.intake_queue import IntakeQueue
from worker.readers import make_reader
from worker.variables import WorkerVariables


def assemble(environment: Mapping[str, str]) -> tuple[Dependencies, str]:
    """Return the worker's dependencies and the stage's name."""
    variables = read_variables(WorkerVariables, environment)
    # This imports the user's code, which may configure boto3's default session. It therefore comes
    # before the clients are created.
    destinations = load_destinations(DestinationVariables(environment))
    sqs: Any = LazyClient("sqs")  # Most batches need no call.
    intake = IntakeQueue(
        sqs,
        queue_url=variables.queue_url,
        dead_letter_queue_url=variables.dead_letter_queue_url,
        retry_delay_seconds=variables.retry_delay_seconds,
        settle_seconds=variables.settle_seconds,
    )
    dynamodb = make_client("dynamodb")
    table = LedgerTable(dynamodb, variables.ledger_table, SideBySide())
    histories = Histories(table, days=variables.ledger_days, now_ms=now_ms)
    details = None
    if variables.details == "analytics":
        # Without details, nothing of this is imported.
        from worker.details_step import make_details_step  # noqa: PLC0415

        details = make_details_step(variables, dynamodb, intake)
    dependencies = Dependencies(
        reader=make_reader(variables, histories, intake),
        intake=intake,
        ledger=Ledger(table, days=variables.ledger_days, now_ms=now_ms),
        destinations=destinations,
        details=details,
    )
    return dependencies, variables.stage
