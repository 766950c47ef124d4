"""A scripted HTTP server on loopback, for the tests that talk to one."""

from collections.abc import Iterator

import pytest

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
