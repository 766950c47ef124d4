"""Sends requests to the Genesys Cloud Platform API: logs in, and retries until a deadline."""

import re
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import msgspec
import requests
from urllib3.exceptions import HTTPError

from deadline import Deadline
from genesys.credentials import Credentials
from genesys.errors import (
    AnswerTooLong,
    GenesysError,
    LoginRefused,
    Unreachable,
    describe_failure,
)
from genesys.http.answers import Answer, UnreadableBody, exchange
from genesys.http.retries import DeadlineRetry, parse_retry_after
from genesys.http.sessions import BearerToken, make_session
from genesys.shapes import Page, key_of, mask_strings, parse_message, to_shape
from json_text import decode_json
from outside_text import Cleaner
from private_network import explain_no_answer

LOGIN_PATH = "/oauth/token"
MAX_CONNECT_SECONDS = 5.0
MAX_READ_SECONDS = 10.0
PAGE_SIZE = 100
# A list with more pages than this has no end, or more entities than any org.
MAX_PAGES = 200
# No server accepts a longer header.
_TOKEN = re.compile(r"[!-~]{1,8000}")


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
    cleaner
        Told of the secret and of each token, so that it masks them. None for the client's own.

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
        cleaner: Cleaner | None = None,
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
        self._cleaner = cleaner or Cleaner()
        self._cleaner.add_secret(credentials.client_secret)
        # The form in which Basic authentication would encode them.
        self._cleaner.add_secret(f"{credentials.client_id}:{credentials.client_secret}")
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
        shape: Any = Any,
        masks_secrets: bool = True,
    ) -> Any:
        """Send a request and return the response's JSON, or None if the response has no content.

        After 429, 502, 503 or 504, the request is retried until the deadline. After a network
        failure, it is retried a few times. After 401, it is sent once more, with a new token.

        A POST is retried only after 429 and 401, because after the other failures Genesys Cloud may
        have carried it out. If `is_repeatable`, a POST only searches and is retried like a GET.

        Parameters
        ----------
        shape
            The type of the JSON, for msgspec.
        masks_secrets
            Whether secrets are masked in the JSON, so that its strings can be quoted. That takes
            too long for many conversations.

        Raises
        ------
        LoginRefused
            Genesys Cloud refused the client id or secret.
        Unreachable
            There was no response.
        AnswerTooLong
            The response is too long.
        GenesysError
            The response has an error status, cannot be parsed or has another shape.
        """
        repeatable = method != "POST" if is_repeatable is None else is_repeatable
        # A POST that can be repeated only reads.
        is_change = method in ("PUT", "PATCH", "DELETE") or not repeatable
        try:
            answer = self._send_with_token(method, path, body, query, repeatable=repeatable)
            if answer.status == requests.codes.unauthorized:
                self._token = None
                answer = self._send_with_token(method, path, body, query, repeatable=repeatable)
            content = self._parse_content(method, path, answer)
            if masks_secrets:
                content = mask_strings(content, self._cleaner, method, path, answer.status)
            result = to_shape(content, shape, method, path, answer.status)
        except GenesysError as error:
            if is_change and error.may_have_succeeded and error.path == path:  # not the login's
                self.changes.append(f"{method} {path} (not confirmed)")
            raise
        if is_change:
            self.changes.append(f"{method} {path}")
        return result

    def iterate_entities(
        self, path: str, query: Mapping[str, Any] | None = None
    ) -> Iterator[dict[str, Any]]:
        """Request a list page by page, and yield its entities, which are JSON objects.

        An entity that several pages show is yielded once.
        """
        seen_keys: set[object] = set()
        for page_number in range(1, MAX_PAGES + 1):
            page_query = {**(query or {}), "pageNumber": page_number, "pageSize": PAGE_SIZE}
            page = self.request("GET", path, query=page_query, shape=Page)
            entities = {key_of(one): one for one in page.entities if isinstance(one, dict)}
            new = {key: one for key, one in entities.items() if key not in seen_keys}
            seen_keys.update(new)
            yield from new.values()
            # If there is no valid `pageCount`, go on until a page is empty, or until all of its
            # entities are known: then the list has no pages, and was returned as a whole again.
            count = page.page_count
            if not new or (isinstance(count, int) and 0 < count <= page_number):
                return
        message = f"the list has more than {MAX_PAGES} pages of {PAGE_SIZE}"
        raise GenesysError("GET", path, status=200, message=message)

    def sanitize(self, text: str, max_characters: int = 300) -> str:
        """Return a short, single-line copy of an external string, with secrets masked."""
        return self._cleaner.clean(text, max_characters)

    def _send_with_token(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None,
        query: Mapping[str, Any] | None,
        *,
        repeatable: bool,
    ) -> Answer:
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
            auth=BearerToken(token),
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
            self._cleaner.add_secret(self._token)
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
        answer = self._exchange(
            self._session_for_repeatable_requests, "POST", LOGIN_PATH, self._login_url, data=form
        )
        if answer.status in (requests.codes.bad_request, requests.codes.unauthorized):
            raise self._make_error(LoginRefused, "POST", LOGIN_PATH, answer)
        content = self._parse_content("POST", LOGIN_PATH, answer)
        try:
            token, lifetime_seconds = content["access_token"], float(content.get("expires_in", 0))
            if _TOKEN.fullmatch(token):
                return token, lifetime_seconds
        except (AttributeError, KeyError, TypeError, ValueError, OverflowError):
            pass
        raise GenesysError(
            "POST", LOGIN_PATH, status=answer.status, message="the response has no token"
        )

    def _exchange(
        self, session: requests.Session, method: str, path: str, url: str, **options: Any
    ) -> Answer:
        """Send a request and return the response; raise `Unreachable` if there is no response.

        The request goes to `url`; errors show `path`.
        """
        seconds_left = self.deadline.left()
        if seconds_left <= 0:
            raise Unreachable(method, path, message="no time was left to send it")
        timeout = min(MAX_CONNECT_SECONDS, seconds_left), min(MAX_READ_SECONDS, seconds_left)
        try:
            return exchange(session, method, url, timeout=timeout, **options)
        except UnreadableBody as error:
            error_class = AnswerTooLong if error.is_too_long else GenesysError
            raise error_class(method, path, status=error.status, message=str(error)) from None
        except (requests.RequestException, HTTPError, ValueError) as error:
            # For some malformed URLs, the requests library raises a plain ValueError.
            failure = explain_no_answer(self.sanitize(describe_failure(error)), "Genesys Cloud")
            raise Unreachable(method, path, message=failure) from None

    def _parse_content(self, method: str, path: str, answer: Answer) -> Any:
        """Return a response's JSON, or None if the body is empty.

        Raise `GenesysError` if the status is an error or the body is not JSON.
        """
        if not answer.is_success:
            raise self._make_error(GenesysError, method, path, answer)
        if not answer.body:
            return None
        try:
            return decode_json(answer.body)
        except msgspec.DecodeError:
            raise GenesysError(
                method, path, status=answer.status, message="the response is not JSON"
            ) from None

    def _make_error(
        self, error_class: type[GenesysError], method: str, path: str, answer: Answer
    ) -> GenesysError:
        return error_class(
            method,
            path,
            status=answer.status,
            message=self.sanitize(parse_message(answer)),
            correlation_id=self.sanitize(answer.headers.get("ININ-Correlation-Id", "")) or None,
            retry_after_seconds=parse_retry_after(answer.headers.get("Retry-After")),
        )
