"""All that a user, an operator and Genesys Cloud can see of a deployed stack."""

import base64
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from local.aws.emulator import Emulator, emulator
from local.aws.partner_events import partner_event_sender
from local.aws.project import ROOT, Deployment, Project, find_function_name
from local.genesys.login import CLIENT_SECRET, TOKEN_START
from local.genesys.sqs import sqs_sender
from local.genesys.stand_in import GenesysCloud
from local.receivers.crm import Crm, run_crm
from local.receivers.webhook import WebhookReceiver, run_webhook_receiver
from local.traffic.subscription import OUR_QUEUES
from tests.artefacts import KINDS, Artefact, files
from tests.secret_search import SecretSearch

ACTION = ROOT / "local/receivers/crm_action.py"
SECRET = "queue-ends/genesys"
WEBHOOK_SECRET = "queue-ends/webhook"


@dataclass(frozen=True)
class World:
    """All that a user, an operator and Genesys Cloud can see.

    Attributes
    ----------
    changed
        Settings that its stacks have in the place of the usual ones.
    search
        Searches for the secrets of this world.
    """

    aws: Emulator
    genesys: GenesysCloud
    customers: Crm
    webhook: WebhookReceiver
    project: Project
    changed: Mapping[str, Any]
    search: SecretSearch

    def settings(self, **changes: Any) -> dict[str, Any]:
        return {
            "queue_ids": OUR_QUEUES,
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
            **self.changed,
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

    def check_secrets(self) -> None:
        """Fail if one of the secrets is anywhere but in Secrets Manager."""
        found = {name: self.search(content) for name, content in self._artefacts()}
        leaks = {name: {*secrets} for name, secrets in found.items() if secrets}
        assert not leaks, f"Secrets are where an operator can read them: {leaks}"

    def _artefacts(self) -> Iterator[Artefact]:
        yield from files(self.project.folder)
        for kind in KINDS.values():
            yield from kind(self.aws)

    def create(self, stage: str) -> None:
        """Have a stack made of the template of stage dev, synthesised last, for another stage.

        Without the CDK CLI, which has published the assets already, it takes half the time.
        """
        text = (self.project.folder / "cdk.out/QueueEnds-dev.template.json").read_text()
        for name in ("QueueEnds-{}", "QueueEnds{}", "queue-ends-{}"):
            text = text.replace(name.format("dev"), name.format(stage))
        # CloudFormation takes one of this size from a bucket alone.
        bucket, s3 = "templates", self.aws.client("s3")
        s3.create_bucket(Bucket=bucket)
        s3.put_object(Bucket=bucket, Key=stage, Body=text.encode())
        self.aws.client("cloudformation").create_stack(
            StackName=f"QueueEnds-{stage}",
            TemplateURL=f"{self.aws.endpoint}/{bucket}/{stage}",
            Capabilities=["CAPABILITY_NAMED_IAM"],
        )

    def stack(self, stage: str) -> tuple[str, list[str]]:
        """Return the status of a stage's stack, and why resources failed, the first one first."""
        cloudformation = self.aws.client("cloudformation")
        name = f"QueueEnds-{stage}"
        (stack,) = cloudformation.describe_stacks(StackName=name)["Stacks"]
        events = cloudformation.describe_stack_events(StackName=name)["StackEvents"]
        failed = [e for e in events[::-1] if e["ResourceStatus"].endswith("_FAILED")]
        return stack["StackStatus"], [e.get("ResourceStatusReason", "") for e in failed]

    def counted(self, metric: str, part: str, stack_name: str = "QueueEnds-dev") -> float:
        """Return what AWS has counted of a part's function so far, such as its `Invocations`."""
        name = find_function_name(self.aws, stack_name, part)
        dimensions = [{"Name": "FunctionName", "Value": name}]
        watched = {"Namespace": "AWS/Lambda", "MetricName": metric, "Dimensions": dimensions}
        now, around = datetime.now(UTC), timedelta(hours=1)  # the clock may be set meanwhile
        found = self.aws.client("cloudwatch").get_metric_data(
            MetricDataQueries=[
                {"Id": "it", "MetricStat": {"Metric": watched, "Period": 60, "Stat": "Sum"}}
            ],
            StartTime=now - around,
            EndTime=now + around,
        )
        return float(sum(found["MetricDataResults"][0]["Values"]))

    def of_stage(self, stage: str) -> list[dict[str, Any]]:
        """Return Genesys Cloud's subscriptions of a stage."""
        return self.genesys.subscriptions.find_by_name(f"queue-ends-{stage}")

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
            if "state" in item  # not the lease of the watchdog's runs
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


class SearchedProject(Project):
    """A project that calls `before_destroy` while a stack's logs and messages are still there."""

    before_destroy: Callable[[], None]

    def destroy(self, stage: str = "dev", **settings: object) -> str:
        self.before_destroy()
        return super().destroy(stage, **settings)


def secrets_of(webhook: WebhookReceiver) -> dict[str, bytes]:
    """Return the secrets of a run by name; the tokens all have the same start."""
    key = webhook.secret.removeprefix("whsec_")
    return {
        "client secret": CLIENT_SECRET.encode(),
        "token": TOKEN_START.encode(),
        "webhook key": key.encode(),
        "webhook key, decoded": base64.b64decode(key),
    }


@contextmanager
def running_world(folder: Path, *, enforce_iam: bool = False, **changed: Any) -> Iterator[World]:
    """Run all that there is to see, ready for the first deploy; its stacks have other settings."""
    with (
        run_crm() as customers,
        run_webhook_receiver() as webhook,
        emulator(env={"QUEUE_ENDS_CRM_URL": customers.url}, enforce_iam=enforce_iam) as aws,
        GenesysCloud(sqs_sender(aws), send_partner_events=partner_event_sender(aws)) as genesys,
    ):
        project = SearchedProject(aws, folder, actions=ACTION)
        search = SecretSearch(secrets_of(webhook))
        world = World(aws, genesys, customers, webhook, project, changed, search)
        project.before_destroy = world.check_secrets
        world.put_secrets()
        project.bootstrap()
        yield world
        world.check_secrets()
