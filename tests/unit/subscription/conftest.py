"""The custom resources between a CloudFormation and a Genesys Cloud that are both in memory."""

import pytest

from deadline import Deadline, InvocationContext
from tests.fakes.clock import Clock, Invocation
from tests.fakes.cloudformation import ACTIVE, EVENT_SOURCE, CloudFormation
from tests.fakes.genesys import CLIENT_ID, CLIENT_SECRET, FakeGenesys
from tests.fakes.genesys_integrations import FakeIntegrations
from tests.fakes.partner_events import FakePartnerEvents
from tests.fakes.scripted_http import HttpServer
from tests.fakes.secrets_manager import FakeSecrets


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have an invocation's time pass when the code under test sleeps, so that no test waits."""
    real = Deadline.before_timeout_of.__func__  # type: ignore[attr-defined]

    def before_timeout_of(
        cls: type[Deadline], context: InvocationContext, reserve: float
    ) -> Deadline:
        deadline: Deadline = real(cls, context, reserve)
        if isinstance(context, Invocation):
            return cls(deadline.left, context.clock.sleep)
        return deadline

    monkeypatch.setattr(Deadline, "before_timeout_of", classmethod(before_timeout_of))


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def genesys(http: HttpServer, clock: Clock) -> FakeGenesys:
    http.respond = genesys = FakeGenesys(clock)
    return genesys


@pytest.fixture
def secrets() -> FakeSecrets:
    held = {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}
    return FakeSecrets(**{"queue-ends/genesys": held})


@pytest.fixture
def events(clock: Clock) -> FakePartnerEvents:
    return FakePartnerEvents(clock)


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
