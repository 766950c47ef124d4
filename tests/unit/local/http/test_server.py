"""The HTTP server behind the stand-ins."""

import socket
import ssl
import threading
from collections.abc import Callable, Iterator

import pytest
import requests

from local.http.messages import Answer, Request
from local.http.server import UNSCRIPTED, HttpServer
from tests.fakes.webhook_receiver import CERTIFICATE
from tests.polling import wait_until


@pytest.fixture
def server() -> Iterator[HttpServer]:
    """A server that answers 201 with the request's body in capitals."""
    with HttpServer(lambda request: Answer(201, request.body.upper())) as server:
        yield server


@pytest.fixture
def client() -> Iterator[requests.Session]:
    with requests.Session() as session:
        session.trust_env = False
        yield session


def test_a_request_reaches_the_function_and_the_answer_reaches_the_client(
    server: HttpServer, client: requests.Session
) -> None:
    response = client.put(f"{server.url}/a/b?c=d", data=b"body", headers={"X-Name": "value"})

    assert (response.status_code, response.content) == (201, b"BODY")
    (request,) = server.requests
    assert (request.method, request.target, request.path) == ("PUT", "/a/b?c=d", "/a/b")
    assert (request.query, request.body) == ({"c": "d"}, b"body")
    assert request.headers["x-name"] == "value"


def test_forms_and_json_are_parsed_and_an_object_is_sent_as_json(
    server: HttpServer, client: requests.Session
) -> None:
    server.script(Answer(body={"a": 1}, headers={"X-Name": "value"}), Answer(202, None))

    response = client.post(server.url, data={"key": "a b", "empty": ""})
    assert (response.json(), response.headers["Content-Type"]) == ({"a": 1}, "application/json")
    assert response.headers["X-Name"] == "value"
    assert client.post(server.url, json=[1]).content == b""
    assert server.requests[0].form == {"key": "a b", "empty": ""}
    assert server.requests[1].json == [1]


def test_scripted_answers_are_sent_in_order_and_a_reset_forgets_the_requests(
    server: HttpServer, client: requests.Session
) -> None:
    server.script(Answer(503, reason="Busy"), Answer(204))
    assert [client.get(f"{server.url}/x").reason for _ in range(2)] == ["Busy", "No Content"]
    assert client.get(f"{server.url}/y").status_code == UNSCRIPTED.status
    assert [len(server.requests_for(path)) for path in ("/x", "/y")] == [2, 1]

    server.reset()
    assert server.requests == []
    assert client.get(server.url).status_code == UNSCRIPTED.status


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (None, requests.ConnectionError),
        (Answer(fate="lost"), requests.ConnectionError),
        (Answer(200, b"half", fate="cut"), requests.exceptions.ChunkedEncodingError),
        (Answer(fate="hung"), requests.ReadTimeout),
    ],
    ids=str,
)
def test_a_client_can_be_left_without_an_answer(
    server: HttpServer, client: requests.Session, answer: Answer | None, error: type[Exception]
) -> None:
    server.respond = lambda _: answer
    with pytest.raises(error):
        client.post(server.url, timeout=0.2)
    server.script(Answer(204))
    assert client.post(server.url).status_code == 204


def test_an_exception_closes_the_connection_and_is_recorded(
    server: HttpServer, client: requests.Session, capfd: pytest.CaptureFixture[str]
) -> None:
    error = LookupError("unexpected")

    def respond(_: Request) -> Answer:
        raise error

    server.respond = respond
    with pytest.raises(requests.ConnectionError):
        client.get(server.url)
    assert server.errors == [error]


def test_an_answer_from_intercept_replaces_the_usual_one(
    server: HttpServer, client: requests.Session
) -> None:
    server.intercept = lambda request: Answer(503) if request.body == b"refuse" else None

    assert client.post(server.url, data=b"refuse").status_code == 503
    assert client.post(server.url, data=b"take").status_code == 201


def test_a_request_whose_client_has_stopped_waiting_has_no_effect(server: HttpServer) -> None:
    requested, hung_up = threading.Event(), threading.Event()
    handled: list[Request] = []

    def wait(_: Request) -> None:
        requested.set()
        hung_up.wait(10)

    server.intercept = wait
    server.respond = handled.append
    with socket.create_connection(("127.0.0.1", server.port)) as client:
        client.sendall(b"GET / HTTP/1.1\r\n\r\n")
        assert requested.wait(10)
    hung_up.set()

    server.refuse_connections()  # waits for the answers in progress
    assert len(server.requests) == 1
    assert handled == []


def test_connections_are_counted_and_can_be_shut_down(
    server: HttpServer, client: requests.Session
) -> None:
    client.get(server.url)
    client.get(server.url)
    assert server.connection_count == 1

    server.hang_up()
    client.get(server.url)
    assert server.connection_count == 2
    wait_until(lambda: len(server.connection_locks) == 1, "the old connection is forgotten")


def test_a_server_with_a_tls_context_serves_https(client: requests.Session) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE)
    with HttpServer(lambda _: Answer(204), tls=context, host="webhook.test") as server:
        assert server.url == f"https://webhook.test:{server.port}"
        with (
            socket.create_connection(("127.0.0.1", server.port)) as plain,
            ssl.create_default_context(cafile=CERTIFICATE).wrap_socket(
                plain, server_hostname="webhook.test"
            ) as secured,
        ):
            secured.sendall(b"GET / HTTP/1.1\r\n\r\n")
            assert secured.recv(99).startswith(b"HTTP/1.1 204")


def test_a_server_can_refuse_connections_and_accept_them_at_the_same_address_again(
    server: HttpServer, client: requests.Session
) -> None:
    assert client.get(server.url).status_code == 201

    server.refuse_connections()
    assert not server.is_accepting
    with pytest.raises(requests.ConnectionError):
        client.get(server.url)

    server.accept_connections()
    assert client.get(server.url).status_code == 201


def test_no_other_socket_can_take_the_port_while_connections_are_refused(
    server: HttpServer,
) -> None:
    server.refuse_connections()

    with socket.socket() as other, pytest.raises(OSError, match="in use"):
        other.bind(("127.0.0.1", server.port))


@pytest.mark.parametrize("method", ["refuse_connections", "close"])
def test_refuse_connections_waits_for_an_answer_in_progress_and_close_does_not(
    *,
    server: HttpServer,
    client: requests.Session,
    monkeypatch: pytest.MonkeyPatch,
    method: str,
) -> None:
    may_answer, shut_down = threading.Event(), threading.Event()
    statuses: list[int] = []

    def respond(_: Request) -> Answer:
        may_answer.wait(10)
        return Answer(201)

    def send() -> None:
        try:
            statuses.append(client.get(server.url).status_code)
        except requests.ConnectionError:
            statuses.append(0)

    def hang_up(original: Callable[[], None] = server.hang_up) -> None:
        original()
        shut_down.set()

    monkeypatch.setattr(server, "hang_up", hang_up)
    server.respond = respond
    sending = threading.Thread(target=send)
    sending.start()
    wait_until(lambda: server.requests, "the request at the server")
    stopping = threading.Thread(target=getattr(server, method))
    stopping.start()
    assert shut_down.wait(0.2 if method == "refuse_connections" else 10) == (method == "close")

    may_answer.set()
    stopping.join(10)
    sending.join(10)
    assert statuses == [201 if method == "refuse_connections" else 0]
