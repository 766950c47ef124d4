"""The HTTP server of the stand-ins."""

import socket
import threading
from collections.abc import Iterator

import pytest
import requests

from local.http.messages import Answer, Request
from local.http.server import HttpServer
from tests.polling import wait_until


class Seen:
    """What a server was asked; it answers 201 and the body in capitals."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.may_answer = threading.Event()
        self.may_answer.set()

    def answer(self, request: Request) -> Answer | None:
        self.requests.append(request)
        self.may_answer.wait(10)
        return None if request.body == b"hang up" else Answer(201, request.body.upper())


@pytest.fixture
def seen() -> Seen:
    return Seen()


@pytest.fixture
def server(seen: Seen) -> Iterator[HttpServer]:
    with HttpServer(seen.answer) as server:
        yield server


@pytest.fixture
def client() -> Iterator[requests.Session]:
    with requests.Session() as session:
        session.trust_env = False
        yield session


def test_requests_reach_the_function_and_its_answer_the_client(
    server: HttpServer, seen: Seen, client: requests.Session
) -> None:
    answer = client.put(f"{server.url}/a/b", data=b"body", headers={"X-Name": "value"})

    assert (answer.status_code, answer.content) == (201, b"BODY")
    (request,) = seen.requests
    assert (request.method, request.path, request.body) == ("PUT", "/a/b", b"body")
    assert request.headers["x-name"] == "value"


def test_no_answer_is_a_connection_that_ends(server: HttpServer, client: requests.Session) -> None:
    with pytest.raises(requests.ConnectionError):
        client.post(server.url, data=b"hang up")


def test_what_comes_before_answers_instead(
    server: HttpServer, seen: Seen, client: requests.Session
) -> None:
    server.before = lambda request: Answer(503) if request.body == b"refuse" else None

    assert client.post(server.url, data=b"refuse").status_code == 503
    assert client.post(server.url, data=b"take").status_code == 201
    assert [request.body for request in seen.requests] == [b"take"]


def test_a_client_that_has_stopped_waiting_is_not_taken_for_answered(
    server: HttpServer, seen: Seen
) -> None:
    asked, gone = threading.Event(), threading.Event()

    def wait(_: Request) -> None:
        asked.set()
        gone.wait(10)

    server.before = wait
    with socket.create_connection(("127.0.0.1", int(server.url.rpartition(":")[2]))) as impatient:
        impatient.sendall(b"GET / HTTP/1.1\r\n\r\n")
        assert asked.wait(10)
    gone.set()

    server.shut()  # which waits for answers that were begun
    assert seen.requests == []


def test_a_server_that_is_shut_refuses_and_serves_at_the_same_address_when_it_is_opened(
    server: HttpServer, client: requests.Session
) -> None:
    assert client.get(server.url).status_code == 201

    server.shut()
    with pytest.raises(requests.ConnectionError):
        client.get(server.url)

    server.open()
    assert client.get(server.url).status_code == 201


def test_nobody_else_can_take_the_port_of_a_server_that_is_shut(server: HttpServer) -> None:
    server.shut()

    with socket.socket() as other, pytest.raises(OSError, match="in use"):
        other.bind(("127.0.0.1", int(server.url.rpartition(":")[2])))


def test_a_request_that_was_begun_is_answered_before_the_server_is_shut(
    server: HttpServer, seen: Seen, client: requests.Session
) -> None:
    seen.may_answer.clear()
    answers: list[int] = []
    asking = threading.Thread(target=lambda: answers.append(client.get(server.url).status_code))
    asking.start()
    wait_until(lambda: seen.requests, "the request at the server")
    shutting = threading.Thread(target=server.shut)
    shutting.start()

    seen.may_answer.set()
    shutting.join(10)
    asking.join(10)

    assert answers == [201]
