"""The stand-in's subscription API."""

import math
from collections.abc import Callable
from typing import Any

import pytest

from local.genesys.cloud import GenesysCloud

Body = Callable[..., dict[str, Any]]


def test_a_subscription_can_be_made_read_changed_and_deleted(
    genesys: GenesysCloud, api: Any, body: Body
) -> None:
    made = api.subscribe()
    assert {key: made[key] for key in body()} == body()
    assert api.call("GET", f"/{made['id']}").json() == made
    assert genesys.subscriptions == [made]

    changed = api.call("PUT", f"/{made['id']}", json=body(attributeFilter="queueId = 'q2'"))
    assert changed.status_code == 200
    assert changed.json()["id"] == made["id"]
    assert changed.json()["attributeFilter"] == "queueId = 'q2'"

    deleted = api.call("DELETE", f"/{made['id']}")
    assert (deleted.status_code, deleted.content) == (204, b"")
    assert genesys.subscriptions == []


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_an_unknown_subscription_is_not_found(api: Any, body: Body, method: str) -> None:
    answer = api.call(method, "/unknown", json=body())

    assert answer.status_code == 404
    assert answer.json() == {
        "message": "No event subscription with id unknown.",
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
        ("destination", {"type": "webhook", "awsSqs": {"arn": "x", "region": "us-east-1"}}),
        ("destination", {"type": "aws_sqs", "awsSqs": {"arn": "x", "region": "us-east-1"}}),
        *[("attributeFilter", value) for value in ("queueId = ", "queueId in ['a'", 7)],
        *[("status", value) for value in ("paused", 1)],
        ("description", ["x"]),
    ],
)
def test_a_bad_subscription_is_refused(
    genesys: GenesysCloud, api: Any, body: Body, field: str, value: Any
) -> None:
    before = [api.subscribe()]
    for method, path in [("POST", ""), ("PUT", f"/{before[0]['id']}")]:
        answer = api.call(method, path, json=body(**{"name": "new", field: value}))
        assert (answer.status_code, answer.json()["code"]) == (400, "bad.request")
    assert genesys.subscriptions == before


def test_a_filter_that_does_not_parse_is_quoted(api: Any, body: Body) -> None:
    answer = api.call("POST", json=body(attributeFilter="queueId == 'a'"))
    assert "queueId == 'a' is not JSONata" in answer.json()["message"]


@pytest.mark.parametrize("content", [b"", b"{", b"[]"])
def test_a_body_that_is_no_object_is_refused(api: Any, content: bytes) -> None:
    assert api.call("POST", data=content).status_code == 400


def test_a_name_that_is_taken_is_a_conflict(genesys: GenesysCloud, api: Any, body: Body) -> None:
    foreign = genesys.seed("taken")
    mine = api.subscribe()

    assert api.call("POST", json=body(name="taken")).status_code == 409
    assert api.call("PUT", f"/{mine['id']}", json=body(name="taken")).status_code == 409
    assert genesys.subscriptions == [foreign, mine]


def test_lists_come_in_pages(genesys: GenesysCloud, api: Any) -> None:
    names = [genesys.seed(f"foreign-{number}")["name"] for number in range(7)]
    pages = [api.call("GET", f"?pageSize=3&pageNumber={number}").json() for number in range(1, 5)]

    assert [one["name"] for page in pages for one in page["entities"]] == names
    assert [len(page["entities"]) for page in pages] == [3, 3, 1, 0]
    assert {(page["pageSize"], page["pageCount"], page["total"]) for page in pages} == {(3, 3, 7)}
    assert [page["pageNumber"] for page in pages] == [1, 2, 3, 4]
    assert ["nextUri" in page for page in pages] == [True, True, False, False]


def test_a_page_holds_25_unless_said_otherwise(genesys: GenesysCloud, api: Any) -> None:
    for number in range(26):
        genesys.seed(f"foreign-{number}")
    page = api.call("GET").json()

    assert (len(page["entities"]), page["pageSize"], page["pageCount"]) == (25, 25, 2)


@pytest.mark.parametrize("query", ["pageSize=101", "pageSize=0", "pageSize=x", "pageNumber=0"])
def test_a_page_that_cannot_be_is_refused(api: Any, query: str) -> None:
    assert api.call("GET", f"?{query}").status_code == 400


def test_a_new_subscription_is_pending_for_some_seconds(
    genesys: GenesysCloud, api: Any, clock: Any
) -> None:
    genesys.activation_seconds = 2
    made = api.subscribe()
    assert made["status"] == "pending"

    clock.now += 1.9
    assert api.call("GET", f"/{made['id']}").json()["status"] == "pending"
    clock.now += 0.1
    assert api.call("GET", f"/{made['id']}").json()["status"] == "active"


def test_a_new_subscription_is_pending_for_some_reads(genesys: GenesysCloud, api: Any) -> None:
    genesys.activation_reads = 2
    made = api.subscribe()
    assert genesys.subscriptions[0]["status"] == "pending", "looking inside is no read"

    assert api.call("GET").json()["entities"][0]["status"] == "pending"
    assert api.call("GET", f"/{made['id']}").json()["status"] == "pending"
    assert api.call("GET", f"/{made['id']}").json()["status"] == "active"


def test_a_subscription_may_never_become_active(
    genesys: GenesysCloud, api: Any, clock: Any
) -> None:
    genesys.activation_seconds = math.inf
    made = api.subscribe()
    clock.now += 80_000
    assert api.call("GET", f"/{made['id']}").json()["status"] == "pending"


def test_a_change_is_pending_too(genesys: GenesysCloud, api: Any, body: Body, clock: Any) -> None:
    made = api.subscribe()
    genesys.activation_seconds = 2
    changed = api.call("PUT", f"/{made['id']}", json=body()).json()
    assert (made["status"], changed["status"]) == ("active", "pending")
    clock.now += 2
    assert genesys.subscriptions[0]["status"] == "active"


def test_an_org_may_lack_the_api(genesys: GenesysCloud, api: Any, body: Body) -> None:
    genesys.has_subscription_api = False
    for method, path in [("GET", ""), ("POST", ""), ("GET", "/x"), ("DELETE", "/x")]:
        answer = api.call(method, path, json=body())
        assert (answer.status_code, answer.json()["code"]) == (404, "not.found")


def test_other_paths_and_methods_are_refused(api: Any) -> None:
    assert api.call("GET", "/x/y").status_code == 404
    assert api.call("GET", "/api/v2/users/me").status_code == 404
    assert api.call("PATCH", "/x").status_code == 405
    assert api.call("DELETE").status_code == 405


def test_copies_cannot_change_what_is_held(genesys: GenesysCloud, api: Any) -> None:
    api.subscribe()
    genesys.subscriptions[0]["destination"]["awsSqs"]["arn"] = "changed"
    assert genesys.subscriptions[0]["destination"]["awsSqs"]["arn"] != "changed"


def test_it_runs_inside_a_with_statement_only() -> None:
    with pytest.raises(RuntimeError, match="with statement"):
        _ = GenesysCloud().url
