"""The webhook and time: what hangs is given up, and nothing goes on after the deadline."""

import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from destinations.delivery import Delivery
from destinations.webhook import CONCURRENCY, SILENT_CALLS
from tests.fakes.aws.secrets_manager import FakeSecrets
from tests.fakes.clock import Clock
from tests.fakes.ends import ended
from tests.fakes.scripted_http import Answer, Asked
from tests.fakes.webhook_receiver import (
    SECRET,
    SECRET_NAME,
    Receiver,
    ends,
    lasting,
    tcp_server,
    webhook_to,
)
from tests.polling import wait_until

# Seconds that must not pass where something hangs; far from the limits of the tests.
SOON = 8.0


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver


@pytest.fixture(autouse=True)
def _no_call_goes_on() -> Iterator[None]:
    """Look that no thread of a call is left."""
    yield
    wait_until(lambda: not calls_under_way(), "every call's thread has ended", SOON)


def calls_under_way() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if "_make" in thread.name]


def hang(receiver: Receiver, *conversation_ids: str) -> None:
    """Have the receiver never answer for these conversations, or for any."""

    def respond(asked: Asked) -> Answer:
        hangs = not conversation_ids or asked.json["data"]["conversation_id"] in conversation_ids
        return Answer(204, fate="hung" if hangs else "sent")

    receiver.respond = respond


def conversations(receiver: Receiver) -> list[str]:
    return [asked.json["data"]["conversation_id"] for asked in receiver.asked]


def test_one_that_hangs_keeps_no_other_from_arriving(receiver: Receiver) -> None:
    hang(receiver, "c-0")
    with webhook_to(receiver.url, limit=2) as webhook:
        deliveries = list(webhook.deliver(ends(40), lasting(20)))
    assert [delivery.verdict for delivery in deliveries] == ["arrived"] * 39 + ["failed"]
    assert deliveries[-1] == Delivery(0, "failed", "no answer within 2 s")


def test_more_of_them_than_go_on_at_once_leave_the_others_their_turn(receiver: Receiver) -> None:
    hang(receiver, *[f"c-{position}" for position in range(CONCURRENCY + 1)])
    with webhook_to(receiver.url, limit=1) as webhook:
        deliveries = {d.position: d for d in webhook.deliver(ends(20), lasting(20))}
    verdicts = [deliveries[position].verdict for position in range(20)]
    assert verdicts == ["failed"] * (CONCURRENCY + 1) + ["arrived"] * (20 - CONCURRENCY - 1)


def test_none_goes_on_after_the_deadline_and_the_rest_is_not_tried(receiver: Receiver) -> None:
    hang(receiver)
    begun = time.monotonic()
    with webhook_to(receiver.url) as webhook:
        deliveries = list(webhook.deliver(ends(100), lasting(1)))
    assert 0.9 <= time.monotonic() - begun < SOON
    assert sorted(d.position for d in deliveries) == list(range(CONCURRENCY))
    assert {d.detail for d in deliveries} == {"no answer within 1 s"}
    assert sorted(conversations(receiver)) == [f"c-{position}" for position in range(CONCURRENCY)]


@pytest.mark.parametrize("left", [-5.0, 0.0, 0.4])
def test_without_time_nothing_is_begun(receiver: Receiver, left: float) -> None:
    secrets = FakeSecrets(**{SECRET_NAME: SECRET})
    with webhook_to(receiver.url, secrets) as webhook:
        assert list(webhook.deliver(ends(3), Clock().deadline(left))) == []
    assert receiver.connections == 0
    assert secrets.reads == []


def test_a_receiver_that_is_silent_for_long_counts_as_down(receiver: Receiver) -> None:
    hang(receiver)
    with webhook_to(receiver.url, limit=0.5) as webhook:
        deliveries = list(webhook.deliver(ends(100), lasting(60)))
    assert len(deliveries) < SILENT_CALLS + CONCURRENCY
    assert len(deliveries) >= SILENT_CALLS
    assert {delivery.verdict for delivery in deliveries} == {"failed"}


def test_one_that_refuses_or_answers_is_not_silent(receiver: Receiver) -> None:
    receiver.respond = lambda _: Answer(503)
    with webhook_to(receiver.url) as webhook:
        assert len(list(webhook.deliver(ends(100), lasting(20)))) == 100
    with Receiver() as gone:
        url = gone.url
    with webhook_to(url) as webhook:
        assert len(list(webhook.deliver(ends(100), lasting(20)))) == 100


def drip(accepted: socket.socket, head: bytes) -> None:
    """Send the beginning of an answer, then a byte at a time without end."""
    accepted.recv(65536)
    accepted.sendall(head)
    never = threading.Event()
    while not never.wait(0.02):
        accepted.sendall(b"x")


def test_headers_that_drip_do_not_draw_a_call_out() -> None:
    hung_up = threading.Event()

    def serve(accepted: socket.socket) -> None:
        try:
            drip(accepted, b"HTTP/1.1 200 OK\r\nX-Long: ")
        finally:
            hung_up.set()

    with tcp_server(serve) as url, webhook_to(url, limit=0.7) as webhook:
        (delivery,) = webhook.deliver(ends(1), lasting(20))
        assert delivery == Delivery(0, "failed", "no answer within 0.7 s")
        assert hung_up.wait(SOON)


