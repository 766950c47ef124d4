"""The HTTP server behind every stand-in, which runs on loopback; tests can script its answers."""

import io
import json
import socket
import ssl
import threading
import time
from contextlib import suppress
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from typing import Any, Self

from requests.structures import CaseInsensitiveDict

from local.http.messages import Answer, Request, Respond

UNSCRIPTED = Answer(599, reason="unscripted")
MISSING_BYTES = 10
"""The number of bytes that a cut answer's body lacks."""
DRIP_SECONDS = 0.02
"""The pause before each byte of an answer that drips."""


class HttpServer:
    """A server on a free loopback port, closed at the end of a `with` statement.

    Parameters
    ----------
    respond
        Returns the answer to a request, in the connection's thread; by default an answer 599.
    tls
        The TLS context; None for http.
    host
        The host name in the URL.

    Attributes
    ----------
    url, port
        The server's URL and port, which never change.
    respond
        The parameter `respond`, which can be replaced at any time.
    intercept
        Called before `respond`. If it returns an answer, that answer is sent, and `respond` is not
        called.
    records
        Whether to record requests.
    requests
        The recorded requests so far, in order.
    errors
        The exceptions that `intercept` and `respond` raised.
    connection_count
        The number of connections so far.
    connection_locks
        The open connections, each with a lock that its thread holds while it answers a request.
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
        self.intercept: Respond = lambda _: None
        self.connection_count = 0
        self.records = True
        self.tls = tls
        self._listening: tuple[_Listener, threading.Thread] | None = None
        self.connection_locks: dict[socket.socket, threading.Lock] = {}
        self.port = 0
        self._refuser = socket.socket()
        self.accept_connections()
        self.url = f"{'https' if tls else 'http'}://{host}:{self.port}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def is_accepting(self) -> bool:
        return self._listening is not None

    def accept_connections(self) -> None:
        """Accept connections, as a new server does; this undoes `refuse_connections`."""
        if not self._listening:
            self._refuser.close()
            listener = _Listener(self, self.port)
            self.port = listener.server_port
            thread = threading.Thread(target=listener.serve_forever, args=(0.02,), daemon=True)
            self._listening = listener, thread
            thread.start()

    def refuse_connections(self) -> None:
        """Refuse new connections, finish the answers in progress, then close all connections."""
        if self._stop_listening():
            # A bound socket that does not listen reserves the port and refuses connections.
            self._refuser = socket.socket()
            self._refuser.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self._refuser.bind(("127.0.0.1", self.port))
            for lock in list(self.connection_locks.values()):
                with lock:
                    pass
            self.hang_up()

    def close(self) -> None:
        """Stop for good, even in the middle of an answer."""
        self._stop_listening()
        self.hang_up()
        self._refuser.close()

    def hang_up(self) -> None:
        """Shut down the open connections."""
        for connection in list(self.connection_locks):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def reset(self) -> None:
        """Forget the requests, the errors and the scripted answers."""
        self.requests: list[Request] = []
        self.errors: list[BaseException] = []
        self.script()

    def script(self, *answers: Answer) -> None:
        """Answer the next requests with `answers`, one each, and further requests with 599."""
        remaining = iter(answers)
        self.respond = lambda _: next(remaining, UNSCRIPTED)

    def requests_for(self, path: str) -> list[Request]:
        """Return the requests for a path."""
        return [request for request in self.requests if request.path == path]

    def answer(self, request: Request) -> Answer | None:
        """Record and answer a request; None closes the connection without an answer."""
        if not self._listening:
            return None
        if self.records:
            self.requests.append(request)
        try:
            answer = self.intercept(request)
            # A client that stopped waiting assumes a failure, so the request must have no effect.
            return None if request.is_abandoned() else answer or self.respond(request)
        except Exception as error:
            self.errors.append(error)
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
    # The default backlog of 5 is too short for many clients that connect at once.
    request_queue_size = 128

    def __init__(self, owner: HttpServer, port: int) -> None:
        self.owner = owner
        super().__init__(("127.0.0.1", port), _Handler)

    def server_bind(self) -> None:
        """Bind without a reverse DNS lookup, which is slow on some machines."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = self.socket.getsockname()

    def get_request(self) -> tuple[socket.socket, Any]:
        connection, address = super().get_request()
        self.owner.connection_count += 1
        if self.owner.tls:
            # The handshake happens at the first read, in the connection's own thread.
            connection = self.owner.tls.wrap_socket(
                connection, server_side=True, do_handshake_on_connect=False
            )
        return connection, address


class _Handler(BaseHTTPRequestHandler):
    server: _Listener
    protocol_version = "HTTP/1.1"
    # Send each answer in one piece. A client may delay the acknowledgement of a first piece.
    wbufsize = -1
    disable_nagle_algorithm = True

    def setup(self) -> None:
        super().setup()
        self.lock = threading.Lock()
        self.server.owner.connection_locks[self.connection] = self.lock

    def handle(self) -> None:
        # A client that was killed leaves a broken connection.
        with suppress(OSError):
            super().handle()

    def finish(self) -> None:
        self.server.owner.connection_locks.pop(self.connection, None)
        with suppress(OSError):
            super().finish()

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = CaseInsensitiveDict(self.headers.items())
        is_abandoned = partial(_is_closed, self.connection)
        with self.lock:
            request = Request(self.command, self.path, headers, body, is_abandoned)
            answer = self.server.owner.answer(request) or Answer(fate="lost")
            if answer.fate in ("sent", "cut"):
                self._send(answer)
            elif answer.fate.startswith("dripping"):
                self._drip(answer)
            if answer.fate != "sent":
                # A hung connection stays open until the client closes it.
                self.close_connection = answer.fate != "hung"

    def _drip(self, answer: Answer) -> None:
        """Send an answer byte by byte until the client has closed the connection."""
        connection_file, self.wfile = self.wfile, io.BytesIO()
        self._send(answer)
        message, self.wfile = self.wfile.getvalue(), connection_file
        at_once = 0 if answer.fate == "dripping head" else message.index(b"\r\n\r\n") + 4
        self.connection.sendall(message[:at_once])
        for byte in message[at_once:]:
            time.sleep(DRIP_SECONDS)
            self.connection.sendall(bytes([byte]))

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

    def log_message(self, format: str, *_: object) -> None:  # noqa: A002 - the base class's name
        """Log nothing; `requests` is the log."""


def _is_closed(connection: socket.socket) -> bool:
    """Return whether the client has closed a connection."""
    try:
        # This is the plain socket's `recv`, because a TLS socket's `recv` cannot peek.
        return socket.socket.recv(connection, 1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True
