"""Webhook receivers on loopback: an HTTP server, and a TCP server that a test scripts."""

import http.client
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from conversations.end import ConversationEnd
from deadline import Deadline
from destinations.destination import Receipt
from destinations.webhook import Webhook
from destinations.webhook_call import CallRunner
from destinations.webhook_connection import Endpoint, Resolver, resolve_host
from destinations.webhook_signature import SigningKeys
from local.http.messages import Answer
from local.http.server import HttpServer
from tests.fakes.aws.secrets_manager import FakeSecrets
from tests.fakes.clock import Clock
from tests.fakes.ends import make_end

CERTIFICATE = Path(__file__).parents[1] / "data/webhook.test.pem"
"""The self-signed certificate for `webhook.test`, and its key."""
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OTHER_SECRET = "whsec_YW5vdGhlciBrZXkgb2YgMjQgYnl0ZXMu"
SECRET_NAME = "webhook-key"
LONG_SECONDS = 60.0
"""A time limit that no test waits for, long enough for a slow machine."""


class Receiver(HttpServer):
    """An HTTP server that responds with 204 unless a test replaces `respond`."""

    def __init__(self, *, tls: bool = False) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER) if tls else None
        if context:
            context.load_cert_chain(CERTIFICATE)
        super().__init__(
            lambda _: Answer(204), tls=context, host="webhook.test" if tls else "127.0.0.1"
        )


@contextmanager
def tcp_server(serve: Callable[[socket.socket], object]) -> Iterator[str]:
    """Run a TCP server that calls `serve` for each connection in a thread; yield its http URL."""

    def accept() -> None:
        with suppress(OSError):  # raised once the listener is closed
            while True:
                threading.Thread(target=handle, args=listener.accept()[:1], daemon=True).start()

    def handle(connection: socket.socket) -> None:
        with connection, suppress(OSError):
            serve(connection)

    with socket.create_server(("127.0.0.1", 0), backlog=128) as listener:
        threading.Thread(target=accept, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            with suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)  # wakes `accept`


def read_request(connection: socket.socket) -> None:
    """Read a whole request, because closing a connection with unread bytes would reset it."""
    with connection.makefile("rb") as file:
        file.readline()
        headers = http.client.parse_headers(file)
        file.read(int(headers["content-length"]))


@contextmanager
def webhook_to(
    url: str,
    secrets: FakeSecrets | None = None,
    *,
    allow_private: bool = False,
    resolve: Resolver = resolve_host,
    tls: ssl.SSLContext | None = None,
    call_seconds: float = LONG_SECONDS,
    now: Callable[[], float] = time.time,
    make_runner: Callable[[], CallRunner] = CallRunner,
) -> Iterator[Webhook]:
    """Yield a webhook that signs with `SECRET`, unless other secrets are given."""
    endpoint = Endpoint.from_url(url, allow_private=allow_private, resolve=resolve, tls=tls)
    secrets = secrets or FakeSecrets(**{SECRET_NAME: SECRET})
    keys = SigningKeys(secrets, SECRET_NAME, now)  # type: ignore[arg-type]
    webhook = Webhook(endpoint, keys, call_seconds=call_seconds, now=now, make_runner=make_runner)
    yield webhook
    webhook.close()


def deliver_ends(
    webhook: Webhook, count: int = 1, deadline: Deadline | None = None
) -> dict[int, Receipt]:
    """Deliver the ends of `make_ends`, with ample time unless a deadline is given.

    Returns
    -------
    dict
        The receipts by position, in the order in which the webhook yielded them.
    """
    receipts = list(webhook.deliver(make_ends(count), deadline or Clock().deadline(LONG_SECONDS)))
    by_position = {receipt.position: receipt for receipt in receipts}
    assert len(by_position) == len(receipts)
    return by_position


def make_ends(count: int) -> list[ConversationEnd]:
    """Return ends of the conversations c-0, c-1 and so on."""
    return [make_end(f"c-{position}") for position in range(count)]
