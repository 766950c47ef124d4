"""The HTTP server of the stand-ins."""

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
    """A server that answers 201 and the body in capitals."""
    with HttpServer(lambda request: Answer(201, request.body.upper())) as server:
        yield server


@pytest.fixture
def client() -> Iterator[requests.Session]:
    with requests.Session() as session:
        session.trust_env = False
        yield session


def test_requests_reach_the_function_and_its_answer_the_client(
    server: HttpServer, client: requests.Session
) -> None:
    answer = client.put(f"{server.url}/a/b?c=d", data=b"body", headers={"X-Name": "value"})

    assert (answer.status_code, answer.content) == (201, b"BODY")
    (request,) = server.asked
    assert (request.method, request.target, request.path) == ("PUT", "/a/b?c=d", "/a/b")
    assert (request.query, request.body) == ({"c": "d"}, b"body")
    assert request.headers["x-name"] == "value"


def test_forms_and_json_are_read_and_an_object_is_answered_as_json(
    server: HttpServer, client: requests.Session
) -> None:
    server.script(Answer(body={"a": 1}, headers={"X-Name": "value"}), Answer(202, None))

    answer = client.post(server.url, data={"key": "a b", "empty": ""})
    assert (answer.json(), answer.headers["Content-Type"]) == ({"a": 1}, "application/json")
    assert answer.headers["X-Name"] == "value"
    assert client.post(server.url, json=[1]).content == b""
    assert server.asked[0].form == {"key": "a b", "empty": ""}
    assert server.asked[1].json == [1]


def test_scripted_answers_are_given_in_order_and_a_reset_forgets_the_requests(
    server: HttpServer, client: requests.Session
) -> None:
    server.script(Answer(503, reason="Busy"), Answer(204))
    assert [client.get(f"{server.url}/x").reason for _ in range(2)] == ["Busy", "No Content"]
    assert client.get(f"{server.url}/y").status_code == UNSCRIPTED.status
    assert [len(server.asked_for(path)) for path in ("/x", "/y")] == [2, 1]

    server.reset()
    assert server.asked == []
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


def test_an_exception_ends_the_connection_and_is_kept(
    server: HttpServer, client: requests.Session, capfd: pytest.CaptureFixture[str]
) -> None:
    error = LookupError("Not foreseen.")

    def respond(_: Request) -> Answer:
        raise error

    server.respond = respond
    with pytest.raises(requests.ConnectionError):
        client.get(server.url)
    assert server.broken == [error]


def test_an_answer_of_before_replaces_the_usual_one(
    server: HttpServer, client: requests.Session
) -> None:
    server.before = lambda request: Answer(503) if request.body == b"refuse" else None

    assert client.post(server.url, data=b"refuse").status_code == 503
    assert client.post(server.url, data=b"take").status_code == 201


def test_a_request_whose_client_has_stopped_waiting_has_no_effect(server: HttpServer) -> None:
    asked, gone = threading.Event(), threading.Event()
    answered: list[Request] = []

    def wait(_: Request) -> None:
        asked.set()
        gone.wait(10)

    server.before = wait
    server.respond = answered.append
    with socket.create_connection(("127.0.0.1", server.port)) as impatient:
        impatient.sendall(b"GET / HTTP/1.1\r\n\r\n")
        assert asked.wait(10)
    gone.set()

    server.shut()  # which waits for answers that were begun
    assert len(server.asked) == 1
    assert answered == []


def test_connections_are_counted_and_can_be_ended(
    server: HttpServer, client: requests.Session
) -> None:
    client.get(server.url)
    client.get(server.url)
    assert server.connections == 1

    server.hang_up()
    client.get(server.url)
    assert server.connections == 2
    wait_until(lambda: len(server.busy) == 1, "the connection that has ended is forgotten")


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


def test_a_shut_server_refuses_connections_and_serves_at_the_same_address_when_opened(
    server: HttpServer, client: requests.Session
) -> None:
    assert client.get(server.url).status_code == 201

    server.shut()
    assert not server.is_open
    with pytest.raises(requests.ConnectionError):
        client.get(server.url)

    server.open()
    assert client.get(server.url).status_code == 201


def test_no_other_socket_can_take_the_port_of_a_shut_server(server: HttpServer) -> None:
    server.shut()

    with socket.socket() as other, pytest.raises(OSError, match="in use"):
        other.bind(("127.0.0.1", server.port))


@pytest.mark.parametrize("ending", ["shut", "close"])
def test_a_request_in_progress_is_answered_before_a_shut_but_not_before_a_close(
    *,
    server: HttpServer,
    client: requests.Session,
    monkeypatch: pytest.MonkeyPatch,
    ending: str,
) -> None:
    may_answer, cut = threading.Event(), threading.Event()
    answers: list[int] = []

    def respond(_: Request) -> Answer:
        may_answer.wait(10)
        return Answer(201)

    def ask() -> None:
        try:
            answers.append(client.get(server.url).status_code)
        except requests.ConnectionError:
            answers.append(0)

    def hang_up(really: Callable[[], None] = server.hang_up) -> None:
        really()
        cut.set()

    monkeypatch.setattr(server, "hang_up", hang_up)
    server.respond = respond
    asking = threading.Thread(target=ask)
    asking.start()
    wait_until(lambda: server.asked, "the request at the server")
    ended = threading.Thread(target=getattr(server, ending))
    ended.start()
    assert cut.wait(0.2 if ending == "shut" else 10) == (ending == "close")

    may_answer.set()
    ended.join(10)
    asking.join(10)
    assert answers == [201 if ending == "shut" else 0]
