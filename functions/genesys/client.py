"""Sends requests to the Genesys Cloud Platform API: logs in, and retries until a deadline."""

import re
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import quote_plus

import requests
from requests.auth import AuthBase

from deadline import Deadline
from genesys.credentials import Credentials
from genesys.errors import GenesysError, LoginRefused, Unreachable, describe_failure
from genesys.retries import DeadlineRetry, make_session, parse_retry_after
from private_network import explain_no_answer

LOGIN_PATH = "/oauth/token"
MAX_CONNECT_SECONDS = 5.0
MAX_READ_SECONDS = 10.0
PAGE_SIZE = 100


class GenesysClient:
    """Calls one org's Platform API, as one OAuth client and with one deadline.

    Parameters
    ----------
    login_url, api_url
        Base URLs, such as `https://login.mypurecloud.com` and `https://api.mypurecloud.com`.
    credentials
        The id and secret of an OAuth client with the grant type *client credentials*.
    deadline
        No request is sent after the deadline.
    clock
        Returns monotonic seconds, for the renewal of the token.
    scopes
        The OAuth scopes to request, separated by spaces; empty if the OAuth client's role alone
        decides what the OAuth client may do.
    retries
        Whether to retry requests. If not, only one network failure of a request is retried.
    check_creation
        Called right before each attempt at a request that creates something, and so also after
        each wait. It raises an error, such as `CreationUnwanted`, if nothing must be created.

    Attributes
    ----------
    changes
        The method and path of each request that has changed the org, in order. `(not confirmed)`
        follows if Genesys Cloud may have carried out the request, but has not confirmed it.
    """

    def __init__(
        self,
        login_url: str,
        api_url: str,
        credentials: Credentials,
        deadline: Deadline,
        clock: Callable[[], float] = time.monotonic,
        *,
        scopes: str = "",
        retries: bool = True,
        check_creation: Callable[[], None] = lambda: None,
    ) -> None:
        self.deadline = deadline
        self.check_creation = check_creation
        self.changes: list[str] = []
        self._login_url = login_url + LOGIN_PATH
        self._api_url = api_url
        self._credentials = credentials
        self._clock = clock
        self._scopes = scopes
        self._token: str | None = None
        self._renew_token_at = 0.0
        secret = credentials.client_secret
        # In the login request, and so perhaps in an error, the secret is encoded with `quote_plus`.
        self._secrets_to_mask = [secret, quote_plus(secret)]
        retry = DeadlineRetry
        make_policy = retry.for_repeatable_requests if retries else retry.for_single_attempts
        self._session_for_repeatable_requests = make_session(make_policy(deadline))
        self._session_for_creation_requests = make_session(
            retry.for_creation_requests(deadline, before_retry=check_creation)
        )

    def request(
        self,
        method: str,
        path: str,
        *,
        body: Mapping[str, Any] | None = None,
        query: Mapping[str, Any] | None = None,
        is_repeatable: bool | None = None,
    ) -> Any:
        """Send a request and return the response's JSON, or None if the response has no content.

        After 429, 502, 503 or 504, the request is retried until the deadline. After a network
        failure, it is retried a few times. After 401, it is sent once more, with a new token.

        A POST is retried only after 429 and 401, because after the other failures Genesys Cloud may
        have carried it out. If `is_repeatable`, a POST only searches and is retried like a GET.

        Raises
        ------
        LoginRefused
            Genesys Cloud refused the client id or secret.
        Unreachable
            There was no response.
        GenesysError
            The response has an error status or cannot be parsed.
        """
        repeatable = method != "POST" if is_repeatable is None else is_repeatable
        # A POST that can be repeated only reads.
        is_change = method in ("PUT", "PATCH", "DELETE") or not repeatable
        try:
            response = self._send_with_token(method, path, body, query, repeatable=repeatable)
            if response.status_code == requests.codes.unauthorized:
                self._token = None
                response = self._send_with_token(method, path, body, query, repeatable=repeatable)
            content = self._parse_content(method, path, response)
        except GenesysError as error:
            if is_change and error.may_have_succeeded and error.path == path:  # not the login's
                self.changes.append(f"{method} {path} (not confirmed)")
            raise
        if is_change:
            self.changes.append(f"{method} {path}")
        return content

    def iterate_entities(
        self, path: str, query: Mapping[str, Any] | None = None
    ) -> Iterator[dict[str, Any]]:
        """Request a list page by page, and yield its entities, which are JSON objects."""
        page_number, previous_entities = 1, None
        while True:
            page_query = {**(query or {}), "pageNumber": page_number, "pageSize": PAGE_SIZE}
            page = self.request("GET", path, query=page_query)
            entities = page.get("entities") if isinstance(page, dict) else None
            if not isinstance(entities, list):
                raise GenesysError("GET", path, status=200, message="the response is not a list")
            if entities == previous_entities:
                # The list has no pages, and was returned as a whole again.
                return
            yield from (entity for entity in entities if isinstance(entity, dict))
            # If there is no valid `pageCount`, go on until a page is empty or repeated.
            page_count = page.get("pageCount")
            is_last_page = isinstance(page_count, int) and 0 < page_count <= page_number
            if is_last_page or not entities:
                return
            page_number, previous_entities = page_number + 1, entities

    def sanitize(self, text: str, max_characters: int = 300) -> str:
        """Return a short, single-line copy of an external string, with secrets masked."""
        text = " ".join(text.split())
        for secret in self._secrets_to_mask:
            # The text's whitespace was collapsed, so collapse the secret's whitespace, too.
            text = text.replace(" ".join(secret.split()), "…")
        return text[:max_characters]

    def _send_with_token(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None,
        query: Mapping[str, Any] | None,
        *,
        repeatable: bool,
    ) -> requests.Response:
        """Send an API request and return the response, whatever its status."""
        token = self._get_valid_token()
        session = self._session_for_repeatable_requests
        if not repeatable:
            self.check_creation()
            session = self._session_for_creation_requests
        return self._exchange(
            session,
            method,
            path,
            self._api_url + path,
            auth=_BearerToken(token),
            json=body,
            params=query,
        )

    def _get_valid_token(self) -> str:
        """Return the token, after a login if the token is missing or due for renewal."""
        if self._token is None or self._clock() >= self._renew_token_at:
            self._token, lifetime_seconds = self._log_in()
            # Renew the token early, so that it does not expire during a request.
            early_seconds = min(60.0, lifetime_seconds / 10)
            self._renew_token_at = self._clock() + lifetime_seconds - early_seconds
            self._secrets_to_mask.append(self._token)
        return self._token

    def _log_in(self) -> tuple[str, float]:
        """Return a new token and its lifetime in seconds, which is 0 if unknown."""
        form = {
            "grant_type": "client_credentials",
            "client_id": self._credentials.client_id,
            "client_secret": self._credentials.client_secret,
            **({"scope": self._scopes} if self._scopes else {}),
        }
        # Although this is a POST, it creates no resource, so it can be repeated.
        response = self._exchange(
            self._session_for_repeatable_requests, "POST", LOGIN_PATH, self._login_url, data=form
        )
        if response.status_code in (requests.codes.bad_request, requests.codes.unauthorized):
            raise self._make_error(LoginRefused, "POST", LOGIN_PATH, response)
        content = self._parse_content("POST", LOGIN_PATH, response)
        try:
            token, lifetime_seconds = content["access_token"], float(content.get("expires_in", 0))
            is_visible_ascii = re.fullmatch(r"[!-~]+", token) is not None
            # An error could quote any other token in escaped form, which `sanitize` would not mask.
            if is_visible_ascii:
                return token, lifetime_seconds
        except (AttributeError, KeyError, TypeError, ValueError, OverflowError):
            pass
        raise GenesysError(
            "POST", LOGIN_PATH, status=response.status_code, message="the response has no token"
        )

    def _exchange(
        self, session: requests.Session, method: str, path: str, url: str, **kwargs: Any
    ) -> requests.Response:
        """Send a request and return the response; raise `Unreachable` if there is no response.

        The request goes to `url`; errors show `path`.
        """
        seconds_left = self.deadline.left()
        if seconds_left <= 0:
            raise Unreachable(method, path, message="no time was left to send it")
        try:
            return session.request(
                method,
                url,
                timeout=(
                    min(MAX_CONNECT_SECONDS, seconds_left),
                    min(MAX_READ_SECONDS, seconds_left),
                ),
                allow_redirects=False,
                **kwargs,
            )
        except (requests.RequestException, ValueError) as error:
            # For some malformed URLs, the requests library raises a plain ValueError.
            failure = explain_no_answer(self.sanitize(describe_failure(error)), "Genesys Cloud")
            raise Unreachable(method, path, message=failure) from None

    def _parse_content(self, method: str, path: str, response: requests.Response) -> Any:
        """Return a response's JSON, or None if the body is empty.

        Raise `GenesysError` if the status is an error or the body is not JSON.
        """
        if not 200 <= response.status_code < 300:
            raise self._make_error(GenesysError, method, path, response)
        if not response.content:
            return None
        try:
            return response.json()
        except (ValueError, RecursionError):
            raise GenesysError(
                method, path, status=response.status_code, message="the response is not JSON"
            ) from None

    def _make_error(
        self, error_class: type[GenesysError], method: str, path: str, response: requests.Response
    ) -> GenesysError:
        return error_class(
            method,
            path,
            status=response.status_code,
            message=self.sanitize(_parse_message(response)),
            correlation_id=self.sanitize(response.headers.get("ININ-Correlation-Id", "")) or None,
            retry_after_seconds=parse_retry_after(response.headers.get("Retry-After")),
        )


class _BearerToken(AuthBase):
    """Sets a request's Authorization header.

    If the header were set without an `AuthBase`, a login from .netrc would replace it.
    """

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request


def _parse_message(response: requests.Response) -> str:
    """Return the error message in a response's JSON, or the reason phrase if there is no JSON."""
    try:
        content = response.json()
    except (ValueError, RecursionError):
        return response.reason or ""
    if not isinstance(content, dict):
        return ""
    keys = ("message", "description", "error_description", "error", "code")
    values = (content.get(key) for key in keys)
    return next((value for value in values if value and isinstance(value, str)), "")
