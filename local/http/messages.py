"""The requests that the loopback server receives, and its answers."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import parse_qsl

Fate = Literal["sent", "lost", "cut", "hung", "dripping head", "dripping body"]


@dataclass(frozen=True, slots=True)
class Request:
    """A client's request.

    Attributes
    ----------
    target
        The path and query, as sent.
    headers
        A case-insensitive mapping.
    is_abandoned
        Returns whether the client has closed the connection without waiting for the answer.
    """

    method: str
    target: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    is_abandoned: Callable[[], bool] = lambda: False

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]

    @property
    def query(self) -> dict[str, str]:
        return dict(parse_qsl(self.target.partition("?")[2]))

    @property
    def form(self) -> dict[str, str]:
        return dict(parse_qsl(self.body.decode(), keep_blank_values=True))

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP response, and its fate on the way to the client.

    Attributes
    ----------
    body
        Bytes are sent unchanged, None as an empty body, and any other value as JSON.
    reason
        The reason phrase; None for the status's standard phrase.
    fate
        `sent`: the whole answer is sent. `lost`: the connection closes without an answer. `cut`:
        the connection closes in the middle of the body. `hung`: nothing is sent, and the connection
        stays open. `dripping head` and `dripping body`: the answer, or its body, is sent byte by
        byte, with a short pause before each.
    """

    status: int = 200
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    reason: str | None = None
    fate: Fate = "sent"

    def __str__(self) -> str:
        """Return the answer as a test id."""
        message = self.body.get("message", "") if isinstance(self.body, dict) else self.body or ""
        return f"{self.fate} {self.status} {message}".strip()


Respond = Callable[[Request], Answer | None]
"""Returns the answer to a request; None closes the connection without one."""
