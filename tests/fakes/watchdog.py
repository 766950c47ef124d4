"""The watchdog's clients in memory, and a run that finds a difference."""

import json
from collections import Counter
from typing import Any, TextIO
from uuid import uuid4

import pytest
from aws_lambda_powertools import Logger

from backfill import assembly, requests
from genesys.conversation_search import Page
from genesys.credentials import Credentials
from genesys.queue_ids import pack_ids
from local.traffic.subscription import OUR_QUEUES
from tests.fakes.aws.cloudformation import PROPERTIES, SUBSCRIPTION
from tests.fakes.aws.dynamodb import TABLE, FakeDynamoDb
from tests.fakes.aws.partner_events import FakePartnerEventSources
from tests.fakes.aws.secrets_manager import FakeSecrets
from tests.fakes.aws.sqs import FakeSqs, client_error
from tests.fakes.aws.stacks import FakeStacks
from tests.fakes.clock import Clock
from watchdog import backfill_step, queue_check, watch
from watchdog.backfill_step import BackfillStep
from watchdog.clients import Clients
from watchdog.deployment import Deployment


class FakeQueues:
    """Amazon SQS with any queues; `failure` is an AWS error code that each call is refused with."""

    def __init__(self) -> None:
        self.reads: Counter[str] = Counter()
        self.failure: str | None = None

    def get_queue_attributes(self, *, QueueUrl: str, AttributeNames: list[str]) -> dict[str, Any]:  # noqa: N803 - AWS's names
        self.reads[QueueUrl] += 1
        if self.failure:
            raise client_error(self.failure, "GetQueueAttributes")
        return {"Attributes": dict.fromkeys(AttributeNames, "0")}


def fake_clients(
    secrets: FakeSecrets,
    eventbridge: FakePartnerEventSources | None = None,
    stacks: FakeStacks | None = None,
    queues: FakeQueues | FakeSqs | None = None,
    dynamodb: FakeDynamoDb | None = None,
) -> Clients:
    """Return the watchdog's clients."""
    clients: Any = (
        secrets,
        eventbridge,
        stacks or FakeStacks(),
        queues or FakeQueues(),
        dynamodb or FakeDynamoDb(),
    )
    return Clients(*clients)


def run_watchdog(log: TextIO) -> None:
    """Run the watchdog of stage dev without its secret; the metrics go to stdout.

    The check of the queues finds them all.
    """
    url = "https://api.example.com"
    properties = {**PROPERTIES[SUBSCRIPTION], "LoginUrl": url, "ApiUrl": url}
    deployed = {"ResourceType": SUBSCRIPTION, "ResourceProperties": properties}
    deployment = Deployment.from_environment(
        {
            "STAGE": "dev",
            "DEPLOYED": json.dumps(deployed),
            "LEDGER_TABLE": TABLE,
            "PACKED_QUEUE_IDS": pack_ids(OUR_QUEUES),
        }
    )
    # Loggers with the same name share a stream.
    logger = Logger(service=uuid4().hex, stream=log, level="INFO")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(watch, "COMPARISON_PAUSE_SECONDS", 0)
        patch.setattr(queue_check, "load_credentials", lambda *_: Credentials("id", "secret"))
        patch.setattr(queue_check, "find_queues", lambda *_: dict.fromkeys(OUR_QUEUES))
        watch.watch(
            deployment,
            Clock().invocation(),
            fake_clients(FakeSecrets()),
            logger,
        )


def run_backfill(log: TextIO) -> None:
    """Run a backfill of stage dev that finds nothing; the metrics go to stdout."""
    url = "https://api.example.com"
    properties = {**PROPERTIES[SUBSCRIPTION], "LoginUrl": url, "ApiUrl": url}
    deployed = {"ResourceType": SUBSCRIPTION, "ResourceProperties": properties}
    deployment = Deployment.from_environment(
        {
            "STAGE": "dev",
            "DEPLOYED": json.dumps(deployed),
            "BACKFILL": "report",
            "END_RULE": "conversation",
            "LEDGER_TABLE": TABLE,
            "PACKED_QUEUE_IDS": pack_ids(OUR_QUEUES),
        }
    )
    assert deployment.backfill
    clock = Clock()
    step = BackfillStep(
        deployment,
        deployment.backfill,
        fake_clients(FakeSecrets(), queues=FakeSqs()),
        Logger(service=uuid4().hex, stream=log, level="INFO"),
        now_ms=lambda: round(1000 * clock.now),
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(backfill_step, "load_credentials", lambda *_: Credentials("id", "secret"))
        patch.setattr(assembly, "search_conversations", lambda *_: Page([], 0))
        patch.setattr(requests, "MIN_INTERVAL_MS", 0)  # no waiting
        clock.now = 20_000 * 86_400
        step(clock.invocation())
        clock.now += 3600
        step(clock.invocation())
