"""Receivers of webhooks on loopback: one that answers by HTTP, one that does what it likes."""

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from conversations.end import ConversationEnd
from deadline import Deadline
from destinations.delivery import CALL_LIMIT
from destinations.webhook import Webhook
from destinations.webhook_connection import Origin
from destinations.webhook_signature import SigningKeys
from tests.fakes.aws.secrets_manager import FakeSecrets
from tests.fakes.ends import ended
from tests.fakes.scripted_http import Answer, HttpServer

CERTIFICATE = Path(__file__).parents[1] / "data/webhook.test.pem"
"""Certificate, signed by itself, and key of `webhook.test`."""
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
SECRET_NAME = "webhook-key"


class Receiver(HttpServer):
    """Answers 204, or as a test says, and counts connections.

    Attributes
    ----------
    connections
        How many were made.
    """

    request_queue_size = 128

    def __init__(self, *, tls: bool = False) -> None:
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER) if tls else None
        if self._tls:
            self._tls.load_cert_chain(CERTIFICATE)
        self._sockets: list[socket.socket] = []
        super().__init__()
        self.respond = lambda _: Answer(204)
        if tls:
            self.url = f"https://webhook.test:{self.server_port}"

    @property
    def connections(self) -> int:
        return len(self._sockets)

    def get_request(self) -> tuple[socket.socket, Any]:
        accepted, address = super().get_request()
        if self._tls:
            # The handshake comes with the first read, in the connection's own thread.
            accepted = self._tls.wrap_socket(
                accepted, server_side=True, do_handshake_on_connect=False
            )
        self._sockets.append(accepted)
        return accepted, address

    def hang_up(self) -> None:
        """Close the connections that are there."""
        for accepted in self._sockets:
            with suppress(OSError):
                accepted.shutdown(socket.SHUT_RDWR)


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


@contextmanager
def webhook_to(
    url: str,
    secrets: FakeSecrets | None = None,
    *,
    allow_private: bool = False,
    resolve: Callable[[str, int], Sequence[str]] | None = None,
    tls: ssl.SSLContext | None = None,
    limit: float = CALL_LIMIT,
    now: Callable[[], float] = time.time,
) -> Iterator[Webhook]:
    """Give a webhook that is signed with `SECRET`, unless there are other secrets."""
    more = {} if resolve is None else {"resolve": resolve}
    origin = Origin.of(url, allow_private=allow_private, tls=tls, **more)
    held = secrets or FakeSecrets(**{SECRET_NAME: SECRET})
    keys = SigningKeys(held, SECRET_NAME, now)  # type: ignore[arg-type]
    webhook = Webhook(origin, keys, limit=limit, now=now)
    yield webhook
    webhook.close()


def lasting(seconds: float) -> Deadline:
    """Return the deadline that comes in `seconds` of real time."""
    end = time.monotonic() + seconds
    return Deadline(lambda: end - time.monotonic())


def ends(count: int) -> list[ConversationEnd]:
    """Return ends of the conversations c-0, c-1 and so on."""
    return [ended(f"c-{position}") for position in range(count)]
