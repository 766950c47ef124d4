"""The stand-in's search gives the conversations of an interval, page by page."""

from typing import Any

import pytest
import requests

from local.genesys.analytics import PERMISSION
from local.genesys.conversation_search import QUERY
from local.genesys.stand_in import GenesysCloud
from local.traffic.analytics import analytics_of
from local.traffic.eventbridge import partner_conversations
from local.traffic.subscription import FOREIGN_QUEUES, OUR_QUEUES
from tests.fakes.clock import Clock
from tests.unit.local.genesys.conftest import Api

CONVERSATIONS = [
    analytics_of(one.events)
    for one in partner_conversations(2, 7, own_share=1, stories=["answered"])
]
IDS = [one["conversationId"] for one in CONVERSATIONS]
DAY = "2026-11-23T00:00:00.000Z/2026-11-24T00:00:00.000Z"


@pytest.fixture(autouse=True)
def searchable(genesys: GenesysCloud) -> None:
    """Add the conversations to the org's analytics."""
    for conversation in reversed(CONVERSATIONS):
        genesys.analytics.add(conversation)


def search(api: Api, *queue_ids: str, page: int = 1, size: int = 3, **more: Any) -> Any:
    answer = ask(api, *queue_ids, page=page, size=size, **more)
    assert answer.status_code == 200, answer.text
    return answer.json()


def ask(api: Api, *queue_ids: str, page: int = 1, size: int = 3, **more: Any) -> requests.Response:
    predicates = [
        {"dimension": "queueId", "value": queue_id} for queue_id in queue_ids or OUR_QUEUES
    ]
    body = {
        "interval": DAY,
        "order": "asc",
        "orderBy": "conversationStart",
        "paging": {"pageSize": size, "pageNumber": page},
        "segmentFilters": [{"type": "or", "predicates": predicates}],
        **more,
    }
    return api.call("POST", QUERY, json=body)


def ids_in(answer: Any) -> list[str]:
    return [one["conversationId"] for one in answer.get("conversations", [])]


def test_the_pages_have_all_conversations_in_order_of_their_start(api: Api) -> None:
    pages = [search(api, page=number) for number in (1, 2, 3, 4)]
    assert [one for page in pages for one in ids_in(page)] == IDS
    assert [page["totalHits"] for page in pages] == [7] * 4
    assert pages[0]["conversations"][0] == CONVERSATIONS[0]


def test_a_page_past_the_last_one_has_no_field_for_conversations(api: Api) -> None:
    assert search(api, page=4) == {"totalHits": 7}


def test_only_conversations_in_one_of_the_queues_are_found(api: Api) -> None:
    assert search(api, FOREIGN_QUEUES[0]) == {"totalHits": 0}
    found = [ids_in(search(api, one, size=100)) for one in OUR_QUEUES]
    assert sorted(found[0] + found[1]) == sorted(IDS)


def test_the_search_selects_by_the_day_of_the_start(api: Api, genesys: GenesysCloud) -> None:
    evening = "2026-11-23T20:00:00.000Z/2026-11-23T21:00:00.000Z"
    assert len(ids_in(search(api, size=100, interval=evening))) == 7
    assert search(api, interval="2026-11-22T00:00Z/2026-11-23T00:00Z") == {"totalHits": 0}
    genesys.analytics.search.by_day = False
    assert search(api, interval=evening) == {"totalHits": 0}


def test_results_beyond_the_limit_are_refused(api: Api, genesys: GenesysCloud) -> None:
    genesys.analytics.search.max_results = 6
    assert len(ids_in(search(api, page=2))) == 3
    answer = ask(api, page=3)
    assert answer.status_code == 400
    assert answer.json()["message"] == "Pagination may not exceed 6 results."


def test_a_conversation_is_found_when_the_analytics_have_it(
    api: Api, genesys: GenesysCloud, clock: Clock
) -> None:
    genesys.analytics.lag_seconds = genesys.analytics.end_lag_seconds = 60
    genesys.analytics.add(CONVERSATIONS[0])
    assert IDS[0] not in ids_in(search(api, size=100))
    genesys.analytics.lag_seconds = 0
    assert "conversationEnd" not in search(api)["conversations"][0]
    clock.now += 60
    assert search(api)["conversations"][0] == CONVERSATIONS[0]


def test_a_search_needs_the_permission(api: Api, genesys: GenesysCloud) -> None:
    genesys.analytics.permissions = ()
    answer = ask(api)
    assert answer.status_code == 403
    assert PERMISSION in answer.json()["message"]


@pytest.mark.parametrize(
    "change",
    [
        {"interval": "yesterday"},
        {"interval": "2026-11-24T00:00Z/2026-11-23T00:00Z"},
        {"paging": {"pageSize": 101, "pageNumber": 1}},
        {"segmentFilters": [{"type": "and", "predicates": []}]},
    ],
)
def test_a_malformed_search_is_refused(api: Api, change: dict[str, Any]) -> None:
    assert ask(api, **change).status_code == 400


def test_a_search_is_a_post(api: Api) -> None:
    assert api.call("GET", QUERY).status_code == 405
