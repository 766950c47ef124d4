"""The HTTP server of every stand-in: on loopback, scripted, shut and opened again at will."""

import json
import socket
import ssl
import threading
from contextlib import suppress
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from typing import Any, Self

from requests.structures import CaseInsensitiveDict

from local.http.messages import Answer, Request, Respond

UNSCRIPTED = Answer(599, reason="unscripted")
MISSING_BYTES = 10
"""How much of its body an answer that is cut lacks."""


class HttpServer:
    """A server on a free loopback port; at the end of a `with` statement it is gone.

    Parameters
    ----------
    respond
        Answers requests, each in a thread of its connection; by default with 599.
    tls
        For https; the URL then has this context's host name.
    host
        Name by which clients call it.

    Attributes
    ----------
    url, port
        Where it listens: the same place each time that it is opened.
    respond
        May be replaced at any time.
    before
        Asked first; an answer that it returns is given instead of that of `respond`.
    asked
        The requests that came in, in order.
    broken
        What was raised in the place of answers.
    connections
        How many were made.
    busy
        The connections that there are, each with the lock that its answers hold.
    """

    def __init__(
        self,
        respond: Respond = lambda _: UNSCRIPTED,
        *,
        tls: ssl.SSLContext | None = None,
        host: str = "127.0.0.1",
    ) -> None:
        self.reset()
        self.respond = respond
        self.before: Respond = lambda _: None
        self.connections = 0
        self.tls = tls
        self._listening: tuple[_Listener, threading.Thread] | None = None
        self.busy: dict[socket.socket, threading.Lock] = {}
        self.port = 0
        self._kept = socket.socket()
        self.open()
        self.url = f"{'https' if tls else 'http'}://{host}:{self.port}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def is_open(self) -> bool:
        return self._listening is not None

    def open(self) -> None:
        """Accept connections."""
        if not self._listening:
            self._kept.close()
            listener = _Listener(self, self.port)
            self.port = listener.server_port
            thread = threading.Thread(target=listener.serve_forever, args=(0.02,), daemon=True)
            self._listening = listener, thread
            thread.start()

    def shut(self) -> None:
        """Refuse connections, and end those that there are; what was begun is answered first."""
        if self._refuse():
            # Nobody else may take the port meanwhile; whoever connects to it is refused.
            self._kept = socket.socket()
            self._kept.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self._kept.bind(("127.0.0.1", self.port))
            for busy in list(self.busy.values()):
                with busy:
                    pass
            self.hang_up()

    def close(self) -> None:
        """Be gone for good, in the middle of an answer if need be."""
        self._refuse()
        self.hang_up()
        self._kept.close()

    def hang_up(self) -> None:
        """End the connections that there are."""
        for connection in list(self.busy):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def reset(self) -> None:
        """Forget what was asked and how to answer."""
        self.asked: list[Request] = []
        self.broken: list[BaseException] = []
        self.script()

    def script(self, *answers: Answer) -> None:
        """Give these answers, one a request; further requests are answered with 599."""
        left = iter(answers)
        self.respond = lambda _: next(left, UNSCRIPTED)

    def asked_for(self, path: str) -> list[Request]:
        return [asked for asked in self.asked if asked.path == path]

    def answer(self, request: Request) -> Answer | None:
        """Return the answer to a request; None closes the connection without one."""
        if not self._listening:
            return None
        self.asked.append(request)
        try:
            answer = self.before(request)
            # A client that has given up counts the request as failed: nothing may come of it.
            return None if request.given_up() else answer or self.respond(request)
        except Exception as error:
            self.broken.append(error)
            raise

    def _refuse(self) -> bool:
        """Stop listening; return whether it was listening."""
        if not self._listening:
            return False
        (listener, thread), self._listening = self._listening, None
        listener.shutdown()
        listener.server_close()
        thread.join()
        return True


class _Listener(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    # Many clients connect at one moment; five may wait by default.
    request_queue_size = 128

    def __init__(self, owner: HttpServer, port: int) -> None:
        self.owner = owner
        super().__init__(("127.0.0.1", port), _Handler)

    def server_bind(self) -> None:
        """Bind without the reverse look-up of our own name, which is slow on some machines."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = self.socket.getsockname()

    def get_request(self) -> tuple[socket.socket, Any]:
        connection, address = super().get_request()
        self.owner.connections += 1
        if self.owner.tls:
            # The handshake comes with the first read, in the connection's own thread.
            connection = self.owner.tls.wrap_socket(
                connection, server_side=True, do_handshake_on_connect=False
            )
        return connection, address


class _Handler(BaseHTTPRequestHandler):
    server: _Listener
    protocol_version = "HTTP/1.1"
    # An answer is one packet, as its client may wait long before it acknowledges the first.
    wbufsize = -1
    disable_nagle_algorithm = True

    def setup(self) -> None:
        super().setup()
        self.busy = self.server.owner.busy[self.connection] = threading.Lock()

    def handle(self) -> None:
        # A client that was killed leaves its connection as it is.
        with suppress(OSError):
            super().handle()

    def finish(self) -> None:
        self.server.owner.busy.pop(self.connection, None)
        with suppress(OSError):
            super().finish()

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = CaseInsensitiveDict(self.headers.items())
        given_up = partial(_has_ended, self.connection)
        with self.busy:
            request = Request(self.command, self.path, headers, body, given_up)
            answer = self.server.owner.answer(request) or Answer(fate="lost")
            if answer.fate in ("sent", "cut"):
                self._send(answer)
            if answer.fate != "sent":
                # A client that is left hanging is the one that ends the connection.
                self.close_connection = answer.fate != "hung"

    def _send(self, answer: Answer) -> None:
        headers, content = dict(answer.headers), answer.body or b""
        if answer.body is not None and not isinstance(answer.body, bytes):
            content = json.dumps(answer.body).encode()
            headers.setdefault("Content-Type", "application/json")
        headers["Content-Length"] = str(len(content) + MISSING_BYTES * (answer.fate == "cut"))
        self.send_response(answer.status, answer.reason)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)
        self.wfile.flush()

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _answer  # noqa: N815 - http.server's names

    def log_message(self, format: str, *_: object) -> None:  # noqa: A002 - its signature
        """Say nothing: `asked` is the log."""


def _has_ended(connection: socket.socket) -> bool:
    try:
        # The socket's own recv: that of a TLS connection cannot peek.
        return socket.socket.recv(connection, 1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True
