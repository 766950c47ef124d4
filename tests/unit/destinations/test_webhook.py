"""The webhook: its requests, the receipts for responses, and the reuse of connections."""

import dataclasses
import json
import socket
import threading
from collections.abc import Iterator

import pytest

from destinations.destination import CALL_SECONDS, Destination, Receipt, ReceiptKind
from destinations.webhook import MAX_CONCURRENT_CALLS, Webhook, make_destination
from destinations.webhook_call import receipt_kind
from destinations.webhook_signature import parse_keys, sign
from local.http.messages import Answer, Fate, Request
from tests.bodies import CANARY
from tests.fakes.aws.secrets_manager import FakeSecrets
from tests.fakes.clock import Clock
from tests.fakes.ends import make_end
from tests.fakes.webhook_receiver import (
    LONG_SECONDS,
    OTHER_SECRET,
    SECRET,
    SECRET_NAME,
    Receiver,
    deliver_ends,
    read_request,
    tcp_server,
    webhook_to,
)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver
        assert not receiver.errors


@pytest.fixture
def webhook(receiver: Receiver) -> Iterator[Webhook]:
    with webhook_to(f"{receiver.url}/hooks/ends?tenant=7") as webhook:
        yield webhook


def deliver_one(webhook: Webhook) -> tuple[str, str]:
    """Deliver one end; return the kind and detail of its receipt."""
    receipt = deliver_ends(webhook)[0]
    return receipt.kind, receipt.detail


def is_signed(request: Request, secret: str) -> bool:
    """Return whether a request is signed with a secret's key."""
    webhook_id, sent_at = request.headers["webhook-id"], int(request.headers["webhook-timestamp"])
    expected = sign(parse_keys(secret), webhook_id, sent_at, request.body)
    return expected in request.headers["webhook-signature"].split()


def test_an_end_is_posted_by_standard_webhooks(receiver: Receiver) -> None:
    end = dataclasses.replace(make_end("c-ö", name="Ä"), queue_id="q-1", sequence=3)
    with webhook_to(f"{receiver.url}/hooks/ends?tenant=7", now=lambda: 1_795_428_000.9) as webhook:
        assert list(webhook.deliver([end], Clock().deadline(LONG_SECONDS))) == [
            Receipt(0, "arrived", "answered 204")
        ]
    (request,) = receiver.requests
    headers = request.headers
    assert (request.method, request.path, request.query) == ("POST", "/hooks/ends", {"tenant": "7"})
    assert headers["content-type"] == "application/json"
    assert headers["host"] == receiver.url.removeprefix("http://")
    assert headers["webhook-id"] == end.end_id
    assert headers["webhook-timestamp"] == "1795428000"
    assert is_signed(request, SECRET)
    assert not is_signed(request, OTHER_SECRET)
    assert request.json == {
        "type": "conversation.ended",
        "timestamp": end.ended_at,
        "data": json.loads(end.as_json()),
    }


def test_every_attempt_at_an_end_has_the_same_id_and_body(
    webhook: Webhook, receiver: Receiver
) -> None:
    receiver.script(Answer(503), Answer(204))
    assert deliver_one(webhook)[0] == "failed"
    assert deliver_one(webhook)[0] == "arrived"
    first, second = receiver.requests
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert first.body == second.body


def test_during_a_key_rotation_each_key_signs(receiver: Receiver) -> None:
    secrets = FakeSecrets(**{SECRET_NAME: f"{OTHER_SECRET} {SECRET}\n"})
    with webhook_to(receiver.url, secrets) as webhook:
        assert deliver_one(webhook)[0] == "arrived"
    assert is_signed(receiver.requests[0], SECRET)
    assert is_signed(receiver.requests[0], OTHER_SECRET)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (200, "arrived"),
        (299, "arrived"),
        (301, "failed"),
        (303, "failed"),
        (307, "failed"),
        (401, "failed"),
        (410, "refused"),
        (500, "failed"),
    ],
)
def test_the_status_alone_decides_and_no_redirect_is_followed(
    webhook: Webhook, receiver: Receiver, status: int, kind: str
) -> None:
    headers = {"Location": f"{receiver.url}/{CANARY}", "X-Said": CANARY}
    receiver.script(Answer(status, {"message": CANARY}, headers, reason=CANARY))
    assert deliver_one(webhook) == (kind, f"answered {status}")
    assert [request.path for request in receiver.requests] == ["/hooks/ends"]


def test_every_status_gives_a_receipt_and_only_listed_ones_refuse() -> None:
    by_kind: dict[ReceiptKind, list[int]] = {}
    for status in range(100, 1000):
        by_kind.setdefault(receipt_kind(status), []).append(status)
    assert by_kind["arrived"] == list(range(200, 300))
    assert by_kind["refused"] == [400, 405, 406, 410, 411, 413, 414, 415, 422, 431, 501, 505]


