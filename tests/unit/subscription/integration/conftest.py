"""A stack with an event source, in an org with integrations."""

import pytest

from local.genesys.stand_in import ORG_ID, GenesysCloud
from local.http.server import HttpServer
from tests.fakes.clock import Clock
from tests.fakes.cloudformation import (
    ACCOUNT,
    ACTIVE,
    EVENT_SOURCE,
    REGION,
    SUFFIX,
    TOPICS,
    CloudFormation,
)
from tests.fakes.partner_events import FakePartnerEvents
from tests.fakes.secrets_manager import FakeSecrets

OURS = {
    "awsAccountId": ACCOUNT,
    "awsAccountRegion": REGION,
    "eventSourceSuffix": SUFFIX,
    "eventFilter": TOPICS,
}
"""The properties of our integration."""
SOURCE = f"aws.partner/genesys.com/cloud/{ORG_ID}/{SUFFIX}"
BAD_TOPIC = "v2.no.such.topic"


@pytest.fixture
def stack(
    *,
    http: HttpServer,
    genesys: GenesysCloud,
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
