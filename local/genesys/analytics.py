"""The stand-in's analytics, which answer with whole conversations, several to a request.

Source: the official SDK, `get_analytics_conversations_details`.
"""

import copy
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from local.genesys.conversation_search import ConversationSearch
from local.genesys.problems import Problem, bad_request, missing_permission, not_allowed, not_found
from local.http.messages import Answer, Request

DETAILS = "/api/v2/analytics/conversations/details"
PERMISSION = "analytics:conversationDetail:view"
_ID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
AnalyticsConversation = Mapping[str, Any]
"""A conversation as the SDK's model `AnalyticsConversationWithoutAttributes` has it."""


@dataclass(frozen=True, slots=True)
class Ask:
    """A request for the details of conversations that reached the analytics.

    Attributes
    ----------
    time
        The time of the request, by the stand-in's clock.
    ids
        The ids asked for, in order.
    answered_ids
        The ids of the conversations in the answer; empty if the request was refused.
    """

    time: float
    ids: tuple[str, ...]
    answered_ids: tuple[str, ...] = ()


class Analytics:
    """The analytics of an org.

    Parameters
    ----------
    clock
        Returns the present time in seconds.

    Attributes
    ----------
    permissions
        The permissions of the client's role.
    lag_seconds
        Seconds from `add` until answers have a conversation.
    end_lag_seconds, wrapup_lag_seconds
        Seconds from `add` until a conversation has its `conversationEnd`, and until its wrap-up
        segments have their ends.
    max_ids, too_many_ids_status
        The most ids in a request, and the status of the answer to more: 400 or 413.
    unknown_is_404
        Whether a request with an unknown id is answered with 404. Otherwise the answer leaves the
        conversation out.
    withheld
        The ids of conversations that no answer ever has.
    select
        Returns, of the ids of known conversations, those that an answer has: `half` leaves some
        out.
    asks
        The requests so far, in order; refused ones too. A request that met the rate limit or an
        outage never reached the analytics.
    search
        The search for conversations.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self.permissions: Collection[str] = (PERMISSION,)
        self.lag_seconds = self.end_lag_seconds = self.wrapup_lag_seconds = 0.0
        self.max_ids, self.too_many_ids_status = 100, 400
        self.unknown_is_404 = False
        self.withheld: set[str] = set()
        self.select: Callable[[Sequence[str]], Sequence[str]] = lambda ids: ids
        self.asks: list[Ask] = []
        self._clock = clock
        self.search = ConversationSearch(self, clock)
        # The conversations, each with the time at which it was added and its lag.
        self._conversations: dict[str, tuple[AnalyticsConversation, float, float | None]] = {}

    def add(self, conversation: AnalyticsConversation, *, lag_seconds: float | None = None) -> None:
        """Add a conversation, or replace it.

        Parameters
        ----------
        lag_seconds
            The conversation's own lag; None for that of all conversations.
        """
        added = conversation, self._clock(), lag_seconds
        self._conversations[conversation["conversationId"]] = added

    def known_conversations(self) -> Iterator[AnalyticsConversation]:
        """Yield the conversations that answers have by now, as they were added."""
        for conversation_id, (conversation, _, _) in self._conversations.items():
            if self._is_known(conversation_id):
                yield conversation

    def asked_count(self, conversation_id: str) -> int:
        """Return how many requests have asked for a conversation."""
        return sum(conversation_id in ask.ids for ask in self.asks)

    @property
    def id_count(self) -> int:
        """The number of ids in all requests so far."""
        return sum(len(ask.ids) for ask in self.asks)

    def check(self, request: Request, _: Collection[str]) -> None:
        """Raise `Problem` if the client's role does not permit a request, whatever its scopes."""
        if request.method != "GET":
            raise not_allowed()
        if PERMISSION not in self.permissions:
            raise missing_permission(PERMISSION)

    def answer(self, _: str, request: Request) -> Answer:
        """Carry out a request for the details of conversations and return the answer to it."""
        ids = _requested_ids(request)
        refused = Ask(self._clock(), ids)
        self.asks.append(refused)
        malformed = [each for each in ids if not _ID.fullmatch(each)]
        if malformed or not ids:
            raise bad_request(f"id: expected conversation ids, got {malformed}.")
        if len(ids) > self.max_ids:
            text = f"id: expected at most {self.max_ids} ids, got {len(ids)}."
            raise Problem(self.too_many_ids_status, "too.many.ids", text)
        known = [each for each in dict.fromkeys(ids) if self._is_known(each)]
        if self.unknown_is_404 and len(known) < len({*ids}):
            raise not_found("One of the conversations was not found.")
        selected = self.select(known)
        self.asks[-1] = Ask(refused.time, ids, tuple(selected))
        return Answer(200, {"conversations": [self.render(each) for each in selected]})

    def _is_known(self, conversation_id: str) -> bool:
        if conversation_id in self.withheld or conversation_id not in self._conversations:
            return False
        _, _, own_lag = self._conversations[conversation_id]
        return self._age(conversation_id) >= (self.lag_seconds if own_lag is None else own_lag)

    def _age(self, conversation_id: str) -> float:
        _, added_at, _ = self._conversations[conversation_id]
        return self._clock() - added_at

    def render(self, conversation_id: str) -> dict[str, Any]:
        """Return a conversation, without the parts that analytics do not have yet."""
        conversation, _, _ = self._conversations[conversation_id]
        shown = copy.deepcopy(dict(conversation))
        if self._age(conversation_id) < self.end_lag_seconds:
            shown.pop("conversationEnd", None)
        if self._age(conversation_id) < self.wrapup_lag_seconds:
            for participant in shown.get("participants", ()):
                for session in participant.get("sessions", ()):
                    _open_wrapup(session)
        return shown


def half(ids: Sequence[str]) -> Sequence[str]:
    """Return the first, third, … id; answers with half of the conversations have these."""
    return ids[::2]


def _requested_ids(request: Request) -> tuple[str, ...]:
    """Return the ids in a query, where `id` may have several, and may come several times."""
    query = parse_qsl(request.target.partition("?")[2], keep_blank_values=True)
    return tuple(each for name, value in query if name == "id" for each in value.split(","))


def _open_wrapup(session: dict[str, Any]) -> None:
    """Remove what is known only when the wrap-up is over: its end, its code and its metrics."""
    open_segments = [each for each in session["segments"] if each["segmentType"] == "wrapup"]
    for segment in open_segments:
        for name in ("segmentEnd", "wrapUpCode", "wrapUpNote"):
            segment.pop(name, None)
    if open_segments:
        session["metrics"] = [
            each for each in session.get("metrics", ()) if each["name"] not in ("tAcw", "tHandle")
        ]