@pytest.mark.parametrize(
    ("fate", "words"),
    [("lost", "the connection failed (RemoteDisconnected)"), ("cut", "answered 500")],
)
def test_a_failed_call_has_a_fixed_detail_and_is_not_repeated(
    receiver: Receiver, fate: Fate, words: str, capfd: pytest.CaptureFixture[str]
) -> None:
    receiver.respond = lambda _: Answer(500, CANARY.encode(), fate=fate)
    end = make_end(CANARY, name=CANARY)
    with webhook_to(f"{receiver.url}/{CANARY}?{CANARY}") as webhook:
        (receipt,) = webhook.deliver([end], Clock().deadline(LONG_SECONDS))
    assert receipt == Receipt(0, "failed", words)
    assert len(receiver.requests) == 1  # a request on a new connection is not repeated
    assert capfd.readouterr() == ("", "")


def test_a_refused_connection_fails_every_end_at_once(webhook: Webhook, receiver: Receiver) -> None:
    receiver.refuse_connections()
    receipts = deliver_ends(webhook, 20)
    assert {(receipt.kind, receipt.detail) for receipt in receipts.values()} == {
        ("failed", "the connection was refused")
    }
    assert len(receipts) == 20


def test_a_name_that_cannot_be_resolved_fails() -> None:
    with webhook_to("http://nobody.invalid", resolve=_fail_to_resolve) as webhook:
        assert deliver_one(webhook) == ("failed", "the host's name cannot be resolved")


def _fail_to_resolve(host: str, port: int) -> list[str]:
    raise socket.gaierror(-2, f"unknown: {host} {port}")


def test_a_failed_call_does_not_affect_others(webhook: Webhook, receiver: Receiver) -> None:
    receiver.respond = lambda request: Answer(
        {"c-3": 500, "c-5": 410}.get(request.json["data"]["conversation_id"], 204)
    )
    kinds = [receipt.kind for _, receipt in sorted(deliver_ends(webhook, 10).items())]
    assert kinds == ["arrived"] * 3 + ["failed", "arrived", "refused"] + ["arrived"] * 4


def test_without_ends_there_is_no_connection(webhook: Webhook, receiver: Receiver) -> None:
    assert deliver_ends(webhook, 0) == {}
    assert receiver.connection_count == 0


def test_connections_are_reused_within_a_batch_and_after_it(
    webhook: Webhook, receiver: Receiver
) -> None:
    receiver.respond = lambda _: Answer(body={"thanks": True})
    for _ in range(3):
        assert len(deliver_ends(webhook, 30)) == 30
    assert len(receiver.requests) == 90
    assert 1 <= receiver.connection_count <= MAX_CONCURRENT_CALLS


def test_consecutive_ends_use_one_connection(webhook: Webhook, receiver: Receiver) -> None:
    receiver.script(Answer(500, b"x" * 999), Answer(204), Answer(200), Answer(410, {"no": "more"}))
    assert [deliver_one(webhook)[1] for _ in range(4)] == [
        "answered 500",
        "answered 204",
        "answered 200",
        "answered 410",
    ]
    assert receiver.connection_count == 1


def test_an_idle_connection_that_was_closed_is_replaced(
    webhook: Webhook, receiver: Receiver
) -> None:
    assert deliver_one(webhook)[0] == "arrived"
    receiver.hang_up()
    assert deliver_one(webhook)[0] == "arrived"
    assert (len(receiver.requests), receiver.connection_count) == (2, 2)


def test_an_idle_connection_that_closes_without_a_response_is_replaced_once(
    webhook: Webhook, receiver: Receiver
) -> None:
    receiver.script(Answer(204), Answer(fate="lost"), Answer(fate="lost"))
    assert deliver_one(webhook)[0] == "arrived"
    assert deliver_one(webhook) == ("failed", "the connection failed (RemoteDisconnected)")
    assert (len(receiver.requests), receiver.connection_count) == (3, 2)


def test_a_connection_is_not_reused_after_fifty_seconds(receiver: Receiver) -> None:
    clock = Clock()
    with webhook_to(receiver.url, now=clock) as webhook:
        clock.now = 1000
        for seconds, connections in [(0, 1), (49, 1), (51, 2)]:
            clock.now += seconds
            assert deliver_one(webhook)[0] == "arrived"
            assert receiver.connection_count == connections


def test_a_receiver_that_closes_connections_gets_new_ones(
    webhook: Webhook, receiver: Receiver
) -> None:
    receiver.respond = lambda _: Answer(204, headers={"Connection": "close"})
    assert [deliver_one(webhook)[0] for _ in range(3)] == ["arrived"] * 3
    assert receiver.connection_count == 3


