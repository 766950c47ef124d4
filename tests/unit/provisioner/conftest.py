"""Custom resources between CloudFormation and Genesys Cloud, both in memory."""

from dataclasses import dataclass
from typing import Any

import pytest
from urllib3.connectionpool import HTTPConnectionPool
from urllib3.exceptions import ReadTimeoutError

from local.genesys.entities import Entities
from local.genesys.stand_in import ORG_ID, GenesysCloud
from local.http.server import HttpServer
from resources.registry import parse_resource
from resources.resource import Resource
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
CHANGE_OPERATIONS = {"create", "annotate", "replace", "configure", "switch", "delete"}
"""The operations that change something in Genesys Cloud."""


@dataclass(slots=True)
class StackResource:
    """A stack with one delivery's custom resource, and the org of the resource."""

    stack: CloudFormation
    genesys: GenesysCloud
    delivery: Delivery

    @property
    def noun(self) -> str:
        """The word for the resource in failure reasons."""
        return self.delivery.noun

    @property
    def entities(self) -> Entities:
        """All resources of this delivery in the org, by id."""
        return self.delivery.entities

    @property
    def parsed(self) -> Resource:
        """The resource that the stack's properties describe."""
        return parse_resource(self.stack.resource_type, self.stack.properties)

    @property
    def changed_properties(self) -> dict[str, Any]:
        """Properties for an Update."""
        return dict(self.delivery.changed_properties)

    def seed(self) -> str:
        """Create our resource as specified in the org, and return its id."""
        return self.delivery.seed()

    def is_as_specified(self) -> bool:
        """Return whether exactly one resource exists, as the stack's properties specify it."""
        return self.delivery.visible_states() == [
            self.delivery.expected_state(self.stack.properties)
        ]

    def id_in(self, data: Any) -> str:
        """Return the resource's id in a response's data."""
        return str(data[self.delivery.id_key])


@pytest.fixture(autouse=True)
def no_waiting(time_passes: None) -> None:
    """No test waits."""


@pytest.fixture
def hanging_requests(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a request with the header `X-Hangs` in its answer time out, in the time of the clock."""
    real = HTTPConnectionPool._make_request

    def make_request(pool: HTTPConnectionPool, *args: Any, **options: Any) -> Any:
        response = real(pool, *args, **options)
        if "X-Hangs" not in response.headers:
            return response
        clock.sleep(options["timeout"].read_timeout)
        raise ReadTimeoutError(pool, "", "Read timed out.")

    monkeypatch.setattr(HTTPConnectionPool, "_make_request", make_request)


@pytest.fixture
def subscription_stack(
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
def source_active(
    clock: Clock, secrets: FakeSecrets, eventbridge: FakePartnerEventSources
) -> CloudFormation:
    """A stack with the condition that waits for an active source."""
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
) -> StackResource:
    """Each delivery's resource: tests with this fixture are the contract of all deliveries."""
    delivery = request.param(genesys)
    stack = CloudFormation(http.url, clock, secrets, eventbridge, delivery.resource_type)
    return StackResource(stack, genesys, delivery)


@pytest.fixture
def deployed(resource: StackResource) -> StackResource:
    """A resource that a Create has created."""
    assert resource.stack.create().status == "SUCCESS"
    resource.genesys.calls.clear()
    resource.stack.clock.pauses.clear()
    return resource
