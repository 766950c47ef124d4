"""What tests of several parts need: a scripted HTTP server on loopback, time, AWS in memory."""

from collections.abc import Iterator

import pytest

from local.genesys.login import CLIENT_ID, CLIENT_SECRET
from local.genesys.stand_in import GenesysCloud
from local.http.server import HttpServer
from tests.fakes.aws.partner_events import FakePartnerEventSources
from tests.fakes.aws.secrets_manager import FakeSecrets
from tests.fakes.clock import Clock, let_time_pass


@pytest.fixture(scope="session")
def server() -> Iterator[HttpServer]:
    with HttpServer() as server, pytest.MonkeyPatch.context() as environment:
        environment.setenv("NO_PROXY", "127.0.0.1")
        yield server


@pytest.fixture
def http(server: HttpServer) -> Iterator[HttpServer]:
    server.reset()
    yield server
    assert not server.errors


@pytest.fixture
def time_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have an invocation's time pass when the code under test sleeps, so that no test waits."""
    let_time_pass(monkeypatch)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def secrets() -> FakeSecrets:
    """The secret of the OAuth client."""
    held = {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}
    return FakeSecrets(**{"queue-ends/genesys": held})


@pytest.fixture
def eventbridge(clock: Clock) -> FakePartnerEventSources:
    return FakePartnerEventSources(clock)


@pytest.fixture
def genesys(http: HttpServer, clock: Clock, eventbridge: FakePartnerEventSources) -> GenesysCloud:
    """The stand-in, in the clock's time; AWS gets the partner event sources of its integrations."""
    http.respond = genesys = GenesysCloud(clock=clock)
    subscriptions, integrations = genesys.subscriptions, genesys.integrations
    subscriptions.activation_seconds, integrations.state_seconds = 0, 2
    subscriptions.page_limit = integrations.page_limit = 3
    integrations.on_source_created = lambda suffix: eventbridge.create_source(
        genesys.event_source(suffix)
    )
    integrations.on_source_deleted = lambda suffix: eventbridge.delete_source(
        genesys.event_source(suffix)
    )
    return genesys
