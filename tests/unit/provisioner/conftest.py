"""The custom resources between a CloudFormation and a Genesys Cloud that are both in memory."""

from dataclasses import dataclass
from typing import Any

import pytest

from local.genesys.entities import Entities
from local.genesys.stand_in import ORG_ID, GenesysCloud
from local.http.server import HttpServer
from tests.fakes.aws.cloudformation import (
    ACTIVE,
    EVENT_SOURCE,
    SUBSCRIPTION,
    SUFFIX,
    CloudFormation,
)
from tests.fakes.aws.partner_events import FakePartnerEventSources
from tests.fakes.aws.secrets_manager import FakeSecrets
from tests.fakes.clock import Clock
from tests.fakes.deliveries import DELIVERIES, Delivery

SOURCE = f"aws.partner/genesys.com/cloud/{ORG_ID}/{SUFFIX}"
CHANGING = {"create", "replace", "configure", "switch", "delete"}
"""The operations that change something in Genesys Cloud."""


@dataclass(slots=True)
class Resource:
    """A stack with a custom resource of some delivery, and the org that it talks to."""

    stack: CloudFormation
    genesys: GenesysCloud
    delivery: Delivery

    @property
    def word(self) -> str:
        """The thing that it makes, as reasons call it."""
        return self.delivery.noun

    @property
    def entities(self) -> Entities:
        """All things of its kind in the org."""
        return self.delivery.entities

    @property
    def change(self) -> dict[str, Any]:
        """Properties to update it to."""
        return dict(self.delivery.change)

    def seed(self) -> str:
        """Put one of ours in by hand, as it should be, and return its id."""
        return self.delivery.seed()

    def is_right(self) -> bool:
        """Return whether there is exactly one thing, as the stack's properties specify it."""
        return self.delivery.seen() == [self.delivery.specified(self.stack.properties)]

    def kept(self, data: Any) -> str:
        """Return the id of the thing in an answer's data."""
        return str(data[self.delivery.id_key])


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
    eventbridge: FakePartnerEventSources,
) -> CloudFormation:
    """A stack with a subscription."""
    return CloudFormation(http.url, clock, secrets, eventbridge, SUBSCRIPTION)


@pytest.fixture
def stack(
    *,
    http: HttpServer,
    genesys: GenesysCloud,
    clock: Clock,
    secrets: FakeSecrets,
    eventbridge: FakePartnerEventSources,
) -> CloudFormation:
    """A stack with an integration."""
    return CloudFormation(http.url, clock, secrets, eventbridge, EVENT_SOURCE)


@pytest.fixture
def active(
    clock: Clock, secrets: FakeSecrets, eventbridge: FakePartnerEventSources
) -> CloudFormation:
    """The part of a stack that waits for the source's bus."""
    return CloudFormation("", clock, secrets, eventbridge, ACTIVE)


@pytest.fixture(params=DELIVERIES, ids=lambda delivery: delivery.noun)
def resource(
    *,
    request: pytest.FixtureRequest,
    http: HttpServer,
    genesys: GenesysCloud,
    clock: Clock,
    secrets: FakeSecrets,
    eventbridge: FakePartnerEventSources,
) -> Resource:
    """Each delivery's resource: a test that takes it is part of the contract of all deliveries."""
    delivery = request.param(genesys)
    stack = CloudFormation(http.url, clock, secrets, eventbridge, delivery.resource_type)
    return Resource(stack, genesys, delivery)


@pytest.fixture
def deployed(resource: Resource) -> Resource:
    """A resource that is there already."""
    assert resource.stack.create().status == "SUCCESS"
    resource.genesys.calls.clear()
    resource.stack.clock.pauses.clear()
    return resource
