"""The services that a run needs: the AWS emulator, and stand-ins for all services outside AWS."""

import json
import tempfile
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local.aws.emulator import Emulator, emulator
from local.aws.partner_events import partner_event_sender
from local.aws.project import Project
from local.genesys.sqs import sqs_sender
from local.genesys.stand_in import GenesysCloud
from local.interruption import ignore_signals
from local.polling import polls
from local.receivers.crm import Crm, run_crm
from local.receivers.webhook import WebhookReceiver, run_webhook_receiver
from local.runs.screen import Screen

GENESYS_SECRET = "queue-ends/genesys"  # noqa: S105 - a secret's name
WEBHOOK_SECRET = "queue-ends/webhook"  # noqa: S105 - a secret's name


@dataclass(frozen=True, slots=True)
class World:
    """The running services, and the stack that the run deploys."""

    stage: str
    aws: Emulator
    genesys: GenesysCloud
    crm: Crm
    webhook: WebhookReceiver
    project: Project
    screen: Screen

    @property
    def stack_name(self) -> str:
        return f"QueueEnds-{self.stage}"

    def settings(self, **changes: Any) -> dict[str, Any]:
        """Return the stack's settings, with `changes` applied."""
        return {
            "genesys_login_url": self.genesys.url,
            "genesys_api_url": self.genesys.url,
            "genesys_secret": GENESYS_SECRET,
            "destinations": ["actions", "bus", "webhook"],
            "webhook_url": self.webhook.url,
            "webhook_secret": WEBHOOK_SECRET,
            "retry_delay_seconds": 1,
            # Keeps leases short, because an end waits while another worker holds a claim on it.
            "worker_timeout_seconds": 10,
            # Low, because some machines have only two cores.
            "max_concurrency": 2,
            **changes,
        }

    def deploy(self, **changes: Any) -> Mapping[str, str]:
        """Deploy the stack with `settings(**changes)`; return the stack's outputs."""
        deployment = self.project.deploy(self.stage, **self.settings(**changes))
        self.screen.clear_progress()
        return deployment.outputs

    def wait(self, seconds: float, done: Callable[[], bool], show: Callable[[], None]) -> None:
        """Wait up to `seconds` until `done` returns True. While it returns False, call `show`."""
        for _ in polls(seconds, interval=0.3):
            if done():
                break
            show()
        self.screen.clear_progress()


def start_world(
    cleanup: ExitStack, screen: Screen, stage: str, action: Path, **variables: str
) -> World:
    """Start the services; closing `cleanup` stops them.

    Parameters
    ----------
    action
        The file that replaces the project's `actions.py`.
    variables
        Additional environment variables for the Lambda functions.
    """
    folder = Path(cleanup.enter_context(tempfile.TemporaryDirectory(prefix=f"queue-ends-{stage}-")))
    crm = cleanup.enter_context(run_crm())
    webhook = cleanup.enter_context(run_webhook_receiver())
    aws = cleanup.enter_context(emulator(env={"QUEUE_ENDS_CRM_URL": crm.url, **variables}))
    genesys = cleanup.enter_context(
        GenesysCloud(sqs_sender(aws), send_partner_events=partner_event_sender(aws))
    )
    cleanup.callback(ignore_signals)
    genesys.subscriptions.activation_seconds = genesys.integrations.state_seconds = 1
    credentials = {"client_id": genesys.client_id, "client_secret": genesys.client_secret}
    secrets = aws.client("secretsmanager")
    secrets.create_secret(Name=GENESYS_SECRET, SecretString=json.dumps(credentials))
    secrets.create_secret(Name=WEBHOOK_SECRET, SecretString=webhook.secret)
    project = Project(aws, folder, actions=action, progress=screen.progress)
    return World(stage, aws, genesys, crm, webhook, project, screen)
