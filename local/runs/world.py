"""The world that a run acts in: an emulated AWS, and stand-ins for all that is not AWS."""

import json
import tempfile
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local.aws.emulator import Emulator, emulator
from local.aws.partner_events import partner_events
from local.aws.project import Project
from local.genesys.sqs import sqs_sender
from local.genesys.stand_in import GenesysCloud
from local.interruption import ignore_signals
from local.polling import polls
from local.receivers.crm import Crm, crm
from local.receivers.webhook import WebhookReceiver, webhook_receiver
from local.runs.screen import Screen

SECRET = "queue-ends/genesys"  # noqa: S105 - the name of one
WEBHOOK_SECRET = "queue-ends/webhook"  # noqa: S105 - the name of one


@dataclass(frozen=True, slots=True)
class World:
    """All that a run talks to; it has one stack, of a stage of its own."""

    stage: str
    aws: Emulator
    genesys: GenesysCloud
    customers: Crm
    webhook: WebhookReceiver
    project: Project
    screen: Screen

    @property
    def stack_name(self) -> str:
        return f"QueueEnds-{self.stage}"

    def settings(self, **changes: Any) -> dict[str, Any]:
        """Return what the stack is deployed with."""
        return {
            "genesys_login_url": self.genesys.url,
            "genesys_api_url": self.genesys.url,
            "genesys_secret": SECRET,
            "destinations": ["actions", "bus", "webhook"],
            "webhook_url": self.webhook.url,
            "webhook_secret": WEBHOOK_SECRET,
            "retry_delay_seconds": 1,
            # A message that meets the claim of another worker waits until that one's time is over.
            "worker_timeout_seconds": 10,
            # No more workers than a small machine has cores.
            "max_concurrency": 2,
            **changes,
        }

    def deploy(self, **settings: Any) -> Mapping[str, str]:
        """Deploy the stack, or what has changed of it; return its outputs."""
        deployment = self.project.deploy(self.stage, **self.settings(**settings))
        self.screen.settle()
        return deployment.outputs

    def wait(self, patience: float, done: Callable[[], bool], show: Callable[[], None]) -> None:
        """Wait until something is done, or patience (in seconds) is over; show how it goes."""
        for _ in polls(patience, interval=0.3):
            if done():
                break
            show()
        self.screen.settle()


def start_world(
    cleanup: ExitStack, screen: Screen, stage: str, action: Path, **variables: str
) -> World:
    """Start everything that a run needs, and have `cleanup` stop it.

    Parameters
    ----------
    action
        The file that takes the place of the project's `actions.py`.
    variables
        Further environment variables of the functions.
    """
    folder = Path(cleanup.enter_context(tempfile.TemporaryDirectory(prefix=f"queue-ends-{stage}-")))
    customers = cleanup.enter_context(crm())
    webhook = cleanup.enter_context(webhook_receiver())
    aws = cleanup.enter_context(emulator(env={"QUEUE_ENDS_CRM_URL": customers.url, **variables}))
    genesys = cleanup.enter_context(
        GenesysCloud(sqs_sender(aws), send_partner_events=partner_events(aws))
    )
    cleanup.callback(ignore_signals)
    genesys.subscriptions.activation_seconds = genesys.integrations.state_seconds = 1
    credentials = {"client_id": genesys.client_id, "client_secret": genesys.client_secret}
    secrets = aws.client("secretsmanager")
    secrets.create_secret(Name=SECRET, SecretString=json.dumps(credentials))
    secrets.create_secret(Name=WEBHOOK_SECRET, SecretString=webhook.secret)
    project = Project(aws, folder, actions=action, progress=screen.progress)
    return World(stage, aws, genesys, customers, webhook, project, screen)
