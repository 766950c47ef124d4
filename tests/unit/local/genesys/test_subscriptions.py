"""The stand-in's subscription API."""

import math
from collections.abc import Callable
from typing import Any

import pytest

from local.genesys.stand_in import GenesysCloud
from tests.fakes.clock import Clock
from tests.unit.local.genesys.conftest import ARN, Api, wanted

Body = Callable[..., dict[str, Any]]


def test_a_subscription_can_be_made_read_changed_and_deleted(
    genesys: GenesysCloud, api: Api
) -> None:
    made = api.subscribe()
    assert {key: made[key] for key in wanted()} == wanted()
    assert api.call("GET", f"/{made['id']}").json() == made
    assert list(genesys.subscriptions.values()) == [made]

    changed = api.call("PUT", f"/{made['id']}", json=wanted(attributeFilter="queueId = 'q2'"))
    assert changed.status_code == 200
    assert changed.json()["id"] == made["id"]
    assert changed.json()["attributeFilter"] == "queueId = 'q2'"

    deleted = api.call("DELETE", f"/{made['id']}")
    assert (deleted.status_code, deleted.content) == (204, b"")
    assert not genesys.subscriptions


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_an_unknown_subscription_is_not_found(api: Api, method: str) -> None:
    answer = api.call(method, "/unknown", json=wanted())

    assert answer.status_code == 404
    assert answer.json() == {
        "message": "No subscription with id unknown.",
        "code": "not.found",
        "status": 404,
        "contextId": answer.headers["ININ-Correlation-Id"],
    }


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *[("name", value) for value in (None, "", " ", 7)],
        *[("eventTypes", value) for value in (None, [], "event:conversation:end", [1], ["a", 1])],
        *[("destination", value) for value in (None, {}, {"type": "aws_sqs"}, "arn")],
        ("destination", {"type": "aws_sqs", "awsSqs": {"arn": ARN, "region": "eu-west-1"}}),
        ("destination", {"type": "webhook", "awsSqs": {"arn": "x", "region": "us-east-1"}}),
        ("destination", {"type": "aws_sqs", "awsSqs": {"arn": "x", "region": "us-east-1"}}),
        *[("attributeFilter", value) for value in ("queueId = ", "queueId in ['a'", 7)],
        *[("status", value) for value in ("paused", 1)],
        ("description", ["x"]),
    ],
)
def test_a_bad_subscription_is_refused(
    genesys: GenesysCloud, api: Api, field: str, value: Any
) -> None:
    before = [api.subscribe()]
    for method, path in [("POST", ""), ("PUT", f"/{before[0]['id']}")]:
        answer = api.call(method, path, json=wanted(**{"name": "new", field: value}))
        assert (answer.status_code, answer.json()["code"]) == (400, "bad.request")
    assert list(genesys.subscriptions.values()) == before


def test_a_filter_that_does_not_parse_is_quoted(api: Api) -> None:
    answer = api.call("POST", json=wanted(attributeFilter="queueId == 'a'"))
    assert "queueId == 'a' is not JSONata" in answer.json()["message"]


@pytest.mark.parametrize("content", [b"", b"{", b"[]"])
def test_a_body_that_is_no_object_is_refused(api: Api, content: bytes) -> None:
    assert api.call("POST", data=content).status_code == 400


def test_a_name_that_is_taken_is_a_conflict(genesys: GenesysCloud, api: Api) -> None:
    genesys.subscriptions.seed("taken")
    mine = api.subscribe()

    assert api.call("POST", json=wanted(name="taken")).status_code == 409
    assert api.call("PUT", f"/{mine['id']}", json=wanted(name="taken")).status_code == 409
    assert [one["name"] for one in genesys.subscriptions.values()] == ["taken", mine["name"]]


def test_an_org_may_let_subscriptions_share_a_name(genesys: GenesysCloud, api: Api) -> None:
    genesys.subscriptions.unique_names = False
    assert api.subscribe()["id"] != api.subscribe()["id"]


def test_lists_come_in_pages(genesys: GenesysCloud, api: Api) -> None:
    ids = [genesys.subscriptions.seed(f"foreign-{number}") for number in range(7)]
    pages = [api.call("GET", f"?pageSize=3&pageNumber={number}").json() for number in range(1, 5)]

    assert [one["id"] for page in pages for one in page["entities"]] == ids
    assert [len(page["entities"]) for page in pages] == [3, 3, 1, 0]
    assert {(page["pageSize"], page["pageCount"], page["total"]) for page in pages} == {(3, 3, 7)}
    assert [page["pageNumber"] for page in pages] == [1, 2, 3, 4]
    assert ["nextUri" in page for page in pages] == [True, True, False, False]


