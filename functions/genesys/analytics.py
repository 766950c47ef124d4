"""Requests the details of conversations from Genesys Cloud's analytics."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from deadline import Deadline
from genesys.client import GenesysClient
from genesys.errors import CredentialsError, LoginRefused
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

        Raises
        ------
        CredentialsError, LoginRefused
            The login is impossible. The next request reads the credentials again.
        GenesysError
            The request failed.
        """
        self._deadline = deadline
        try:
            if self._client is None:
                # The client outlives this request, so its deadline is always the latest one.
                self._client = self._make_client(Deadline(self._seconds_left, self._sleep))
            # The official SDK, too, separates the ids by commas.
            query = {"id": ",".join(conversation_ids)}
            found: Found = self._client.request(
                "GET", PATH, query=query, shape=Found, masks_secrets=False
            )
        except (CredentialsError, LoginRefused):
            self._client = None
            raise
        return [one for one in found.conversations or [] if isinstance(one, dict)]

    def _seconds_left(self) -> float:
        return self._deadline.left()

    def _sleep(self, seconds: float) -> None:
        self._deadline.sleep(seconds)
