"""A client of a scripted Genesys Cloud, in a time that passes without waiting."""

import gc
from collections.abc import Iterator

import pytest

from genesys.client import GenesysClient
from genesys.credentials import Credentials
from local.http.server import HttpServer
from tests.fakes.clock import Clock
from tests.fakes.scripted_genesys import ScriptedGenesys


@pytest.fixture
def uncollected() -> Iterator[None]:
    """No garbage collection: what it calls in the middle of a deep recursion would fail there."""
    gc.disable()
    yield
    gc.enable()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def api(http: HttpServer) -> ScriptedGenesys:
    return ScriptedGenesys(http)


@pytest.fixture
def client(http: HttpServer, clock: Clock) -> GenesysClient:
    """A client with 100 seconds."""
    return GenesysClient(
        http.url, http.url, Credentials("the-id", "the-s3cret"), clock.deadline(100), clock
    )