@pytest.mark.parametrize(
    "head",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 10000\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2000\r\n",
        b"HTTP/1.1 200 OK\r\n\r\n",
    ],
    ids=["length", "chunked", "until closed"],
)
def test_a_body_that_drips_changes_nothing(head: bytes) -> None:
    with (
        tcp_server(lambda accepted: drip(accepted, head)) as url,
        webhook_to(url, limit=1) as webhook,
    ):
        (delivery,) = webhook.deliver(ends(1), lasting(20))
        assert delivery == Delivery(0, "arrived", "answered 200")


def test_a_body_that_never_comes_is_not_waited_for_to_the_limit() -> None:
    def serve(accepted: socket.socket) -> None:
        accepted.recv(65536)
        accepted.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n")
        accepted.recv(1)  # until it is closed

    begun = time.monotonic()
    with tcp_server(serve) as url, webhook_to(url, limit=30) as webhook:
        (delivery,) = webhook.deliver(ends(1), lasting(40))
    assert delivery.verdict == "arrived"
    assert time.monotonic() - begun < SOON


@pytest.mark.parametrize(
    "answer", [b"", b"SSH-2.0-OpenSSH\r\n", b"HTTP/1.1 OK\r\n\r\n", b"HTTP/1.1 20"]
)
def test_what_is_no_answer_by_http_fails(answer: bytes) -> None:
    def serve(accepted: socket.socket) -> None:
        accepted.recv(65536)
        accepted.sendall(answer)

    with tcp_server(serve) as url, webhook_to(url) as webhook:
        (delivery,) = webhook.deliver(ends(1), lasting(10))
    assert delivery.verdict == "failed"
    assert delivery.detail.startswith("the connection failed (")


def test_what_comes_unasked_over_an_unused_connection_is_no_answer() -> None:
    """As load balancers say 408 before they close a connection."""
    said = threading.Semaphore(0)

    def serve(accepted: socket.socket) -> None:
        accepted.recv(65536)
        accepted.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")
        accepted.sendall(b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n")
        said.release()

    with tcp_server(serve) as url, webhook_to(url) as webhook:
        for _ in range(3):
            (delivery,) = webhook.deliver(ends(1), lasting(10))
            assert delivery == Delivery(0, "arrived", "answered 204")
            assert said.acquire(timeout=SOON)


def test_a_handshake_that_hangs_is_given_up() -> None:
    hung_up = threading.Event()

    def serve(accepted: socket.socket) -> None:
        while accepted.recv(65536):
            pass
        hung_up.set()

    with tcp_server(serve) as url:
        secure = url.replace("http:", "https:")
        with webhook_to(secure, allow_private=True, limit=0.7) as webhook:
            (delivery,) = webhook.deliver(ends(1), lasting(20))
        assert delivery == Delivery(0, "failed", "no answer within 0.7 s")
        assert hung_up.wait(SOON)


def test_a_name_that_is_resolved_too_late_sends_nothing(receiver: Receiver) -> None:
    resolved = threading.Event()

    def resolve(_host: str, _port: int) -> list[str]:
        resolved.wait(SOON)
        return ["127.0.0.1"]

    with webhook_to(receiver.url, resolve=resolve, limit=0.6) as webhook:
        (delivery,) = webhook.deliver(ends(1), lasting(20))
        assert delivery == Delivery(0, "failed", "no answer within 0.6 s")
        resolved.set()
        wait_until(lambda: not calls_under_way(), "the call's thread has ended", SOON)
    assert receiver.asked == []


def test_whoever_stops_to_iterate_stops_the_calls(receiver: Receiver) -> None:
    hang(receiver, "c-1", "c-2")
    with webhook_to(receiver.url, limit=30) as webhook:
        deliveries = webhook.deliver(ends(3), lasting(60))
        assert next(deliveries).position == 0
        deliveries.close()  # type: ignore[attr-defined]
        wait_until(lambda: not calls_under_way(), "the calls' threads have ended", SOON)


def test_calls_that_ended_while_nobody_iterated_count_with_their_answers(
    receiver: Receiver,
) -> None:
    begun = time.monotonic()
    with webhook_to(receiver.url, limit=0.6) as webhook:
        deliveries = webhook.deliver(ends(CONCURRENCY), lasting(20))
        first = next(deliveries)
        wait_until(lambda: not calls_under_way(), "the calls' threads have ended", SOON)
        wait_until(lambda: time.monotonic() > begun + 0.7, "all of them are past their limit")
        assert {d.verdict for d in [first, *deliveries]} == {"arrived"}


def test_the_next_batch_is_not_touched_by_what_hung_in_the_last(receiver: Receiver) -> None:
    hang(receiver, "c-0")
    with webhook_to(receiver.url, limit=1) as webhook:
        assert len(list(webhook.deliver(ends(20), lasting(20)))) == 20
        again = list(webhook.deliver([ended(f"d-{n}") for n in range(20)], lasting(20)))
    assert {delivery.verdict for delivery in again} == {"arrived"}


def test_a_call_that_hangs_does_not_keep_the_interpreter_from_its_exit() -> None:
    script = """
import threading
from tests.fakes.webhook_receiver import ends, lasting, webhook_to
forever = threading.Event().wait
with webhook_to("http://localhost", resolve=lambda *_: forever(), limit=0.5) as webhook:
    print([delivery.verdict for delivery in webhook.deliver(ends(1), lasting(20))])
"""
    root = Path(__file__).parents[3]
    ran = subprocess.run(
        [sys.executable, "-c", script],
        cwd=root,
        env={"PYTHONPATH": f"{root / 'functions'}:{root}"},
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    assert (ran.stdout, ran.stderr) == ("['failed']\n", "")
