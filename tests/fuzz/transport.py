"""HTTP without a network for the requests library: a function answers every request."""

import io
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, BinaryIO

import pytest
import requests.sessions
import urllib3
from requests.structures import CaseInsensitiveDict
from urllib3.connectionpool import HTTPConnectionPool
from urllib3.exceptions import ProtocolError, ReadTimeoutError

from local.http.messages import Answer, Request


@dataclass(frozen=True, slots=True)
class RawAnswer:
    """An answer byte by byte; `fate` is that of `local.http.messages.Answer`."""

    status: int
    headers: Mapping[str, str]
    body: BinaryIO
    fate: str = "sent"
    reason: str | None = None


Respond = Callable[[str, Request], Answer | RawAnswer]
"""Takes a request's host and the request."""


@contextmanager
def answered_by(respond: Respond) -> Iterator[None]:
    """Answer each request below its retries, where urllib3 would use a connection."""

    def make_request(
        pool: HTTPConnectionPool,
        _connection: object,
        method: str,
        url: str,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        **options: Any,
    ) -> urllib3.BaseHTTPResponse:
        sent = body.encode() if isinstance(body, str) else body or b""
        answer = respond(pool.host, Request(method, url, CaseInsensitiveDict(headers or {}), sent))
        raw = answer if isinstance(answer, RawAnswer) else raw_answer(answer)
        if raw.fate == "lost":
            raise ProtocolError("Connection aborted.", ConnectionResetError(104, "reset by peer"))
        if raw.fate == "hung":
            raise ReadTimeoutError(pool, url, "Read timed out.")
        return urllib3.HTTPResponse(
            body=raw.body,
            headers=raw.headers,
            status=raw.status,
            version=11,
            reason=raw.reason,
            request_method=method,
            request_url=url,
            preload_content=options.get("preload_content", True),
            decode_content=options.get("decode_content", True),
            retries=options.get("retries"),
        )

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(HTTPConnectionPool, "_make_request", make_request)
        # For each request, requests would look through the environment and a file of the user.
        patch.setattr(requests.sessions, "get_environ_proxies", lambda *_, **__: {})
        patch.setattr(requests.sessions, "get_netrc_auth", lambda *_, **__: None)
        yield


def raw_answer(answer: Answer) -> RawAnswer:
    """Return a stand-in's answer as it is sent."""
    headers, content = dict(answer.headers), answer.body or b""
    if answer.body is not None and not isinstance(answer.body, bytes):
        content = json.dumps(answer.body).encode()
        headers.setdefault("Content-Type", "application/json")
    headers.setdefault("Content-Length", str(len(content) + 10 * (answer.fate == "cut")))
    return RawAnswer(answer.status, headers, io.BytesIO(content), answer.fate, answer.reason)


class Dripping(io.RawIOBase):
    """A body that comes byte by byte.

    Parameters
    ----------
    wait
        Called before each byte.
    """

    def __init__(self, data: bytes, wait: Callable[[], object]) -> None:
        self._data = io.BytesIO(data)
        self._wait = wait

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._wait()
        byte = self._data.read(1)
        buffer[: len(byte)] = byte
        return len(byte)


class Endless(io.RawIOBase):
    """A body of many bytes, of which only those exist that are read.

    Attributes
    ----------
    taken
        The number of bytes read.
    """

    def __init__(self, size: int, pattern: bytes = b"x") -> None:
        self._size = size
        self._pattern = pattern
        self.taken = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        count = min(len(buffer), self._size - self.taken)
        buffer[:count] = (self._pattern * (count // len(self._pattern) + 1))[:count]
        self.taken += count
        return count
