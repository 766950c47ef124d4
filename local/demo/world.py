"""All that the demo talks to."""

from dataclasses import dataclass
from typing import Any

from local.aws.emulator import Emulator
from local.aws.project import Project
from local.demo.feeds import Delivery
from local.genesys.stand_in import GenesysCloud
from local.receivers.crm import Crm
from local.receivers.webhook import WebhookReceiver
from local.screen import Screen

SECRET = "queue-ends/genesys"  # noqa: S105 - the name of one
WEBHOOK_SECRET = "queue-ends/webhook"  # noqa: S105 - the name of one


@dataclass(frozen=True, slots=True)
class World:
    """All that the demo talks to."""

    aws: Emulator
    genesys: GenesysCloud
    customers: Crm
    hook: WebhookReceiver
    project: Project
    screen: Screen
    delivery: Delivery

    def settings(self, **changes: Any) -> dict[str, Any]:
        return {
            **self.delivery.settings,
            "genesys_login_url": self.genesys.url,
            "genesys_api_url": self.genesys.url,
            "genesys_secret": SECRET,
            "destinations": ["actions", "bus", "webhook"],
            "webhook_url": self.hook.url,
            "webhook_secret": WEBHOOK_SECRET,
            "retry_delay_seconds": 1,
            # What meets the claim of another worker waits until that one's time is over.
            "worker_timeout_seconds": 10,
            # No more workers than a small machine has cores.
            "max_concurrency": 2,
            **changes,
        }
