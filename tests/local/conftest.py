"""The deployed stack: one emulator, Genesys Cloud, CRM and webhook for the whole session."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from local.aws.emulator import Emulator, emulator
from local.aws.project import ROOT, Deployment, Project
from local.genesys.problems import problem, too_many_requests
from local.genesys.sqs import sqs_sender
from local.genesys.stand_in import GenesysCloud
from local.receivers.crm import Crm, crm
from local.receivers.webhook import WebhookReceiver, webhook_receiver
from local.traffic.subscription import OURS, Event, conversations

ACTION = ROOT / "local/receivers/crm_action.py"
SECRET = "queue-ends/genesys"
WEBHOOK_SECRET = "queue-ends/webhook"


@dataclass(frozen=True)
class World:
    """All that a user, an operator and Genesys Cloud can see."""

    aws: Emulator
    genesys: GenesysCloud
    customers: Crm
    webhook: WebhookReceiver
    project: Project

    def settings(self, **changes: Any) -> dict[str, Any]:
        return {
            "queue_ids": OURS,
            "genesys_login_url": self.genesys.url,
            "genesys_api_url": self.genesys.url,
            "destinations": ["actions", "bus", "webhook"],
            "webhook_url": self.webhook.url,
            "webhook_secret": WEBHOOK_SECRET,
            # What another invocation holds comes back when that has timed out.
            "worker_timeout_seconds": 10,
            "retry_delay_seconds": 1,
            "max_receive_count": 4,
            "max_concurrency": 2,
            **changes,
        }

    def put_secrets(self) -> None:
        """Put in place what a user puts there before the first deploy."""
        self.put_credentials(SECRET)
        secrets = self.aws.client("secretsmanager")
        secrets.create_secret(Name=WEBHOOK_SECRET, SecretString=self.webhook.secret)

    def put_credentials(self, name: str) -> None:
        credentials = {
            "client_id": self.genesys.client_id,
            "client_secret": self.genesys.client_secret,
        }
        secrets = self.aws.client("secretsmanager")
        secrets.create_secret(Name=name, SecretString=json.dumps(credentials))

    def of_stage(self, stage: str) -> list[dict[str, Any]]:
        """Return Genesys Cloud's subscriptions of a stage."""
        return self.genesys.subscriptions.named(f"queue-ends-{stage}")

    def ledger(self, deployment: Deployment) -> dict[tuple[str, str], tuple[str, set[str]]]:
        """Return by the ledger's keys the state of each end and the destinations that have it."""
        scan = self.aws.client("dynamodb").get_paginator("scan")
        pages = scan.paginate(TableName=deployment.outputs["LedgerTableName"], ConsistentRead=True)
        return {
            (item["conversation_id"]["S"], item["queue_id"]["S"]): (
                item["state"]["S"],
                {name["S"] for name in item["delivered"]["L"]},
            )
            for page in pages
            for item in page["Items"]
        }

    def dead_letters(self, deployment: Deployment) -> list[dict[str, Any]]:
        """Return what is in the dead-letter queue, and leave it there."""
        sqs, url = self.aws.client("sqs"), deployment.outputs["DeadLetterQueueUrl"]
        found = []
        while batch := sqs.receive_message(
            QueueUrl=url,
            MaxNumberOfMessages=10,
            MessageAttributeNames=["All"],
            VisibilityTimeout=30,
        ).get("Messages"):
            found += batch
        for message in found:
            sqs.change_message_visibility(
                QueueUrl=url, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=0
            )
        return found


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with (
        crm() as customers,
        webhook_receiver() as webhook,
        emulator(env={"QUEUE_ENDS_CRM_URL": customers.url}) as aws,
        GenesysCloud(sqs_sender(aws)) as genesys,
    ):
        genesys.subscriptions.activation_seconds = 0.5
        genesys.subscriptions.seed("somebody-else")
        project = Project(aws, tmp_path_factory.mktemp("project"), actions=ACTION)
        world = World(aws, genesys, customers, webhook, project)
        world.put_secrets()
        project.bootstrap()
        yield world


@pytest.fixture(scope="session")
def deployed(world: World) -> Deployment:
    """The stack of stage dev, deployed while Genesys Cloud was busy."""
    world.genesys.instead("create", *[too_many_requests(2)] * 2, problem(503, "Overloaded."))
    return world.project.deploy("dev", **world.settings())


@pytest.fixture
def some_events(request: pytest.FixtureRequest) -> Callable[[int], list[Event]]:
    """Return distinct ends in our queues, others for each test."""
    seed = sum(map(ord, request.node.name))

    def events(count: int) -> list[Event]:
        every = conversations(seed, 40 * count, share=1, others=0)
        return [event for event in every if event.kind == "answered"][:count]

    return events
