"""A client of a scripted Genesys Cloud, in a time that passes without waiting."""

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
    """Answers logins with `token-1`, `token-2` … or with `logins`, the rest with `answers`."""

    def __init__(self, http: HttpServer) -> None:
        self.http = http
        self.logins: list[Answer] = []
        self.answers: list[Answer] = []
        http.respond = self._respond

    @property
    def asked(self) -> list[Request]:
        """The requests beside logins."""
        return [asked for asked in self.http.asked if asked.path != LOGIN_PATH]

    @property
    def logged_in(self) -> list[Request]:
        return self.http.asked_for(LOGIN_PATH)

    def script(self, *answers: Answer) -> None:
        self.answers += answers

    def _respond(self, asked: Request) -> Answer:
        if asked.path != LOGIN_PATH:
            return self.answers.pop(0) if self.answers else UNSCRIPTED
        token = f"token-{len(self.logged_in)}"
        usual = Answer(body={"access_token": token, "expires_in": 86400})
        return self.logins.pop(0) if self.logins else usual


@pytest.fixture
def uncollected() -> Iterator[None]:
    """No garbage collection: what it calls in the middle of a deep recursion would fail there."""
    gc.disable()
    yield
    gc.enable()


@pytest.fixture
def api(http: HttpServer) -> Api:
    return Api(http)


@pytest.fixture
def client(http: HttpServer, clock: Clock) -> GenesysClient:
    """A client with 100 seconds."""
    credentials, deadline = Credentials("the-id", "the-s3cret"), clock.deadline(100)
    return GenesysClient(http.url, http.url, credentials, deadline, clock, scopes=SCOPES)
