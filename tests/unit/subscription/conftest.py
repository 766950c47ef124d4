"""The custom resources between a CloudFormation and a Genesys Cloud that are both in memory."""

import pytest

from tests.fakes.aws.cloudformation import ACTIVE, EVENT_SOURCE, CloudFormation
from tests.fakes.aws.partner_events import FakePartnerEvents
from tests.fakes.aws.secrets_manager import FakeSecrets
from tests.fakes.clock import Clock
from tests.fakes.genesys import FakeGenesys
from tests.fakes.genesys_integrations import FakeIntegrations
from tests.fakes.scripted_http import HttpServer


@pytest.fixture(autouse=True)
def no_waiting(time_passes: None) -> None:
    """No test waits."""


@pytest.fixture
def genesys(http: HttpServer, clock: Clock) -> FakeGenesys:
    http.respond = genesys = FakeGenesys(clock)
    return genesys


@pytest.fixture
def cloudformation(
    *,
    http: HttpServer,
    genesys: FakeGenesys,
    clock: Clock,
    secrets: FakeSecrets,
    events: FakePartnerEvents,
) -> CloudFormation:
    return CloudFormation(http.url, clock, secrets, events)


@pytest.fixture
def org(http: HttpServer, clock: Clock, events: FakePartnerEvents) -> FakeIntegrations:
    http.respond = org = FakeIntegrations(clock, events)
    return org


@pytest.fixture
def stack(
    *,
    http: HttpServer,
    org: FakeIntegrations,
    clock: Clock,
    secrets: FakeSecrets,
    events: FakePartnerEvents,
) -> CloudFormation:
    """A stack with an event source."""
    return CloudFormation(http.url, clock, secrets, events, EVENT_SOURCE)


@pytest.fixture
def active(clock: Clock, secrets: FakeSecrets, events: FakePartnerEvents) -> CloudFormation:
    """The part of a stack that waits for the source's bus."""
    return CloudFormation("", clock, secrets, events, ACTIVE)
