"""The HTTP server of every stand-in: it runs on loopback, and tests script, shut and open it."""

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
"""Bytes that are missing from the body of a cut answer."""


class HttpServer:
    """A server on a free loopback port, closed at the end of a `with` statement.

    Parameters
    ----------
    respond
        Answers requests, each in its connection's thread; 599 by default.
    tls
        The TLS context; None for http.
    host
        The host name in the URL.

    Attributes
    ----------
    url, port
        The address, which stays the same when the server is opened again.
    respond
        Replaceable at any time.
    before
        Called before `respond`; an answer that it returns is sent instead.
    asked
        The requests so far, in order.
    broken
        The exceptions that `before` and `respond` raised.
    connections
        The number of connections so far.
    busy
        The open connections, each with a lock that its thread holds while it answers.
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
        self._reserved = socket.socket()
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
            self._reserved.close()
            listener = _Listener(self, self.port)
            self.port = listener.server_port
            thread = threading.Thread(target=listener.serve_forever, args=(0.02,), daemon=True)
            self._listening = listener, thread
            thread.start()

    def shut(self) -> None:
        """Refuse connections; finish the present answers, then end the open connections."""
        if self._stop_listening():
            # A bound socket that does not listen reserves the port and refuses connections.
            self._reserved = socket.socket()
            self._reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self._reserved.bind(("127.0.0.1", self.port))
            for busy in list(self.busy.values()):
                with busy:
                    pass
            self.hang_up()

    def close(self) -> None:
        """Stop for good, even in the middle of an answer."""
        self._stop_listening()
        self.hang_up()
        self._reserved.close()

    def hang_up(self) -> None:
        """End the open connections."""
        for connection in list(self.busy):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def reset(self) -> None:
        """Forget the requests so far and the scripted answers."""
        self.asked: list[Request] = []
        self.broken: list[BaseException] = []
        self.script()

    def script(self, *answers: Answer) -> None:
        """Give each of these answers to one request, and 599 to further requests."""
        remaining = iter(answers)
        self.respond = lambda _: next(remaining, UNSCRIPTED)

    def asked_for(self, path: str) -> list[Request]:
        """Return the requests with a path."""
        return [request for request in self.asked if request.path == path]

    def answer(self, request: Request) -> Answer | None:
        """Return the answer to a request; None closes the connection without one."""
        if not self._listening:
            return None
        self.asked.append(request)
        try:
            answer = self.before(request)
            # A client that gave up counts the request as failed, so it must have no effect.
            return None if request.given_up() else answer or self.respond(request)
        except Exception as error:
            self.broken.append(error)
            raise

    def _stop_listening(self) -> bool:
        """Stop listening; return whether the server was listening."""
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
    # Many clients connect at once; the default lets five wait.
    request_queue_size = 128

    def __init__(self, owner: HttpServer, port: int) -> None:
        self.owner = owner
        super().__init__(("127.0.0.1", port), _Handler)

    def server_bind(self) -> None:
        """Bind without the reverse look-up of the host name, which is slow on some machines."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = self.socket.getsockname()

    def get_request(self) -> tuple[socket.socket, Any]:
        connection, address = super().get_request()
        self.owner.connections += 1
        if self.owner.tls:
            # The handshake happens at the first read, in the connection's own thread.
            connection = self.owner.tls.wrap_socket(
                connection, server_side=True, do_handshake_on_connect=False
            )
        return connection, address


class _Handler(BaseHTTPRequestHandler):
    server: _Listener
    protocol_version = "HTTP/1.1"
    # Send each answer as one packet: a client may delay the acknowledgement of a first packet.
    wbufsize = -1
    disable_nagle_algorithm = True

    def setup(self) -> None:
        super().setup()
        self.busy = self.server.owner.busy[self.connection] = threading.Lock()

    def handle(self) -> None:
        # A killed client leaves its connection broken.
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
                # The client of a hung answer ends the connection itself.
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
        """Log nothing: `asked` is the log."""


def _has_ended(connection: socket.socket) -> bool:
    try:
        # Use the plain socket's recv, since a TLS socket's cannot peek.
        return socket.socket.recv(connection, 1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True
