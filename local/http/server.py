"""An HTTP server on a loopback port, for stand-ins: it can be shut, and opened again."""

import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True, slots=True)
class Request:
    """What a client asks.

    Attributes
    ----------
    headers
        Finds names in any case.
    given_up
        Returns whether the client has stopped waiting for the answer.
    """

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    given_up: Callable[[], bool] = lambda: False


@dataclass(frozen=True, slots=True)
class Answer:
    """What a client is answered."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


Answering = Callable[[Request], Answer | None]
"""Returns the answer to a request; None hangs up. It runs in a thread of the client's own."""


class LoopbackServer:
    """A server whose answers a function gives.

    Attributes
    ----------
    url
        Where it listens: the same address each time that it is opened.
    before
        Asked first; what it returns is answered instead, unless that is None.
    """

    def __init__(self, answer: Answering) -> None:
        self.before: Answering = lambda request: None
        self._answer = answer
        self._listening: tuple[ThreadingHTTPServer, threading.Thread] | None = None
        self._connections: dict[socket.socket, threading.Lock] = {}
        self._port = 0
        self._kept = socket.socket()
        self.open()
        self.url = f"http://127.0.0.1:{self._port}"

    @property
    def is_open(self) -> bool:
        return self._listening is not None

    def open(self) -> None:
        """Accept connections."""
        if not self._listening:
            self._kept.close()
            server = _Listener(("127.0.0.1", self._port), _handler(self._respond))
            server.connections = self._connections
            self._port = server.server_port
            thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
            self._listening = server, thread
            thread.start()

    def shut(self) -> None:
        """Refuse connections, and end those that there are; what was begun is answered first."""
        if self._listening:
            (server, thread), self._listening = self._listening, None
            server.shutdown()
            server.server_close()
            thread.join()
            # Nobody else may take the port meanwhile; whoever connects to it is refused.
            self._kept = socket.socket()
            self._kept.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self._kept.bind(("127.0.0.1", self._port))
            for connection, busy in list(self._connections.items()):
                with busy, suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Be gone for good."""
        self.shut()
        self._kept.close()

    def _respond(self, request: Request) -> Answer | None:
        if not self._listening:
            return None
        answer = self.before(request)
        # Who has stopped waiting takes the request for one that failed, so nothing may come of it.
        return None if request.given_up() else answer or self._answer(request)


@contextmanager
def loopback_server(answer: Answering) -> Iterator[LoopbackServer]:
    """Run a server on a free loopback port."""
    server = LoopbackServer(answer)
    try:
        yield server
    finally:
        server.close()


class _Listener(ThreadingHTTPServer):
    connections: dict[socket.socket, threading.Lock]
    daemon_threads = True
    # Many clients connect at one moment; five may wait by default.
    request_queue_size = 128


def _handler(respond: Answering) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        server: _Listener
        protocol_version = "HTTP/1.1"
        # An answer is one packet, as its client may wait long before it acknowledges the first.
        wbufsize = -1
        disable_nagle_algorithm = True

        def setup(self) -> None:
            super().setup()
            self.busy = self.server.connections[self.connection] = threading.Lock()

        def handle(self) -> None:
            # A client that was killed leaves its connection as it is.
            with suppress(OSError):
                super().handle()

        def finish(self) -> None:
            self.server.connections.pop(self.connection, None)
            with suppress(OSError):
                super().finish()

        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            headers: Any = self.headers
            with self.busy:
                given_up = partial(_has_ended, self.connection)
                answer = respond(Request(self.command, self.path, headers, body, given_up))
                if answer is None:
                    self.close_connection = True
                    return
                self.send_response(answer.status)
                for name, value in answer.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(answer.body)))
                self.end_headers()
                self.wfile.write(answer.body)
                self.wfile.flush()

        do_GET = do_POST = do_PUT = answer  # noqa: N815 - the names are the base class's

        def log_message(self, *_: object) -> None:
            pass

    return Handler


def _has_ended(connection: socket.socket) -> bool:
    try:
        return connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True
