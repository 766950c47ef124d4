"""The HTTP requests and answers of the loopback server."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import parse_qsl

Fate = Literal["sent", "lost", "cut", "hung"]


@dataclass(frozen=True, slots=True)
class Request:
    """A client's request.

    Attributes
    ----------
    target
        The path and query as the client sent them.
    headers
        A mapping that ignores case.
    given_up
        Returns whether the client has stopped waiting for the answer.
    """

    method: str
    target: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    given_up: Callable[[], bool] = lambda: False

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
    """An answer and its fate on the way to the client.

    Attributes
    ----------
    body
        Bytes are sent unchanged, None as an empty body, everything else as JSON.
    reason
        The phrase after the status; None for the usual one.
    fate
        `sent`; `lost`: the connection closes without an answer; `cut`: it closes in the middle
        of the body; `hung`: the server sends nothing and leaves the connection open.
    """

    status: int = 200
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    reason: str | None = None
    fate: Fate = "sent"

    def __str__(self) -> str:
        """Return a name for the ids of tests."""
        text = self.body.get("message", "") if isinstance(self.body, dict) else self.body or ""
        return f"{self.fate} {self.status} {text}".strip()


Respond = Callable[[Request], Answer | None]
"""Returns the answer to a request; None closes the connection without one."""
