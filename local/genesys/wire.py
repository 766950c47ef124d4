"""The wire side of the Genesys Cloud stand-in: HTTP on loopback, with faults on demand."""

from __future__ import annotations

import json
import socketserver
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit
from uuid import uuid4

JSON = "application/json"


@dataclass(frozen=True, slots=True)
class Request:
    """An HTTP request; header names are in lower case."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    correlation_id: str = field(default_factory=lambda: str(uuid4()))


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer; a `content` that is no bytes is sent as JSON, None as no body."""

    status: int
    content: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)


class Problem(Exception):
    """An error that is answered with Genesys Cloud's error body."""

    def __init__(self, status: int, code: str, message: str, **headers: str) -> None:
        super().__init__(message)
        self.status, self.code, self.headers = status, code, headers

    def answer(self, request: Request) -> Answer:
        """Return the answer to `request`."""
        body = {"message": str(self), "code": self.code, "status": self.status}
        return Answer(
            self.status, {**body, "contextId": request.correlation_id}, headers=self.headers
        )


@dataclass(frozen=True, slots=True)
class Call:
    """A request that the stand-in has answered.

    Attributes
    ----------
    path
        Without query, headers or body, so that nothing secret is kept.
    status
        What was answered; 0 where the connection was closed instead.
    time
        Epoch seconds.
    """

    method: str
    path: str
    status: int
    time: float


@dataclass(slots=True)
class Fault:
    """What goes wrong with the next `times` requests that it is for.

    Attributes
    ----------
    method, path_prefix
        Which requests; the method `*` stands for all.
    answer
        Given in place of the real answer; None closes the connection without one.
    after_effect
        The request is carried out all the same: only its answer is lost.
    delay
        Seconds that pass before anything is done; such a fault leaves the answer as it is.
    """

    method: str
    path_prefix: str
    times: int
    answer: Answer | Problem | None = None
    after_effect: bool = False
    delay: float = 0.0

    def hits(self, request: Request) -> bool:
        """Return whether it is for `request`."""
        return (
            self.times > 0
            and self.method in ("*", request.method)
            and request.path.startswith(self.path_prefix)
        )


class Faults:
    """The faults that are still to come; of those that replace answers one is taken at a time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pending: list[Fault] = []

    def add(self, fault: Fault) -> None:
        """Add one, to be taken after those that are there."""
        with self._lock:
            self._pending.append(fault)

    def clear(self) -> None:
        """Forget all of them."""
        with self._lock:
            self._pending.clear()

    def take(self, request: Request) -> tuple[float, Fault | None]:
        """Return the delay of `request`, and the fault that spoils it, if any."""
        with self._lock:
            hits = [fault for fault in self._pending if fault.hits(request)]
            delays = [fault for fault in hits if fault.delay]
            spoils = [fault for fault in hits if not fault.delay][:1]
            for fault in delays + spoils:
                fault.times -= 1
            self._pending = [fault for fault in self._pending if fault.times > 0]
        return sum(fault.delay for fault in delays), spoils[0] if spoils else None


class Server(ThreadingHTTPServer):
    """Serves `respond` on a free loopback port, in a thread of its own.

    Parameters
    ----------
    respond
        Carries out a request; called from several threads at once.
    """

    request_queue_size = 128

    def __init__(self, respond: Callable[[Request], Answer]) -> None:
        self.respond = respond
        self.faults = Faults()
        self.calls: list[Call] = []
        self.closing = threading.Event()
        super().__init__(("127.0.0.1", 0), _Handler)
        self._thread = threading.Thread(
            target=self.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        )
        self._thread.start()

    @property
    def url(self) -> str:
        """Its base URL."""
        return f"http://127.0.0.1:{self.server_port}"

    def close(self) -> None:
        """Stop serving."""
        self.closing.set()
        self.shutdown()
        self._thread.join()
        self.server_close()

    def server_bind(self) -> None:
        """Bind without the reverse look-up of our own name, which is slow on some machines."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = self.server_address[:2]  # type: ignore[assignment]

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Keep quiet about clients that did not wait for their answer."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)

    def answer(self, request: Request) -> Answer | None:
        """Return the answer to `request`, or None to close the connection instead."""
        delay, fault = self.faults.take(request)
        if delay:
            self.closing.wait(delay)
        answer = self._carried_out(request) if not fault or fault.after_effect else None
        if fault:
            lost = fault.answer
            answer = lost.answer(request) if isinstance(lost, Problem) else lost
        status = answer.status if answer else 0
        self.calls.append(Call(request.method, request.path, status, time.time()))
        return answer

    def _carried_out(self, request: Request) -> Answer:
        try:
            return self.respond(request)
        except Problem as problem:
            return problem.answer(request)


class _Handler(BaseHTTPRequestHandler):
    server: Server
    timeout = 30

    def _serve(self) -> None:
        url = urlsplit(self.path)
        request = Request(
            method=self.command,
            path=url.path,
            query=dict(parse_qsl(url.query)),
            headers={name.lower(): value for name, value in self.headers.items()},
            body=self.rfile.read(int(self.headers.get("Content-Length") or 0)),
        )
        answer = self.server.answer(request)
        if answer is None:
            return
        content = answer.content
        if content is not None and not isinstance(content, bytes):
            content = json.dumps(content).encode()
        headers = {
            "ININ-Correlation-Id": request.correlation_id,
            "Content-Length": str(len(content or b"")),
            **({"Content-Type": JSON} if content else {}),
            **answer.headers,
        }
        self.send_response(answer.status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content or b"")

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _serve  # noqa: N815

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Stay silent: `Server.calls` is the log."""
