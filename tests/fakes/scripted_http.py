"""A small HTTP server on loopback that answers as a test says and records what it was asked."""

import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal, Self
from urllib.parse import parse_qsl, urlsplit


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as it came in."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def form(self) -> dict[str, str]:
        return dict(parse_qsl(self.body.decode(), keep_blank_values=True))


@dataclass(frozen=True, slots=True)
class Answer:
    """What to answer, and what becomes of it.

    Attributes
    ----------
    body
        Bytes as they are, None for nothing, everything else as JSON.
    fate
        `lost`: the connection closes without an answer; `cut`: it closes in the middle of the
        body; `hung`: nothing comes until the client gives up.
    """

    status: int = 200
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    reason: str | None = None
    fate: Literal["sent", "lost", "cut", "hung"] = "sent"

    def __str__(self) -> str:
        """Return a name for the answer in the ids of tests."""
        said = self.body.get("message", "") if isinstance(self.body, dict) else self.body or ""
        return f"{self.fate} {self.status} {said}".strip()


class HttpServer(ThreadingHTTPServer):
    """Answers every request with what `respond` returns; `asked` is what came in, in order."""

    daemon_threads = True
    block_on_close = False

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.reset()

    def reset(self) -> None:
        """Forget everything."""
        self.asked: list[Asked] = []
        self.broken: list[BaseException] = []
        self.respond: Callable[[Asked], Answer] = lambda _: Answer(599, reason="unscripted")
        self.released = threading.Event()

    def script(self, *answers: Answer) -> None:
        """Give these answers, one a request; what comes after them is answered with 599."""
        left = iter(answers)
        self.respond = lambda _: next(left, Answer(599, reason="unscripted"))

    def asked_for(self, path: str) -> list[Asked]:
        return [asked for asked in self.asked if asked.path == path]

    def handle_error(self, request: object, client_address: object) -> None:
        """Ignore clients that hung up."""

    def __enter__(self) -> Self:
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.released.set()
        self.shutdown()
        self.server_close()


class _Handler(BaseHTTPRequestHandler):
    server: HttpServer
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # one packet an answer

    def _answer(self) -> None:
        url = urlsplit(self.path)
        asked = Asked(
            method=self.command,
            path=url.path,
            query=dict(parse_qsl(url.query)),
            headers=dict(self.headers.items()),
            body=self.rfile.read(int(self.headers.get("Content-Length") or 0)),
        )
        self.server.asked.append(asked)
        try:
            answer = self.server.respond(asked)
        except Exception as error:
            self.server.broken.append(error)
            raise
        self.close_connection = self.close_connection or answer.fate != "sent"
        if answer.fate == "hung":
            self.server.released.wait(20)
        if answer.fate in ("hung", "lost"):
            return
        body = b"" if answer.body is None else answer.body
        headers = dict(answer.headers)
        if not isinstance(body, bytes):
            body = json.dumps(body).encode()
            headers.setdefault("Content-Type", "application/json")
        self.send_response(answer.status, answer.reason)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body) + (10 if answer.fate == "cut" else 0)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _answer  # noqa: N815 - http.server's names

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its signature
        """Say nothing."""
