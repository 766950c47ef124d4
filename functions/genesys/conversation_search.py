"""Searches an org's analytics for the conversations that were in some queues, page by page.

Source: "Analytics: POST /api/v2/analytics/conversations/details/query" in the API reference.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from genesys.client import PAGE_SIZE, GenesysClient
from genesys.shapes import Found

PATH = "/api/v2/analytics/conversations/details/query"
PERMISSION = "analytics:conversationDetail:view"
# Genesys Cloud refuses to show further results of a search.
MAX_RESULTS = 100_000
MAX_PAGES = MAX_RESULTS // PAGE_SIZE


@dataclass(frozen=True, slots=True)
class Page:
    """A page of a search's results.

    Attributes
    ----------
    conversations
        The conversations as JSON, in order of their beginning; empty if this is past the last page.
    total_hits
        How many conversations the search has found; None if the answer does not say so.
    """

    conversations: Sequence[Mapping[str, Any]]
    total_hits: int | None


def search_conversations(
    genesys: GenesysClient,
    queue_ids: Sequence[str],
    begin_ms: int,
    end_ms: int,
    page_number: int,
) -> Page:
    """Return a page of the conversations that began in an interval and were in one of the queues.

    Genesys Cloud selects by the day of the beginning, so a page can have conversations of the same
    day that began outside of the interval.

    Parameters
    ----------
    begin_ms, end_ms
        The interval, in epoch milliseconds.
    page_number
        1 for the first page.

    Raises
    ------
    GenesysError
        The request failed. The status is 400 if the page lies beyond `MAX_RESULTS`.
    """
    predicates = [{"dimension": "queueId", "value": queue_id} for queue_id in queue_ids]
    body = {
        "interval": f"{_format(begin_ms)}/{_format(end_ms)}",
        # Conversations that begin during the search then only add to the last page.
        "order": "asc",
        "orderBy": "conversationStart",
        "paging": {"pageSize": PAGE_SIZE, "pageNumber": page_number},
        "segmentFilters": [{"type": "or", "predicates": predicates}],
    }
    found: Found = genesys.request(
        "POST", PATH, body=body, is_repeatable=True, shape=Found, masks_secrets=False
    )
    # Past the last page, the answer has no `conversations`.
    return Page(
        [one for one in found.conversations or [] if isinstance(one, dict)],
        found.total_hits if type(found.total_hits) is int else None,
    )


def _format(at_ms: int) -> str:
    time = datetime.fromtimestamp(at_ms / 1000, UTC)
    return time.isoformat(timespec="milliseconds").replace("+00:00", "Z")
