"""Requests to the Genesys Cloud Platform API: logged in, repeated, bounded, explained."""

import re
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import quote_plus

import requests
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase

from deadline import Deadline
from genesys.credentials import Credentials
from genesys.errors import GenesysError, LoginRefused, Unreachable
from genesys.retries import DeadlineRetry

LOGIN_PATH = "/oauth/token"
CONNECT_SECONDS = 5.0
READ_SECONDS = 10.0
PAGE_SIZE = 100


class GenesysClient:
    """The Platform API of one org, as one OAuth client sees it, for one piece of work.

    Parameters
    ----------
    login_url, api_url
        Base URLs, such as `https://login.mypurecloud.com` and `https://api.mypurecloud.com`.
    credentials
        Of an OAuth client with the grant type *client credentials*.
    deadline
        No pause and no further try begins after it.
    clock
        Seconds that only grow, to tell when a token has expired.
    scope
        OAuth scopes to ask for; empty where the client's role alone says what it may do.
    """

    def __init__(
        self,
        login_url: str,
        api_url: str,
        credentials: Credentials,
        deadline: Deadline,
        clock: Callable[[], float] = time.monotonic,
        *,
        scope: str = "",
    ) -> None:
        self.deadline = deadline
        self._login_url = login_url + LOGIN_PATH
        self._api_url = api_url
        self._credentials = credentials
        self._clock = clock
        self._scope = scope
        self._token: str | None = None
        self._token_ends = 0.0
        secret = credentials.client_secret
        self._never_shown = [secret, quote_plus(secret)]
        self._repeating = _session(DeadlineRetry.for_repeatable_requests(deadline))
        self._creating = _session(DeadlineRetry.for_requests_that_create(deadline))

    def request(
        self,
        method: str,
        path: str,
        *,
        body: Mapping[str, Any] | None = None,
        query: Mapping[str, Any] | None = None,
    ) -> Any:
        """Send one request and return its answer's JSON, or None where it has no content.

        429, 502, 503 and 504 are repeated until the deadline, network failures a few times; a
        POST only after 429, since after the others it may have been carried out. A token that is
        no longer accepted is replaced once.

        Raises
        ------
        LoginRefused
            The client id or secret was refused.
        Unreachable
            There was no answer.
        GenesysError
            Any other answer than success.
        """
        response = self._send(method, path, body, query)
        if response.status_code == requests.codes.unauthorized:
            self._token = None
            response = self._send(method, path, body, query)
        return self._content(method, path, response)

    def pages(self, path: str, query: Mapping[str, Any] | None = None) -> Iterator[dict[str, Any]]:
        """Yield the entities of all pages of a list."""
        number, before = 1, None
        while True:
            paged = {**(query or {}), "pageNumber": number, "pageSize": PAGE_SIZE}
            page = self.request("GET", path, query=paged)
            entities = page.get("entities") if isinstance(page, dict) else None
            if not isinstance(entities, list):
                raise GenesysError("GET", path, status=200, message="the answer is no list")
            if entities == before:  # a list without pages answers with all of it each time
                return
            yield from (entity for entity in entities if isinstance(entity, dict))
            count = page.get("pageCount")
            if not entities or (isinstance(count, int) and 0 < count <= number):
                return
            number, before = number + 1, entities

    def clean(self, text: str) -> str:
        """Return a text from outside, short, on one line and without secrets."""
        text = " ".join(text.split())
        for secret in self._never_shown:
            text = text.replace(" ".join(secret.split()), "…")
        return text[:300]

    def _send(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None,
        query: Mapping[str, Any] | None,
    ) -> requests.Response:
        token = self._valid_token()
        session = self._creating if method == "POST" else self._repeating
        return self._exchange(
            session,
            method,
            path,
            self._api_url + path,
            auth=_Bearer(token),
            json=body,
            params=query,
        )

    def _valid_token(self) -> str:
        if self._token is None or self._clock() >= self._token_ends:
            self._token, life = self._log_in()
            # Replace it shortly before its end, so that no request outlives it.
            self._token_ends = self._clock() + life - min(60.0, life / 10)
            self._never_shown.append(self._token)
        return self._token

    def _log_in(self) -> tuple[str, float]:
        """Return a new token and its life in seconds."""
        form = {
            "grant_type": "client_credentials",
            "client_id": self._credentials.client_id,
            "client_secret": self._credentials.client_secret,
            **({"scope": self._scope} if self._scope else {}),
        }
        response = self._exchange(self._repeating, "POST", LOGIN_PATH, self._login_url, data=form)
        if response.status_code in (requests.codes.bad_request, requests.codes.unauthorized):
            raise self._error(LoginRefused, "POST", LOGIN_PATH, response)
        answer = self._content("POST", LOGIN_PATH, response)
        try:
            token, life = answer["access_token"], float(answer.get("expires_in", 0))
            if re.fullmatch(r"[!-~]+", token):  # others fit no header, and errors would quote them
                return token, life
        except (AttributeError, KeyError, TypeError, ValueError, OverflowError):
            pass
        raise GenesysError(
            "POST", LOGIN_PATH, status=response.status_code, message="the answer has no token"
        )

    def _exchange(
        self, session: requests.Session, method: str, path: str, url: str, **kwargs: Any
    ) -> requests.Response:
        left = self.deadline.left()
        if left <= 0:
            raise Unreachable(method, path, message="no time was left to send it")
        try:
            return session.request(
                method,
                url,
                timeout=(min(CONNECT_SECONDS, left), min(READ_SECONDS, left)),
                allow_redirects=False,
                **kwargs,
            )
        except (requests.RequestException, ValueError) as error:
            # requests lets a ValueError through for some unreadable addresses.
            raise Unreachable(method, path, message=self.clean(_cause(error))) from None

    def _content(self, method: str, path: str, response: requests.Response) -> Any:
        if not 200 <= response.status_code < 300:
            raise self._error(GenesysError, method, path, response)
        if not response.content:
            return None
        try:
            return response.json()
        except (ValueError, RecursionError):
            raise GenesysError(
                method, path, status=response.status_code, message="the answer is not JSON"
            ) from None

    def _error(
        self, kind: type[GenesysError], method: str, path: str, response: requests.Response
    ) -> GenesysError:
        return kind(
            method,
            path,
            status=response.status_code,
            message=self.clean(_message(response)),
            correlation_id=self.clean(response.headers.get("ININ-Correlation-Id", "")) or None,
        )


class _Bearer(AuthBase):
    """Sets the token; passed as `auth` so that no .netrc of a developer's machine replaces it."""

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request


def _session(retry: DeadlineRetry) -> requests.Session:
    session = requests.Session()
    for scheme in ("https://", "http://"):
        session.mount(scheme, HTTPAdapter(max_retries=retry))
    return session


def _message(response: requests.Response) -> str:
    """Return what Genesys Cloud says of an error: `message`, or OAuth's `description`."""
    try:
        answer = response.json()
    except (ValueError, RecursionError):
        return response.reason or ""
    if not isinstance(answer, dict):
        return ""
    keys = ("message", "description", "error_description", "error", "code")
    said = (answer.get(key) for key in keys)
    return next((text for text in said if text and isinstance(text, str)), "")


def _cause(error: BaseException) -> str:
    """Return the innermost reason of a failure on the network."""
    reason = getattr(error.args[0], "reason", None) if error.args else None
    return f"{type(error).__name__}: {reason or error}"
