"""The worker's parts, assembled from its environment variables."""

from collections.abc import Callable, Mapping

import boto3

from aws_calls import client_config
from conversations.end_rules import end_rule
from conversations.histories import Histories
from conversations.ledger import Ledger
from conversations.subscription_event import parse_subscription_event
from deadline import now_ms
from destinations.chosen import chosen
from dynamodb.ledger_table import LedgerTable
from environment import Environment, Variables, read
from worker.batch import Parts
from worker.intake_queue import IntakeQueue
from worker.messages import Reader, parse_either_event


class WorkerVariables(Variables, frozen=True):
    """The worker's environment variables; those of the destinations are theirs to read."""

    stage: str
    queue_ids: str
    queue_url: str
    dead_letter_queue_url: str
    retry_delay_seconds: int
    ledger_table: str
    ledger_days: int
    delivery: str = "subscription"
    end_rule: str = "touched"
    settle_seconds: int = 0


def assemble(environment: Mapping[str, str]) -> tuple[Parts, str]:
    """Return the worker's parts, and the stage that it works for."""
    variables = read(WorkerVariables, environment)
    # The user's code first: it may want to set something up before clients are made.
    destinations = chosen(Environment(environment))
    intake = IntakeQueue(
        boto3.client("sqs", config=client_config()),
        queue_url=variables.queue_url,
        dead_letter_queue_url=variables.dead_letter_queue_url,
        retry_delay=variables.retry_delay_seconds,
        settle_seconds=variables.settle_seconds,
    )
    dynamodb = boto3.client("dynamodb", config=client_config())
    table = LedgerTable(dynamodb, variables.ledger_table)
    histories = Histories(table, days=variables.ledger_days, now_ms=now_ms)
    parts = Parts(
        reader=_READERS[variables.delivery](variables, histories, intake),
        intake=intake,
        ledger=Ledger(table, days=variables.ledger_days, now_ms=now_ms),
        destinations=destinations,
    )
    return parts, variables.stage


def _subscription_reader(variables: WorkerVariables, *_: object) -> Reader:
    return Reader(_queue_ids(variables), parse_subscription_event)


def _eventbridge_reader(
    variables: WorkerVariables, histories: Histories, intake: IntakeQueue
) -> Reader:
    rule = end_rule(variables.end_rule, histories, intake.send_later)
    return Reader(_queue_ids(variables), parse_either_event, rule)


def _queue_ids(variables: WorkerVariables) -> frozenset[str]:
    return frozenset(variables.queue_ids.split(","))


# By delivery, the maker of the reader of its messages.
_READERS: dict[str, Callable[[WorkerVariables, Histories, IntakeQueue], Reader]] = {
    "subscription": _subscription_reader,
    "eventbridge": _eventbridge_reader,
}
