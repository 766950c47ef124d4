"""The watchdog between a Genesys Cloud and an AWS that are both in memory."""

import io
import json
from typing import Any
from uuid import uuid4

import pytest
from aws_lambda_powertools import Logger

from genesys.properties import EVENT_SOURCE, SUBSCRIPTION
from tests.fakes.aws.cloudformation import PROPERTIES, QUEUE_ARN
from tests.fakes.aws.cloudwatch import metrics_of
from tests.fakes.aws.partner_events import FakePartnerEvents
from tests.fakes.aws.secrets_manager import FakeSecrets
from tests.fakes.clock import Clock
from tests.fakes.genesys import FakeGenesys
from tests.fakes.genesys_integrations import FakeIntegrations
from tests.fakes.scripted_http import HttpServer
from watchdog.deployed import Deployed
from watchdog.watch import watch

NAME = "queue-ends-dev"


class Watchdog:
    """Looks when it is told to; `logged` is what it has logged, `metrics` what it has emitted."""

    def __init__(
        self,
        url: str,
        clock: Clock,
        secrets: FakeSecrets,
        events: FakePartnerEvents,
        capsys: pytest.CaptureFixture[str],
        *,
        resource_type: str = SUBSCRIPTION,
    ) -> None:
        self.clock, self.secrets, self.events = clock, secrets, events
        properties = {**PROPERTIES[resource_type], "LoginUrl": url, "ApiUrl": url}
        told = {"ResourceType": resource_type, "ResourceProperties": properties}
        self.deployed = Deployed.of({"STAGE": "dev", "DEPLOYED": json.dumps(told)})
        self.logged: list[dict[str, Any]] = []
        self.healthy: list[float] = []
        self._capsys = capsys

    def look(self) -> list[str]:
        """Look, and return what differs, after a look at what was logged and emitted."""
        lines = io.StringIO()
        # Loggers of one name share the first one's stream.
        logger = Logger(service=uuid4().hex, stream=lines, level="INFO")
        try:
            answer = watch(
                self.deployed,
                self.clock.invocation(120),
                self.secrets,  # type: ignore[arg-type]
                self.events,  # type: ignore[arg-type]
                logger,
            )
        finally:
            self.logged = [json.loads(line) for line in lines.getvalue().splitlines()]
            metrics = metrics_of(self._capsys.readouterr().out)
            assert all(metric.name == "SubscriptionHealthy" for metric in metrics)
            assert all(metric.dimensions == {"Stage": "dev"} for metric in metrics)
            self.healthy = [value for metric in metrics for value in metric.values]
        differences: list[str] = answer["differences"]
        assert answer == {"healthy": not differences, "differences": differences}
        assert self.healthy == [int(not differences)]
        (line,) = self.logged
        if differences:
            assert (line["level"], line["differences"]) == ("WARNING", differences)
        else:
            assert line["level"] == "INFO"
        return differences


@pytest.fixture(autouse=True)
def no_waiting(time_passes: None) -> None:
    """No test waits."""


@pytest.fixture
def genesys(http: HttpServer, clock: Clock) -> FakeGenesys:
    """An org in which our subscription is as it was deployed."""
    http.respond = genesys = FakeGenesys(clock)
    genesys.hold(NAME, QUEUE_ARN, attributeFilter=PROPERTIES[SUBSCRIPTION]["AttributeFilter"])
    genesys.hold("somebody-else", "arn:aws:sqs:eu-west-1:999999999999:theirs")
    return genesys


@pytest.fixture
def org(http: HttpServer, clock: Clock, events: FakePartnerEvents) -> FakeIntegrations:
    """An org in which our integration is as it was deployed, and so is its event source."""
    http.respond = org = FakeIntegrations(clock, events)
    wanted = PROPERTIES[EVENT_SOURCE]
    org.hold(
        NAME,
        awsAccountId=wanted["AccountId"],
        awsAccountRegion=wanted["Region"],
        eventSourceSuffix=wanted["Suffix"],
        eventFilter=wanted["Topics"],
    )
    org.hold("somebody-else", awsAccountId="999999999999")
    return org


@pytest.fixture
def of_subscription(
    *,
    http: HttpServer,
    genesys: FakeGenesys,
    clock: Clock,
    secrets: FakeSecrets,
    events: FakePartnerEvents,
    capsys: pytest.CaptureFixture[str],
) -> Watchdog:
    return Watchdog(http.url, clock, secrets, events, capsys)


@pytest.fixture
def of_integration(
    *,
    http: HttpServer,
    org: FakeIntegrations,
    clock: Clock,
    secrets: FakeSecrets,
    events: FakePartnerEvents,
    capsys: pytest.CaptureFixture[str],
) -> Watchdog:
    return Watchdog(http.url, clock, secrets, events, capsys, resource_type=EVENT_SOURCE)
