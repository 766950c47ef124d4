"""What requests to the Genesys Cloud stand-in carry, and the errors for those that are wrong."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from local.genesys.wire import Answer, Problem, Request

MAX_PAGE = 100
One = TypeVar("One")


def json_object(request: Request) -> dict[str, Any]:
    """Return the JSON object that is the body of `request`."""
    try:
        body = json.loads(request.body)
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise bad_request("The request body is no JSON object.")
    return body


def page(request: Request, every: Sequence[One], shown: Callable[[One], dict[str, Any]]) -> Answer:
    """Answer with the page that `request` asks for; only what is on it is `shown`."""
    number = _page_parameter(request, "pageNumber", 1, 1_000_000)
    size = _page_parameter(request, "pageSize", 25, MAX_PAGE)
    pages = math.ceil(len(every) / size)
    body: dict[str, Any] = {
        "entities": [shown(one) for one in every[(number - 1) * size : number * size]],
        "pageSize": size,
        "pageNumber": number,
        "pageCount": pages,
        "total": len(every),
    }
    if number < pages:
        body["nextUri"] = f"{request.path}?pageSize={size}&pageNumber={number + 1}"
    return Answer(200, body)


def bad_request(message: str) -> Problem:
    """Return the error for a request that cannot be understood."""
    return Problem(400, "bad.request", message)


def missing(permission: str) -> Problem:
    """Return the error for a request that the client may not make."""
    return Problem(
        403,
        "missing.any.permissions",
        "Unable to perform the requested action. You are missing the following"
        f" permission(s): {permission}",
    )


def not_found(message: str = "HTTP 404 Not Found") -> Problem:
    """Return the error for what is not there."""
    return Problem(404, "not.found", message)


def not_allowed() -> Problem:
    """Return the error for a method that a path does not have."""
    return Problem(405, "method.not.allowed", "HTTP 405 Method Not Allowed")


def _page_parameter(request: Request, name: str, default: int, most: int) -> int:
    text = request.query.get(name, str(default))
    if not text.isdecimal() or not 1 <= int(text) <= most:
        raise bad_request(f"{name}: expected 1 to {most}, got {text}.")
    return int(text)
