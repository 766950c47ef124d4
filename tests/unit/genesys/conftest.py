"""A client of a scripted Genesys Cloud, in the time of a virtual clock."""

import gc
from collections.abc import Iterator

import pytest

from genesys.client import LOGIN_PATH, GenesysClient
from genesys.credentials import Credentials
from genesys.subscriptions import SCOPES
from local.http.messages import Answer, Request
from local.http.server import UNSCRIPTED, HttpServer
from tests.fakes.clock import Clock


class Api:
    """A scripted Genesys Cloud, which returns `logins` and `answers` in turn.

    Without `logins`, it returns the tokens `token-1`, `token-2` …
    """

    def __init__(self, http: HttpServer) -> None:
        self.http = http
        self.logins: list[Answer] = []
        self.answers: list[Answer] = []
        http.respond = self._respond

    @property
    def requests(self) -> list[Request]:
        """All requests except logins."""
        return [request for request in self.http.requests if request.path != LOGIN_PATH]

    @property
    def logged_in(self) -> list[Request]:
        return self.http.requests_for(LOGIN_PATH)

    def script(self, *answers: Answer) -> None:
        self.answers += answers

    def _respond(self, request: Request) -> Answer:
        if request.path != LOGIN_PATH:
            return self.answers.pop(0) if self.answers else UNSCRIPTED
        token = f"token-{len(self.logged_in)}"
        usual = Answer(body={"access_token": token, "expires_in": 86400})
        return self.logins.pop(0) if self.logins else usual


@pytest.fixture
def uncollected() -> Iterator[None]:
    """Switch garbage collection off, because finalizers would fail in a deep recursion."""
    gc.disable()
    yield
    gc.enable()


@pytest.fixture
def api(http: HttpServer) -> Api:
    return Api(http)


@pytest.fixture
def client(http: HttpServer, clock: Clock) -> GenesysClient:
    """A client with a deadline in 100 seconds."""
    credentials, deadline = Credentials("the-id", "the-s3cret"), clock.deadline(100)
    return GenesysClient(http.url, http.url, credentials, deadline, clock, scopes=SCOPES)
