"""The watchdog between Genesys Cloud and AWS, both in memory."""

import io
import json
from collections.abc import Mapping
from typing import Any
from uuid import uuid4

import pytest
from aws_lambda_powertools import Logger

from deadline import InvocationContext
from local.genesys.stand_in import ORG_ID, GenesysCloud
from local.http.server import HttpServer
from tests.fakes.aws.cloudformation import PROPERTIES, SUFFIX
from tests.fakes.aws.cloudwatch import metrics_of
from tests.fakes.aws.dynamodb import TABLE, FakeDynamoDb
from tests.fakes.aws.partner_events import FakePartnerEventSources
from tests.fakes.aws.secrets_manager import FakeSecrets
from tests.fakes.aws.sqs import DEAD, INTAKE
from tests.fakes.aws.stacks import STACK_NAME, FakeStacks
from tests.fakes.clock import Clock
from tests.fakes.deliveries import DELIVERIES, Delivery, EventBridgeDelivery, SubscriptionDelivery
from tests.fakes.watchdog import FakeQueues, fake_clients
from watchdog.deployment import Deployment
from watchdog.watch import watch

DAY_MS = 86_400_000
SOURCE = f"aws.partner/genesys.com/cloud/{ORG_ID}/{SUFFIX}"


class Watchdog:
    """A deployed watchdog.

    Attributes
    ----------
    logged, healthy, healed, skipped
        The last run's log lines, its values of the metric, its changes, and why it did nothing.
    backfills
        The number of runs that have looked for missing ends.
    """

    def __init__(
        self,
        url: str,
        clock: Clock,
        secrets: FakeSecrets,
        eventbridge: FakePartnerEventSources,
        capsys: pytest.CaptureFixture[str],
        *,
        delivery: Delivery,
        heals: bool = False,
    ) -> None:
        self.clock, self.secrets, self.eventbridge = clock, secrets, eventbridge
        self.stacks, self.queues = FakeStacks(), FakeQueues()
        self.delivery, self.genesys = delivery, delivery.genesys
        self.dynamodb = FakeDynamoDb()
        self._variables = {"STAGE": "dev", "LEDGER_TABLE": TABLE, "QUEUE_URLS": f"{INTAKE},{DEAD}"}
        if heals:
            self._variables |= {"HEAL": "true", "STACK_NAME": STACK_NAME}
        properties = PROPERTIES[delivery.resource_type]
        self.deploy_anew({**properties, "LoginUrl": url, "ApiUrl": url})
        self.logged: list[dict[str, Any]] = []
        self.healthy: list[float] = []
        self.healed: list[str] = []
        self.skipped = ""
        self.backfills = 0
        self._capsys = capsys

    def deploy_anew(self, properties: Mapping[str, Any]) -> None:
        """Deploy the watchdog for a custom resource with these properties."""
        deployed = {
            "ResourceType": self.delivery.resource_type,
            "ResourceProperties": dict(properties),
        }
        self.deployment = Deployment.from_environment(
            {**self._variables, "DEPLOYED": json.dumps(deployed)}
        )

    def now_ms(self) -> int:
        """Return the time in epoch milliseconds. The tests begin in 1970, too, but on 2 January."""
        return round(1000 * self.clock.now) + DAY_MS

    def run(self) -> list[str]:
        """Run the watchdog, and return the differences."""
        lines = io.StringIO()
        # Loggers with the same name share a stream.
        logger = Logger(service=uuid4().hex, stream=lines, level="INFO")
        try:
            result = watch(
                self.deployment,
                self.clock.invocation(),
                fake_clients(
                    self.secrets, self.eventbridge, self.stacks, self.queues, self.dynamodb
                ),
                logger,
                backfill=self._backfill,
                now_ms=self.now_ms,
            )
        finally:
            self.logged = [json.loads(line) for line in lines.getvalue().splitlines()]
            metrics = metrics_of(self._capsys.readouterr().out)
            assert all(metric.name == "SubscriptionHealthy" for metric in metrics)
            assert all(metric.dimensions == {"Stage": "dev"} for metric in metrics)
            self.healthy = [value for metric in metrics for value in metric.values]
        self.skipped = result.get("skipped", "")
        if self.skipped:
            assert result == {"skipped": self.skipped}
            return []
        differences: list[str] = result["differences"]
        self.healed = result["healed"]
        assert result == {
            "healthy": not differences,
            "differences": differences,
            "healed": self.healed,
        }
        return differences

    def _backfill(self, _context: InvocationContext) -> None:
        self.backfills += 1

    def check(self) -> list[str]:
        """Run the watchdog, which must change nothing; return the differences.

        Check the log line and the metric.
        """
        differences = self.run()
        assert self.healed == []
        assert self.healthy == [int(not differences)]
        (line,) = self.logged
        if differences:
            assert (line["level"], line["differences"]) == ("WARNING", differences)
        else:
            assert line["level"] == "INFO"
        return differences

    def lines(self, message: str) -> list[dict[str, Any]]:
        """Return the last run's log lines with a message."""
        return [line for line in self.logged if line["message"] == message]


