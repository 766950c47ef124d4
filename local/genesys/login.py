"""The stand-in's login: one OAuth client, its tokens and their scopes."""

import base64
import secrets
from collections.abc import Callable, Collection

from local.genesys.problems import Problem
from local.http.messages import Answer, Request

LOGIN = "/oauth/token"
READ, WRITE = "event:subscribe:read", "event:subscribe:write"
CLIENT_ID = "0f3c-client-id"
CLIENT_SECRET = "S3cr3t-0f-the-0rg"  # noqa: S105 - this client exists only in the stand-in
TOKEN_START = "t0k3n-0f-the-0rg-"  # noqa: S105 - the start of every token, to search logs for


class Login:
    """The OAuth client of an org.

    Attributes
    ----------
    client_id, client_secret
        The client's credentials.
    scopes
        The client's scopes. A login can request some of them; otherwise, it gets all of them.
    expires_in
        The lifetime of new tokens in seconds.
    bad_login_status
        The status of the answer to invalid credentials: 401 or 400.
    tokens
        The scopes and the expiry time of each token, keyed by token.
    """

    clock: Callable[[], float]

    def __init__(self) -> None:
        self.client_id, self.client_secret = CLIENT_ID, CLIENT_SECRET
        self.scopes: Collection[str] = (READ, WRITE)
        self.expires_in = 86_400
        self.bad_login_status = 401
        self.tokens: dict[str, tuple[frozenset[str], float]] = {}

    def log_in(self, request: Request) -> Answer:
        """Answer a login."""
        form = request.form
        if form.get("grant_type") != "client_credentials":
            return Answer(400, {"error": "unsupported_grant_type"})
        if _credentials(request) != (self.client_id, self.client_secret):
            error = {"error": "invalid_client", "description": "authentication failed"}
            return Answer(self.bad_login_status, error)
        requested = form["scope"].split() if form.get("scope") else self.scopes
        granted = frozenset(requested) & frozenset(self.scopes)
        token = TOKEN_START + secrets.token_urlsafe(48)
        self.tokens[token] = granted, self.clock() + self.expires_in
        answer = {"access_token": token, "token_type": "bearer", "expires_in": self.expires_in}
        return Answer(200, {**answer, "scope": " ".join(sorted(granted))})

    def granted_scopes(self, request: Request) -> frozenset[str]:
        """Return the scopes of a request's token; raise `Problem` if the token is not valid."""
        kind, _, token = request.headers.get("Authorization", "").partition(" ")
        if kind.lower() != "bearer" or not token:
            text = "No authentication bearer token specified in authorization header."
            raise Problem(401, "authentication.required", text)
        granted, expires_at = self.tokens.get(token, (frozenset(), 0.0))
        if token not in self.tokens or self.clock() >= expires_at:
            raise Problem(401, "bad.credentials", "Invalid login credentials.")
        return granted


def _credentials(request: Request) -> tuple[str, str]:
    """Return the client id and secret from a Basic header, else from the form."""
    kind, _, encoded = request.headers.get("Authorization", "").partition(" ")
    if kind.lower() != "basic":
        return request.form.get("client_id", ""), request.form.get("client_secret", "")
    try:
        client_id, _, client_secret = base64.b64decode(encoded).decode().partition(":")
    except ValueError:
        return "", ""
    return client_id, client_secret
