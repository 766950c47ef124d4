"""The errors of calls to Genesys Cloud and of what belongs to them."""


class GenesysError(Exception):
    """A request to Genesys Cloud that failed.

    Its text names the method, path, status, Genesys Cloud's own message and the correlation id
    that its support asks for; never a token or secret.

    Attributes
    ----------
    status
        HTTP status of the answer; None when there was no answer.
    maybe_carried_out
        Whether Genesys Cloud may have carried it out all the same, at this try or before.
    """

    def __init__(
        self,
        method: str,
        path: str,
        *,
        status: int | None = None,
        message: str = "",
        correlation_id: str | None = None,
    ) -> None:
        answer = "was not answered" if status is None else f"was answered with {status}"
        text = f"{method} {path} {answer}"
        if message:
            text += f": {message}"
        if correlation_id:
            text += f" (correlation id {correlation_id})"
        super().__init__(text)
        self.method = method
        self.path = path
        self.status = status
        self.message = message
        self.correlation_id = correlation_id
        self.maybe_carried_out = (
            status is None or 200 <= status < 300 or status in (408, 500, 502, 503, 504)
        )


class LoginRefused(GenesysError):
    """Genesys Cloud did not accept the client id and secret."""


class Unreachable(GenesysError):
    """There was no answer: no connection, none in time, or one that broke off."""


class NotActive(Exception):
    """A thing in Genesys Cloud that did not become as specified in time; the text says how."""


class Explained(Exception):
    """An error whose text is for the user: what is wrong and what to do, and nothing secret."""


class CredentialsError(Explained):
    """The secret with the OAuth client's credentials is missing or wrong."""


class NameTaken(Explained):
    """A thing in Genesys Cloud that has our name and is somebody else's."""
