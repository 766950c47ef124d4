"""The stand-in's search for conversations in the analytics, page by page.

Source: the official SDK, `post_analytics_conversations_details_query`.
"""

import functools
import json
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from local.genesys.problems import bad_request, missing_permission, not_allowed
from local.http.messages import Answer, Request

if TYPE_CHECKING:
    from local.genesys.analytics import Analytics, AnalyticsConversation

QUERY = "/api/v2/analytics/conversations/details/query"
PERMISSION = "analytics:conversationDetail:view"
MAX_PAGE_SIZE = 100


@dataclass(frozen=True, slots=True)
class Search:
    """A search that reached the analytics: its time by the stand-in's clock, and its body."""

    time: float
    body: Mapping[str, Any]


class ConversationSearch:
    """The search in the analytics of an org.

    Parameters
    ----------
    analytics
        The conversations to search.
    clock
        Returns the present time in seconds.

    Attributes
    ----------
    by_day
        Whether the search selects by the day of a conversation's start, as the API does. Otherwise
        it selects by the start itself.
    max_results
        How many results of a search can be seen.
    shows_total
        Whether answers have `totalHits`.
    searches
        The searches so far, in order; refused ones too.
    """

    def __init__(self, analytics: "Analytics", clock: Callable[[], float]) -> None:
        self.by_day = True
        self.max_results = 100_000
        self.shows_total = True
        self.searches: list[Search] = []
        self._analytics = analytics
        self._clock = clock

    def check(self, request: Request, _: Collection[str]) -> None:
        """Raise `Problem` if the client's role does not permit a request, whatever its scopes."""
        if request.method != "POST":
            raise not_allowed()
        if PERMISSION not in self._analytics.permissions:
            raise missing_permission(PERMISSION)

    def answer(self, _: str, request: Request) -> Answer:
        """Carry out a search and return the answer to it."""
        body = _parse_body(request)
        self.searches.append(Search(self._clock(), body))
        size, number = _parse_paging(body)
        if size * number > self.max_results:
            raise bad_request(f"Pagination may not exceed {self.max_results} results.")
        begin, end = self._parse_interval(body)
        queue_ids = _parse_queue_ids(body)
        found = [
            one
            for one in self._analytics.known_conversations()
            if begin <= _start_of(one) < end and not queue_ids.isdisjoint(_queue_ids_of(one))
        ]
        found.sort(key=_start_of, reverse=body.get("order") == "desc")
        page = [
            self._analytics.render(one["conversationId"])
            for one in found[size * (number - 1) : size * number]
        ]
        total = {"totalHits": len(found)} if self.shows_total else {}
        return Answer(200, {**({"conversations": page} if page else {}), **total})

    def _parse_interval(self, body: Mapping[str, Any]) -> tuple[datetime, datetime]:
        try:
            begin, end = map(datetime.fromisoformat, body["interval"].split("/"))
        except (AttributeError, KeyError, ValueError):
            raise bad_request("interval: expected two ISO 8601 times.") from None
        if begin >= end:
            raise bad_request("interval: expected a beginning before the end.")
        if not self.by_day:
            return begin, end
        last_day = (end - timedelta(milliseconds=1)).astimezone(UTC)
        return _midnight(begin), _midnight(last_day) + timedelta(days=1)


def _parse_body(request: Request) -> Mapping[str, Any]:
    try:
        body = json.loads(request.body)
    except ValueError:
        raise bad_request("The body is not JSON.") from None
    if not isinstance(body, dict):
        raise bad_request("The body is not an object.")
    return body


def _parse_paging(body: Mapping[str, Any]) -> tuple[int, int]:
    paging = body.get("paging", {})
    size, number = paging.get("pageSize", 25), paging.get("pageNumber", 1)
    if not 1 <= size <= MAX_PAGE_SIZE or number < 1:
        raise bad_request(f"paging: expected at most {MAX_PAGE_SIZE} conversations a page.")
    return size, number


def _parse_queue_ids(body: Mapping[str, Any]) -> set[str]:
    queue_ids: set[str] = set()
    for each in body.get("segmentFilters", []):
        dimensions = {predicate.get("dimension") for predicate in each["predicates"]}
        if each.get("type") != "or" or dimensions != {"queueId"}:
            raise bad_request("segmentFilters: the stand-in knows only filters by queueId.")
        queue_ids |= {predicate["value"] for predicate in each["predicates"]}
    return queue_ids


def _start_of(conversation: "AnalyticsConversation") -> datetime:
    return _parse_time(conversation["conversationStart"])


@functools.lru_cache(maxsize=10_000)
def _parse_time(time: str) -> datetime:
    return datetime.fromisoformat(time)


def _queue_ids_of(conversation: "AnalyticsConversation") -> Iterator[str]:
    for participant in conversation["participants"]:
        for session in participant["sessions"]:
            for segment in session["segments"]:
                if queue_id := segment.get("queueId"):
                    yield queue_id


def _midnight(time: datetime) -> datetime:
    return time.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
