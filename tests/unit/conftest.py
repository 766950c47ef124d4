"""What tests of several parts need: a scripted HTTP server on loopback, time, AWS in memory."""

from collections.abc import Iterator

import pytest

from deadline import Deadline, InvocationContext
from tests.fakes.aws.partner_events import FakePartnerEvents
from tests.fakes.aws.secrets_manager import FakeSecrets
from tests.fakes.clock import Clock, Invocation
from tests.fakes.genesys import CLIENT_ID, CLIENT_SECRET
from tests.fakes.scripted_http import HttpServer


@pytest.fixture(scope="session")
def server() -> Iterator[HttpServer]:
    with HttpServer() as server, pytest.MonkeyPatch.context() as environment:
        environment.setenv("NO_PROXY", "127.0.0.1")
        yield server


@pytest.fixture
def http(server: HttpServer) -> Iterator[HttpServer]:
    server.reset()
    yield server
    server.released.set()
    assert not server.broken


@pytest.fixture
def time_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have an invocation's time pass when the code under test sleeps, so that no test waits."""
    real = Deadline.before_timeout_of.__func__  # type: ignore[attr-defined]

    def before_timeout_of(
        cls: type[Deadline], context: InvocationContext, reserve: float, _sleep: object = None
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
def secrets() -> FakeSecrets:
    """The secret of the OAuth client."""
    held = {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}
    return FakeSecrets(**{"queue-ends/genesys": held})


@pytest.fixture
def events(clock: Clock) -> FakePartnerEvents:
    return FakePartnerEvents(clock)
