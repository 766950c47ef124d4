"""The errors of requests to Genesys Cloud, and the errors with messages for the user."""


class GenesysError(Exception):
    """A request to Genesys Cloud failed.

    `str(error)` never holds a token or secret. It holds all attributes except `retry_after_seconds`
    and `may_have_succeeded`.

    Attributes
    ----------
    method, path
        The request's HTTP method, and its URL's path.
    status
        The HTTP status; None if there was no response.
    message
        Genesys Cloud's own message (empty if it gave none), or why there is no valid response.
    correlation_id
        Genesys Cloud's id for the request, which its support asks for.
    retry_after_seconds
        How long Genesys Cloud asks to wait before the next request; None if it does not ask.
    may_have_succeeded
        Whether Genesys Cloud may have carried out the request. The client also sets it if an
        earlier attempt of the same request got no answer.
    """

    def __init__(
        self,
        method: str,
        path: str,
        *,
        status: int | None = None,
        message: str = "",
        correlation_id: str | None = None,
        retry_after_seconds: float | None = None,
    ) -> None:
        result = "was not answered" if status is None else f"was answered with {status}"
        description = f"{method} {path} {result}"
        if message:
            description += f": {message}"
        if correlation_id:
            description += f" (correlation id {correlation_id})"
        super().__init__(description)
        self.method = method
        self.path = path
        self.status = status
        self.message = message
        self.correlation_id = correlation_id
        self.retry_after_seconds = retry_after_seconds
        # A request answered with 2xx has succeeded; only the response's content is invalid.
        self.may_have_succeeded = (
            status is None or 200 <= status < 300 or status in (408, 500, 502, 503, 504)
        )


class LoginRefused(GenesysError):
    """Genesys Cloud did not accept the client id and secret."""


class Unreachable(GenesysError):
    """There was no response: the connection failed or broke off, or no time was left."""


class AnswerTooLong(GenesysError):
    """The request succeeded, but the response is longer than the client reads."""


class NotAsSpecified(Exception):
    """A resource differs from its specification when the time is up; the message says how."""


class UserFacingError(Exception):
    """An error whose message tells the user what to do, and holds no secret."""


class CredentialsError(UserFacingError):
    """The secret with the OAuth client's credentials cannot be read or is invalid."""


class CreationUnwanted(UserFacingError):
    """Nobody waits for a new resource any more, so it must not be created, or not remain.

    Attributes
    ----------
    may_have_succeeded
        Whether the resource may exist, because an earlier request may have created it.
    """

    may_have_succeeded = True


class NameTaken(UserFacingError):
    """A resource with the expected name exists in Genesys Cloud, but sends its events elsewhere."""


def describe_failure(error: BaseException) -> str:
    """Return an error's class name with the underlying reason, or else with the error's message."""
    # The requests library wraps urllib3's error, which may have a `reason`.
    reason = getattr(error.args[0], "reason", None) if error.args else None
    return f"{type(error).__name__}: {reason or error}"