@pytest.fixture(autouse=True)
def no_waiting(time_passes: None) -> None:
    """No test waits."""


@pytest.fixture
def genesys(genesys: GenesysCloud, eventbridge: FakePartnerEventSources) -> GenesysCloud:
    """An org with the deployed resources, and resources of somebody else."""
    eventbridge.appears_after_seconds = eventbridge.active_after_seconds = 0
    for delivery in DELIVERIES:
        delivery(genesys).seed()
    eventbridge.create_bus(SOURCE)
    genesys.subscriptions.seed("somebody-else")
    genesys.integrations.seed("somebody-else")
    return genesys


@pytest.fixture(params=DELIVERIES, ids=lambda delivery: delivery.noun)
def watchdog(
    *,
    request: pytest.FixtureRequest,
    http: HttpServer,
    genesys: GenesysCloud,
    clock: Clock,
    secrets: FakeSecrets,
    eventbridge: FakePartnerEventSources,
    capsys: pytest.CaptureFixture[str],
) -> Watchdog:
    """Each delivery's watchdog: tests with this fixture are the contract of all deliveries."""
    return Watchdog(http.url, clock, secrets, eventbridge, capsys, delivery=request.param(genesys))


@pytest.fixture(params=DELIVERIES, ids=lambda delivery: delivery.noun)
def healing_watchdog(
    *,
    request: pytest.FixtureRequest,
    http: HttpServer,
    genesys: GenesysCloud,
    clock: Clock,
    secrets: FakeSecrets,
    eventbridge: FakePartnerEventSources,
    capsys: pytest.CaptureFixture[str],
) -> Watchdog:
    """Each delivery's watchdog, with `watchdog = "heal"`."""
    delivery = request.param(genesys)
    return Watchdog(http.url, clock, secrets, eventbridge, capsys, delivery=delivery, heals=True)


@pytest.fixture
def subscription_watchdog(
    *,
    http: HttpServer,
    genesys: GenesysCloud,
    clock: Clock,
    secrets: FakeSecrets,
    eventbridge: FakePartnerEventSources,
    capsys: pytest.CaptureFixture[str],
) -> Watchdog:
    return Watchdog(
        http.url, clock, secrets, eventbridge, capsys, delivery=SubscriptionDelivery(genesys)
    )


@pytest.fixture
def integration_watchdog(
    *,
    http: HttpServer,
    genesys: GenesysCloud,
    clock: Clock,
    secrets: FakeSecrets,
    eventbridge: FakePartnerEventSources,
    capsys: pytest.CaptureFixture[str],
) -> Watchdog:
    return Watchdog(
        http.url, clock, secrets, eventbridge, capsys, delivery=EventBridgeDelivery(genesys)
    )
