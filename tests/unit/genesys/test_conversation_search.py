"""The search for conversations: its request, as the official SDK has it, and its answers."""

import json
from typing import Any

import pytest

from genesys.client import GenesysClient
from genesys.conversation_search import PATH, Page, search_conversations
from genesys.errors import GenesysError
from local.http.messages import Answer
from tests.bodies import ENDED, OTHER_QUEUE, QUEUE
from tests.genesys_sdk import mistakes, operation, types
from tests.unit.genesys.conftest import Api

BEGIN_MS = int(ENDED.timestamp() * 1000)
ANSWER = "AnalyticsConversationQueryResponse"
ONE = {"conversationId": "c-1"}


def search(client: GenesysClient, page: int = 1) -> Page:
    queue_ids = [QUEUE, OTHER_QUEUE]
    return search_conversations(client, queue_ids, BEGIN_MS, BEGIN_MS + 3_600_001, page)


def answer(**body: Any) -> Answer:
    return Answer(body=body)


def test_the_request_is_that_of_the_official_sdk(client: GenesysClient, api: Api) -> None:
    api.script(answer(conversations=[ONE], totalHits=1))
    assert search(client, 7) == Page([ONE], 1)
    [request] = api.requests
    ours = operation("POST", PATH)
    assert ours
    assert (ours.asked, ours.answered) == (
        "ConversationQuery",
        "AnalyticsConversationQueryResponse",
    )
    assert request.path == PATH
    body = json.loads(request.body)
    assert mistakes("ConversationQuery", body) == []
    assert body == {
        "interval": "2026-11-23T10:00:00.000Z/2026-11-23T11:00:00.001Z",
        "order": "asc",
        "orderBy": "conversationStart",
        "paging": {"pageSize": 100, "pageNumber": 7},
        "segmentFilters": [
            {
                "type": "or",
                "predicates": [
                    {"dimension": "queueId", "value": QUEUE},
                    {"dimension": "queueId", "value": OTHER_QUEUE},
                ],
            }
        ],
    }
    assert {"conversations", "totalHits"} <= types(ANSWER).keys()


@pytest.mark.parametrize(
    ("body", "page"),
    [
        ({}, Page([], None)),
        ({"totalHits": 0}, Page([], 0)),
        ({"conversations": []}, Page([], None)),
        ({"conversations": None, "totalHits": "3"}, Page([], None)),
        ({"conversations": [ONE, None, 7]}, Page([ONE], None)),
    ],
)
def test_what_an_answer_lacks_is_not_there(
    client: GenesysClient, api: Api, body: dict[str, Any], page: Page
) -> None:
    api.script(answer(**body))
    assert search(client) == page


@pytest.mark.parametrize("body", [[], "x", {"conversations": {}}])
def test_an_answer_in_another_form_is_an_error(
    client: GenesysClient, api: Api, body: object
) -> None:
    api.script(Answer(body=body))
    with pytest.raises(GenesysError, match="the response has another form"):
        search(client)


@pytest.mark.parametrize("failure", [Answer(503), Answer(429), Answer(fate="lost")])
def test_a_search_is_repeated_like_a_get(client: GenesysClient, api: Api, failure: Answer) -> None:
    api.script(failure, answer(totalHits=0))
    assert search(client) == Page([], 0)
    assert len(api.requests) == 2