def test_a_page_holds_no_more_than_the_org_allows_and_can_lack_the_number_of_pages(
    genesys: GenesysCloud, api: Api
) -> None:
    for number in range(3):
        genesys.subscriptions.seed(f"foreign-{number}")
    genesys.subscriptions.page_limit, genesys.subscriptions.page_count = 2, False

    pages = [api.call("GET", f"?pageSize=100&pageNumber={number}").json() for number in (1, 2)]

    assert [len(page["entities"]) for page in pages] == [2, 1]
    assert all("pageCount" not in page for page in pages)


def test_lists_can_show_a_new_subscription_late(
    genesys: GenesysCloud, api: Api, clock: Clock
) -> None:
    genesys.subscriptions.visible_after = 2
    made = api.subscribe()

    assert api.call("GET").json()["entities"] == []
    assert api.call("GET", f"/{made['id']}").ok
    clock.now += 2
    assert api.call("GET").json()["entities"] == [made]


def test_a_page_holds_25_by_default(genesys: GenesysCloud, api: Api) -> None:
    for number in range(26):
        genesys.subscriptions.seed(f"foreign-{number}")
    page = api.call("GET").json()

    assert (len(page["entities"]), page["pageSize"], page["pageCount"]) == (25, 25, 2)


@pytest.mark.parametrize("query", ["pageSize=101", "pageSize=0", "pageSize=x", "pageNumber=0"])
def test_an_impossible_page_is_refused(api: Api, query: str) -> None:
    assert api.call("GET", f"?{query}").status_code == 400


def test_a_new_subscription_is_pending_for_some_seconds(
    genesys: GenesysCloud, api: Api, clock: Clock
) -> None:
    genesys.subscriptions.activation_seconds = 2
    made = api.subscribe()
    assert made["status"] == "pending"

    clock.now += 1.9
    assert api.call("GET", f"/{made['id']}").json()["status"] == "pending"
    clock.now += 0.1
    assert api.call("GET", f"/{made['id']}").json()["status"] == "active"


def test_a_new_subscription_is_pending_for_some_reads(genesys: GenesysCloud, api: Api) -> None:
    genesys.subscriptions.activation_reads = 2
    made = api.subscribe()
    assert genesys.subscriptions[made["id"]]["status"] == "pending", "looking inside is no read"

    assert api.call("GET").json()["entities"][0]["status"] == "pending"
    assert api.call("GET", f"/{made['id']}").json()["status"] == "pending"
    assert api.call("GET", f"/{made['id']}").json()["status"] == "active"


def test_a_subscription_may_never_become_active(
    genesys: GenesysCloud, api: Api, clock: Clock
) -> None:
    genesys.subscriptions.activation_seconds = math.inf
    made = api.subscribe()
    clock.now += 80_000
    assert api.call("GET", f"/{made['id']}").json()["status"] == "pending"


def test_a_change_is_pending_too(genesys: GenesysCloud, api: Api, clock: Clock) -> None:
    made = api.subscribe()
    genesys.subscriptions.activation_seconds = 2
    changed = api.call("PUT", f"/{made['id']}", json=wanted()).json()
    assert (made["status"], changed["status"]) == ("active", "pending")
    clock.now += 2
    assert genesys.subscriptions[made["id"]]["status"] == "active"


def test_an_org_may_lack_the_api(genesys: GenesysCloud, api: Api) -> None:
    genesys.has_subscription_api = False
    for method, path in [("GET", ""), ("POST", ""), ("GET", "/x"), ("DELETE", "/x")]:
        answer = api.call(method, path, json=wanted())
        assert (answer.status_code, answer.json()["code"]) == (404, "not.found")


def test_other_paths_and_methods_are_refused(api: Api) -> None:
    assert api.call("GET", "/x/y").status_code == 404
    assert api.call("GET", "/api/v2/users/me").status_code == 404
    assert api.call("PATCH", "/x").status_code == 405
    assert api.call("DELETE").status_code == 405


def test_it_runs_inside_a_with_statement_only() -> None:
    with pytest.raises(RuntimeError, match="with statement"):
        _ = GenesysCloud().url
