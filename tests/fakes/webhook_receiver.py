"""Receivers of webhooks on loopback: an HTTP server, and a TCP server that a test scripts."""

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
from destinations.webhook_call import Calls
from destinations.webhook_connection import Origin, Resolve, addresses_of
from destinations.webhook_signature import SigningKeys
from local.http.messages import Answer
from local.http.server import HttpServer
from tests.fakes.aws.secrets_manager import FakeSecrets
from tests.fakes.clock import Clock
from tests.fakes.ends import ended

CERTIFICATE = Path(__file__).parents[1] / "data/webhook.test.pem"
"""Certificate, signed by itself, and key of `webhook.test`."""
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OTHER_SECRET = "whsec_YW5vdGhlciBrZXkgb2YgMjQgYnl0ZXMu"
SECRET_NAME = "webhook-key"
LONG = 60.0
"""Seconds that a call may take where no test waits for them: a slow machine has to have enough."""


class Receiver(HttpServer):
    """Answers 204, or as a test says."""

    def __init__(self, *, tls: bool = False) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER) if tls else None
        if context:
            context.load_cert_chain(CERTIFICATE)
        super().__init__(
            lambda _: Answer(204), tls=context, host="webhook.test" if tls else "127.0.0.1"
        )


@contextmanager
def tcp_server(serve: Callable[[socket.socket], object]) -> Iterator[str]:
    """Have every connection served by a function, in a thread; give the server's http URL."""

    def accept() -> None:
        with suppress(OSError):  # once the listener is closed
            while True:
                threading.Thread(target=attend, args=listener.accept()[:1], daemon=True).start()

    def attend(accepted: socket.socket) -> None:
        with accepted, suppress(OSError):
            serve(accepted)

    with socket.create_server(("127.0.0.1", 0), backlog=128) as listener:
        threading.Thread(target=accept, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            with suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)  # wakes `accept`


def read_request(accepted: socket.socket) -> None:
    """Read a request to its end: to close a connection with unread bytes is to reset it."""
    with accepted.makefile("rb") as file:
        file.readline()
        headers = http.client.parse_headers(file)
        file.read(int(headers["content-length"]))


@contextmanager
def webhook_to(
    url: str,
    secrets: FakeSecrets | None = None,
    *,
    allow_private: bool = False,
    resolve: Resolve = addresses_of,
    tls: ssl.SSLContext | None = None,
    limit: float = LONG,
    now: Callable[[], float] = time.time,
    calls: Callable[[], Calls] = Calls,
) -> Iterator[Webhook]:
    """Give a webhook that is signed with `SECRET`, unless there are other secrets."""
    origin = Origin.of(url, allow_private=allow_private, resolve=resolve, tls=tls)
    held = secrets or FakeSecrets(**{SECRET_NAME: SECRET})
    keys = SigningKeys(held, SECRET_NAME, now)  # type: ignore[arg-type]
    webhook = Webhook(origin, keys, limit=limit, now=now, calls=calls)
    yield webhook
    webhook.close()


def receipts_of(
    webhook: Webhook, count: int = 1, deadline: Deadline | None = None
) -> dict[int, Receipt]:
    """Send the ends of `ends`, with time enough unless a deadline is given; return the receipts.

    Returns
    -------
    dict
        The receipts by position, in the order in which they became known.
    """
    receipts = list(webhook.deliver(ends(count), deadline or Clock().deadline(LONG)))
    by_position = {receipt.position: receipt for receipt in receipts}
    assert len(by_position) == len(receipts)
    return by_position


def ends(count: int) -> list[ConversationEnd]:
    """Return ends of the conversations c-0, c-1 and so on."""
    return [ended(f"c-{position}") for position in range(count)]
