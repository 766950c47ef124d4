"""The deployed stack where IAM and queue policies are enforced: least privilege that is enough."""

import json
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from local.aws.emulator import emulator
from local.aws.project import Project
from local.genesys.sqs import sqs_sender
from local.genesys.stand_in import GenesysCloud
from local.receivers.crm import crm
from local.receivers.webhook import webhook_receiver
from local.traffic.subscription import conversations
from tests.local.conftest import ACTION, World
from tests.polling import wait_until


def test_the_stack_works_end_to_end_with_exactly_its_permissions(tmp_path: Path) -> None:
    with (
        crm() as customers,
        webhook_receiver() as webhook,
        emulator(env={"QUEUE_ENDS_CRM_URL": customers.url}, enforce_iam=True) as aws,
        GenesysCloud(sqs_sender(aws)) as genesys,
    ):
        world = World(aws, genesys, customers, webhook, Project(aws, tmp_path, actions=ACTION))
        world.put_secrets()
        settings = world.settings(destinations=["actions", "bus", "webhook", "archive"])
        world.project.bootstrap()
        deployment = world.project.deploy("dev", **settings)
        queue_url = deployment.outputs["QueueUrl"]
        good, failing = [
            e for e in conversations(5, 60, share=1, others=0) if e.kind == "answered"
        ][:2]
        world.customers.refusals[failing.conversation_id] = 1

        genesys.publish_all([good.body, failing.body])
        aws.client("sqs").send_message(QueueUrl=queue_url, MessageBody="{")

        wait_until(lambda: len(customers.noted) == 2, "both ends in the CRM, one after a retry")
        wait_until(lambda: len(webhook.noted) == 2, "both ends at the webhook")
        done = ("done", set(settings["destinations"]))
        wait_until(
            lambda: [*world.ledger(deployment).values()] == [done] * 2,
            "both ends at all four destinations",
        )
        wait_until(lambda: world.dead_letters(deployment), "the poison in the dead-letter queue")
        with pytest.raises(ClientError, match="AccessDenied"):
            aws.client("sqs", account="444455556666").send_message(
                QueueUrl=queue_url, MessageBody=json.dumps(good.body)
            )
        with pytest.raises(ClientError, match="AccessDenied"):
            aws.client("sqs", account="765628985471").receive_message(QueueUrl=queue_url)
        world.project.destroy("dev", **settings)
        assert not genesys.subscriptions
