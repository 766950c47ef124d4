"""Requests the details of conversations from Genesys Cloud's analytics."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from deadline import Deadline
from genesys.client import GenesysClient
from genesys.errors import GenesysError, LoginRefused
from genesys.shapes import Found

PATH = "/api/v2/analytics/conversations/details"
Conversation = Mapping[str, Any]
"""A conversation as JSON: the SDK's `AnalyticsConversationWithoutAttributes`."""


class Analytics:
    """An org's analytics, for the many invocations of a function that share a login.

    Parameters
    ----------
    make_client
        Makes a client with the given deadline. It reads the credentials and may raise
        `CredentialsError`.
    """

    def __init__(self, make_client: Callable[[Deadline], GenesysClient]) -> None:
        self._make_client = make_client
        self._client: GenesysClient | None = None
        self._deadline = Deadline(lambda: 0.0)

    def fetch_conversations(
        self, conversation_ids: Sequence[str], deadline: Deadline
    ) -> list[Conversation]:
        """Return the conversations that analytics have, in any order, with one request.

        If Genesys Cloud refuses credentials that an earlier request has read, they may have been
        rotated. They are then read again, and the request is repeated once.

        Raises
        ------
        CredentialsError, LoginRefused
            The login is impossible. The next request reads the credentials again.
        GenesysError
            The request failed. If its status is 401, the next request reads the credentials again.
        """
        self._deadline = deadline
        # The official SDK, too, separates the ids by commas.
        query = {"id": ",".join(conversation_ids)}
        were_read_earlier = self._client is not None
        try:
            found = self._request(query)
        except GenesysError as error:
            if not (were_read_earlier and _are_credentials_refused(error)):
                raise
            found = self._request(query)
        return [one for one in found.conversations or [] if isinstance(one, dict)]

    def _request(self, query: Mapping[str, str]) -> Found:
        try:
            if self._client is None:
                # The client outlives this request, so its deadline is always the latest one.
                self._client = self._make_client(Deadline(self._seconds_left, self._sleep))
            found: Found = self._client.request(
                "GET", PATH, query=query, shape=Found, masks_secrets=False
            )
        except GenesysError as error:
            if _are_credentials_refused(error):
                self._client = None
            raise
        return found

    def _seconds_left(self) -> float:
        return self._deadline.left()

    def _sleep(self, seconds: float) -> None:
        self._deadline.sleep(seconds)


def _are_credentials_refused(error: GenesysError) -> bool:
    """Return whether Genesys Cloud refused the login, or even a new token."""
    return isinstance(error, LoginRefused) or error.status == 401
