"""The error answers of Genesys Cloud's API, with the API's own messages."""

from uuid import uuid4

from local.http.messages import Answer

CORRELATION = "ININ-Correlation-Id"


def problem(status: int, message: str, code: str = "error", **headers: str) -> Answer:
    """Return an error answer, with the correlation id that Genesys support asks for."""
    headers = {CORRELATION: str(uuid4()), **headers}
    body = {"message": message, "code": code, "status": status, "contextId": headers[CORRELATION]}
    return Answer(status, body, headers)


def too_many_requests(retry_after: int) -> Answer:
    """Return the answer to a client that calls too often and must wait `retry_after` seconds."""
    message = "Rate limit exceeded the maximum. Retry later."
    code = "too.many.requests.retry.after"
    return problem(429, message, code, **{"Retry-After": str(retry_after)})


class Problem(Exception):
    """A request that the API refuses."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.answer = problem(status, message, code)


def bad_request(message: str) -> Problem:
    """Return the error for a malformed request."""
    return Problem(400, "bad.request", message)


def missing_permission(permission: str) -> Problem:
    """Return the error for a request without a needed permission."""
    return Problem(
        403,
        "missing.any.permissions",
        "Unable to perform the requested action. You are missing the following"
        f" permission(s): {permission}",
    )


def not_found(message: str = "HTTP 404 Not Found") -> Problem:
    """Return the error for an unknown path or entity."""
    return Problem(404, "not.found", message)


def not_allowed() -> Problem:
    """Return the error for a method that a path does not have."""
    return Problem(405, "method.not.allowed", "HTTP 405 Method Not Allowed")
