"""Receivers of webhooks on loopback: one that answers by HTTP, one that does what it likes."""

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from conversations.end import ConversationEnd
from deadline import Deadline
from destinations.delivery import CALL_LIMIT
from destinations.webhook import Webhook
from destinations.webhook_connection import Origin
from destinations.webhook_signature import SigningKeys
from local.http.messages import Answer
from local.http.server import HttpServer
from tests.fakes.ends import ended
from tests.fakes.secrets_manager import FakeSecrets

CERTIFICATE = Path(__file__).parents[1] / "data/webhook.test.pem"
"""Certificate, signed by itself, and key of `webhook.test`."""
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
SECRET_NAME = "webhook-key"


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
