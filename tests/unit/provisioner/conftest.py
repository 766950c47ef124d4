"""The custom resources between a CloudFormation and a Genesys Cloud that are both in memory."""

from dataclasses import dataclass
from typing import Any

import pytest

from local.genesys.entities import Entities
from local.genesys.stand_in import ORG_ID, GenesysCloud
from local.http.server import HttpServer
from tests.fakes.aws.cloudformation import (
    ACCOUNT,
    ACTIVE,
    EVENT_SOURCE,
    NAME,
    QUEUE_ARN,
    REGION,
    SUBSCRIPTION,
    SUFFIX,
    TOPICS,
    CloudFormation,
)
from tests.fakes.aws.partner_events import FakePartnerEvents
from tests.fakes.aws.secrets_manager import FakeSecrets
from tests.fakes.clock import Clock

FOREIGN_ARN = "arn:aws:sqs:eu-west-1:999988887777:somebody-elses"
BAD_FILTER = "queueId = ("
OURS = {
    "awsAccountId": ACCOUNT,
    "awsAccountRegion": REGION,
    "eventSourceSuffix": SUFFIX,
    "eventFilter": TOPICS,
}
"""The properties of our integration."""
SOURCE = f"aws.partner/genesys.com/cloud/{ORG_ID}/{SUFFIX}"
NEW_TOPICS = ["v2.detail.events.conversation.{id}.user.end"]
BAD_TOPIC = "v2.no.such.topic"
CHANGING = {"create", "replace", "configure", "switch", "delete"}
"""The operations that change something in Genesys Cloud."""


@dataclass(slots=True)
class Resource:
    """A stack with a custom resource of either type, and the org that it talks to."""

    stack: CloudFormation
    genesys: GenesysCloud

    @property
    def word(self) -> str:
        """What it makes, as reasons call it."""
        return "integration" if self.stack.resource_type == EVENT_SOURCE else "subscription"

    @property
    def entities(self) -> Entities:
        """All that there are of what it makes."""
        if self.stack.resource_type == EVENT_SOURCE:
            return self.genesys.integrations
        return self.genesys.subscriptions

    @property
    def change(self) -> dict[str, Any]:
        """Properties to update it to."""
        if self.stack.resource_type == EVENT_SOURCE:
            return {"Topics": NEW_TOPICS}
        return {"AttributeFilter": "queueId = 'Q2'"}

    def seed(self) -> str:
        """Put one of ours in by hand, as it should be, and return its id."""
        if self.stack.resource_type == EVENT_SOURCE:
            return self.genesys.integrations.seed(NAME, OURS)
        return self.genesys.subscriptions.seed(NAME, QUEUE_ARN, attributeFilter="queueId = 'Q1'")


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
    """A stack with a subscription."""
    return CloudFormation(http.url, clock, secrets, events)


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


@pytest.fixture(params=[SUBSCRIPTION, EVENT_SOURCE])
def resource(
    *,
    request: pytest.FixtureRequest,
    http: HttpServer,
    genesys: GenesysCloud,
    clock: Clock,
    secrets: FakeSecrets,
    events: FakePartnerEvents,
) -> Resource:
    stack = CloudFormation(http.url, clock, secrets, events, request.param)
    return Resource(stack, genesys)
