"""Looks up conversations in Genesys Cloud's analytics, many with each request."""

from collections.abc import Iterable, Sequence
from typing import NoReturn, Protocol

from aws_lambda_powertools import Logger

from aws_calls import CALL_ERRORS, describe
from deadline import Deadline
from details.models import CONVERSATION_ID, Conversation, parse_conversation
from details.request_slots import RequestSlots
from genesys.analytics import PATH
from genesys.analytics import Conversation as ConversationJson
from genesys.errors import AnswerTooLong, CredentialsError, GenesysError
from private_network import explain_no_answer
from time_limit import call_within
from tracebacks import error_origin

# The most ids in a request. Genesys Cloud states no limit; this many make an address of 2 KB.
MAX_IDS = 50
# Each request gets at least this much time, so a slot must come as long before the deadline.
MIN_REQUEST_SECONDS = 0.3
# If the deadline interrupts a request that had less time, the failure says nothing about Genesys
# Cloud, and requests do not pause.
FAIR_REQUEST_SECONDS = 2.0
# The pause of all invocations after a failure without a `Retry-After`, and the longest one with it.
PAUSE_SECONDS = 5.0
MAX_PAUSE_SECONDS = 300.0
# The statuses of a request whose ids, or whose number of ids, Genesys Cloud does not accept.
REFUSED_STATUSES = (400, 404, 413)
# The most refused requests in a lookup. Halving the ids again and again takes many requests.
MAX_REFUSALS = 20


class FetchesConversations(Protocol):
    """Fetches conversations from analytics, as `genesys.analytics.Analytics` does."""

    def fetch_conversations(
        self, conversation_ids: Sequence[str], deadline: Deadline
    ) -> list[ConversationJson]:
        """Return the conversations that analytics have; raise an error if the request fails."""


class ConversationLookup:
    """Looks up conversations, within the request slots that all invocations share.

    If Genesys Cloud refuses a request with several ids, or its answer is too long, each half of
    them is requested. If the number of ids was too large, the lookup remembers the number that was
    accepted.
    """

    def __init__(
        self, analytics: FetchesConversations, slots: RequestSlots, logger: Logger
    ) -> None:
        self._analytics = analytics
        self._slots = slots
        self._logger = logger
        self._max_ids = MAX_IDS
        self._refusals = 0  # in this lookup

    def find(self, conversation_ids: Iterable[str], deadline: Deadline) -> dict[str, Conversation]:
        """Return the conversations that analytics have, keyed by id; never raise an error.

        After a failure that does not concern the ids, the rest of them is not requested.
        """
        # Genesys Cloud would refuse a request with any other id.
        ids = [id_ for id_ in dict.fromkeys(conversation_ids) if CONVERSATION_ID.fullmatch(id_)]
        found: dict[str, Conversation] = {}
        self._refusals = 0
        try:
            self._request_all(ids, found, deadline)
        except _Stopped as stop:
            self._logger.warning("Details not requested", reason=str(stop))
        except Exception as error:  # noqa: BLE001 - without details, ends are delivered all the same
            self._logger.warning("Details not requested", reason=error_origin(error))
        return found

    def _request_all(
        self, ids: Sequence[str], found: dict[str, Conversation], deadline: Deadline
    ) -> bool:
        """Request conversations as `_request` does, with as many ids a request as are accepted."""
        accepted_flags = []
        while ids:
            group, ids = ids[: self._max_ids], ids[self._max_ids :]
            accepted_flags.append(self._request(group, found, deadline))
        return all(accepted_flags)

    def _request(
        self, ids: Sequence[str], found: dict[str, Conversation], deadline: Deadline
    ) -> bool:
        """Request conversations and add them to `found`; return whether no request was refused."""
        self._take_slot(deadline)
        seconds_left = deadline.left()
        try:
            fetch = self._analytics.fetch_conversations
            conversations = call_within(seconds_left, fetch, ids, deadline)
        except GenesysError as error:
            # A refused login, too, can have the status 400. It does not concern the ids.
            is_refusal = error.status in REFUSED_STATUSES or isinstance(error, AnswerTooLong)
            if error.path != PATH or not is_refusal:
                self._stop_after(error, seconds_left, deadline)
            self._refusals += 1
            if self._refusals == MAX_REFUSALS:
                raise _Stopped(f"too many requests were refused: {error}") from None
            if len(ids) == 1:
                return False
            middle = (len(ids) + 1) // 2
            halves = ids[:middle], ids[middle:]
            accepted_flags = [self._request_all(half, found, deadline) for half in halves]
            # If a half was refused too, the reason may be one of the ids.
            if error.status != 404 and all(accepted_flags):
                self._max_ids = middle
            return False
        except (CredentialsError, TimeoutError) as error:
            self._stop_after(error, seconds_left, deadline)
        requested_ids = {*ids}
        for json in conversations:
            conversation = parse_conversation(json)
            if conversation and conversation.conversation_id in requested_ids:
                found[conversation.conversation_id] = conversation
        return True

    def _take_slot(self, deadline: Deadline) -> None:
        try:
            is_taken = self._slots.take(deadline.extended_by(-MIN_REQUEST_SECONDS))
        except CALL_ERRORS as error:
            failure = describe(error, "DynamoDB")
            raise _Stopped(f"the request slots cannot be updated: {failure}") from None
        if not is_taken:
            raise _Stopped("all request slots in the time left are taken, or requests pause")

    def _stop_after(
        self,
        error: GenesysError | CredentialsError | TimeoutError,
        seconds_left: float,
        deadline: Deadline,
    ) -> NoReturn:
        """Stop the lookup, and pause all requests, unless the failed one had too little time.

        Parameters
        ----------
        error
            The failure of a request.
        seconds_left
            The seconds that were left when the request began.
        """
        is_answer = isinstance(error, GenesysError) and error.status is not None
        is_cut_short = not is_answer and seconds_left < FAIR_REQUEST_SECONDS and deadline.passed()
        if not is_cut_short:
            retry_after = error.retry_after_seconds if isinstance(error, GenesysError) else None
            self._pause(min(retry_after or PAUSE_SECONDS, MAX_PAUSE_SECONDS), deadline)
        if isinstance(error, TimeoutError):
            raise _Stopped(explain_no_answer(str(error), "Genesys Cloud"))
        raise _Stopped(str(error))

    def _pause(self, seconds: float, deadline: Deadline) -> None:
        try:
            self._slots.pause(seconds, deadline.extended_by(1.0))
        except CALL_ERRORS as error:
            self._logger.warning("Requests not paused", error=describe(error, "DynamoDB"))


class _Stopped(Exception):
    """The lookup ends early; the message says why."""
