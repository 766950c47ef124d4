"""The doctor, between an AWS account in memory and the stand-in for Genesys Cloud."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from infra.settings.attribute_filter import derive_filter
from local.genesys.stand_in import GenesysCloud
from local.http.server import HttpServer
from ops.doctor import command
from tests.fakes.aws.cloudformation import EVENT_SOURCE, PROPERTIES, SUBSCRIPTION, TOPICS
from tests.fakes.aws.partner_events import FakePartnerEventSources
from tests.fakes.aws.secrets_manager import FakeSecrets
from tests.unit.ops.conftest import Ops
from tests.unit.ops.doctor.fake_account import ACCOUNT_NUMBER, BUS, FakeAccount

QUEUE_ID, NAME = "c3d4e5f6-a7b8-4012-9456-7890abcdef12", "queue-ends-dev"


@dataclass
class Doctor:
    """Runs the doctor for stage dev.

    Attributes
    ----------
    settings
        Settings that override those of settings.toml.
    """

    ops: Ops
    account: FakeAccount
    genesys: GenesysCloud
    settings: dict[str, str]
    output: str = ""
    status: int | None = field(default=None)

    def run(self) -> dict[str, dict[str, str]]:
        """Run the doctor; return its checks, keyed by name."""
        result = self.ops.run("doctor", "--json", *self._options())
        self.output, self.status = result.output, result.exit_code
        return {check["name"]: check for check in json.loads(result.stdout)["checks"]}

    def run_for_people(self) -> str:
        """Run the doctor without `--json`; return what it printed."""
        result = self.ops.run("doctor", *self._options())
        self.status = result.exit_code
        return result.stdout

    def crosses(self) -> dict[str, dict[str, str]]:
        """Run the doctor; return the checks with a cross, keyed by name."""
        checks = self.run()
        return {name: checks[name] for name in checks if checks[name]["status"] == "failed"}

    def use_eventbridge(self) -> None:
        """Deploy the stack with `delivery = "eventbridge"`."""
        self.settings["delivery"] = "eventbridge"
        properties = self._properties(EVENT_SOURCE, AccountId=ACCOUNT_NUMBER, Topics=TOPICS)
        self.account.deploy(EVENT_SOURCE, properties, QueueIds=[QUEUE_ID])
        self.genesys.integrations.seed(
            NAME,
            {
                "awsAccountId": ACCOUNT_NUMBER,
                "awsAccountRegion": "eu-west-1",
                "eventSourceSuffix": "QueueEnds-dev",
                "eventFilter": TOPICS,
            },
        )
        events = self.account.partner_events
        events.appears_after_seconds = events.active_after_seconds = 0
        events.create_source(BUS)
        events.create_bus(BUS)

    def use_subscription(self) -> None:
        """Deploy the stack with `delivery = "subscription"`."""
        expression = derive_filter([QUEUE_ID])
        properties = self._properties(SUBSCRIPTION, AttributeFilter=expression)
        self.account.deploy(SUBSCRIPTION, properties, QueueIds=[QUEUE_ID])
        arn = PROPERTIES[SUBSCRIPTION]["QueueArn"]
        self.genesys.subscriptions.seed(NAME, arn, attributeFilter=expression)

    def _properties(self, resource_type: str, **changes: Any) -> dict[str, Any]:
        urls = {"LoginUrl": self.settings["genesys_login_url"]}
        urls["ApiUrl"] = self.settings["genesys_api_url"]
        return {**PROPERTIES[resource_type], **urls, **changes}

    def _options(self) -> list[str]:
        return [part for key, value in self.settings.items() for part in ("-c", f"{key}={value}")]


@pytest.fixture
def before_deploy(
    *,
    make_ops: Callable[..., Ops],
    http: HttpServer,
    genesys: GenesysCloud,
    secrets: FakeSecrets,
    eventbridge: FakePartnerEventSources,
    monkeypatch: pytest.MonkeyPatch,
) -> Doctor:
    """The doctor before the first deploy, with all that a deploy needs."""
    # No test waits for a retry.
    monkeypatch.setattr(command, "GENESYS_SECONDS", 5.0)
    account = FakeAccount(secrets, eventbridge)
    genesys.queues.seed(QUEUE_ID, "Support")
    settings = {
        "queue_ids": QUEUE_ID,
        "genesys_login_url": http.url,
        "genesys_api_url": http.url,
    }
    return Doctor(make_ops(**account.clients()), account, genesys, settings)


@pytest.fixture
def doctor(before_deploy: Doctor) -> Doctor:
    """The doctor after a deploy with a subscription: all is well."""
    before_deploy.use_subscription()
    return before_deploy