def test_a_long_response_is_not_read_completely(webhook: Webhook, receiver: Receiver) -> None:
    receiver.script(Answer(200, b"x" * 50_000_000), Answer(204))
    assert deliver_one(webhook)[0] == "arrived"
    assert deliver_one(webhook)[0] == "arrived"
    assert receiver.connection_count == 2


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"SSH-2.0-OpenSSH\r\n",
        b"HTTP/1.1 OK\r\n\r\n",
        b"HTTP/1.1 0422 Odd\r\n\r\n",
        b"HTTP/1.1\t204 Odd\r\n\r\n",
        # These break off in their heads, so their status does not count.
        b"HT",
        b"HTTP/1.1 20",
        b"HTTP/1.1 200",
        b"HTTP/1.1 410 Gone\r\n",
        b"HTTP/1.1 204 No\r\nX-Said: a\r\n",
    ],
)
def test_a_response_that_is_not_whole_http_fails(answer: bytes) -> None:
    def serve(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(answer)

    with tcp_server(serve) as url, webhook_to(url) as webhook:
        kind, detail = deliver_one(webhook)
    assert kind == "failed"
    assert detail.startswith("the connection failed (")


def test_an_interim_response_is_not_the_response() -> None:
    def serve(connection: socket.socket) -> None:
        for status in (b"500 Internal Server Error", b"204 No Content"):
            read_request(connection)
            connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n")
            connection.sendall(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n")
            connection.sendall(b"HTTP/1.1 " + status + b"\r\nContent-Length: 0\r\n\r\n")

    with tcp_server(serve) as url, webhook_to(url) as webhook:
        assert deliver_one(webhook) == ("failed", "answered 500")
        assert deliver_one(webhook) == ("arrived", "answered 204")


def test_unexpected_bytes_on_an_idle_connection_are_not_a_response() -> None:
    """Load balancers send a 408 before they close an idle connection."""
    has_sent = threading.Semaphore(0)

    def serve(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")
        connection.sendall(b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n")
        has_sent.release()

    with tcp_server(serve) as url, webhook_to(url) as webhook:
        for _ in range(3):
            assert deliver_one(webhook) == ("arrived", "answered 204")
            assert has_sent.acquire(timeout=LONG_SECONDS)


def test_several_calls_run_at_the_same_time(webhook: Webhook, receiver: Receiver) -> None:
    all_arrived = threading.Barrier(MAX_CONCURRENT_CALLS, timeout=LONG_SECONDS / 2)

    def respond(_: Request) -> Answer:
        all_arrived.wait()
        return Answer(204)

    receiver.respond = respond
    receipts = deliver_ends(webhook, 3 * MAX_CONCURRENT_CALLS)
    assert {receipt.kind for receipt in receipts.values()} == {"arrived"}


def test_the_secret_is_read_at_the_first_end_and_kept(receiver: Receiver) -> None:
    secrets = FakeSecrets(**{SECRET_NAME: SECRET})
    with webhook_to(receiver.url, secrets) as webhook:
        assert secrets.reads == []
        assert len(deliver_ends(webhook, 20)) == 20
        assert deliver_one(webhook)[0] == "arrived"
    assert secrets.reads == [SECRET_NAME]


def test_a_changed_secret_is_read_once_the_receiver_refuses_the_old_one(
    receiver: Receiver,
) -> None:
    secrets, clock = FakeSecrets(**{SECRET_NAME: SECRET}), Clock(1000.0)
    receiver.respond = lambda request: Answer(204 if is_signed(request, OTHER_SECRET) else 401)
    with webhook_to(receiver.url, secrets, now=clock) as webhook:
        assert deliver_one(webhook) == ("failed", "answered 401")
        secrets.put(SECRET_NAME, OTHER_SECRET)
        clock.now += 30  # when the message is retried
        assert deliver_one(webhook)[0] == "arrived"


def test_without_a_key_every_end_fails_and_nothing_is_sent(receiver: Receiver) -> None:
    secrets = FakeSecrets(**{SECRET_NAME: CANARY})
    with webhook_to(receiver.url, secrets) as webhook:
        receipts = deliver_ends(webhook, 20)
    assert {receipt.kind for receipt in receipts.values()} == {"failed"}
    (detail,) = {receipt.detail for receipt in receipts.values()}
    assert detail.startswith(
        f"secret '{SECRET_NAME}' cannot sign: the key is malformed; expected whsec_"
    )
    assert CANARY not in detail
    assert len(receipts) == 20
    assert receiver.connection_count == 0
    assert len(secrets.reads) == 1


def test_the_webhook_is_made_from_the_worker_s_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    environment = {"WEBHOOK_URL": "https://hooks.example.com/a", "WEBHOOK_SECRET": SECRET_NAME}
    webhook = make_destination(environment | {"WEBHOOK_ALLOW_PRIVATE": "false"})
    destination: Destination = webhook
    assert destination.name == "webhook"
    assert webhook.call_seconds == CALL_SECONDS == 10
