"""The custom resources between a CloudFormation and a Genesys Cloud that are both in memory."""

import pytest

from local.genesys.stand_in import GenesysCloud
from local.http.server import HttpServer
from tests.fakes.clock import Clock
from tests.fakes.cloudformation import CloudFormation
from tests.fakes.partner_events import FakePartnerEvents
from tests.fakes.secrets_manager import FakeSecrets


@pytest.fixture(autouse=True)
def no_waiting(time_passes: None) -> None:
    """No test waits."""


@pytest.fixture
def cloudformation(
    *,
    http: HttpServer,
    genesys: GenesysCloud,
    clock: Clock,
    secrets: FakeSecrets,
    events: FakePartnerEvents,
) -> CloudFormation:
    return CloudFormation(http.url, clock, secrets, events)
