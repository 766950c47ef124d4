"""Faults that the stand-in makes on demand, and its record of calls."""

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests

from local.genesys.cloud import LOGIN, SUBSCRIPTIONS, GenesysCloud


def test_the_next_requests_fail_and_then_none(genesys: GenesysCloud, api: Any) -> None:
    genesys.fail("GET", SUBSCRIPTIONS, 503, times=2)

    answers = [api.call("GET") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [503, 503, 200]
    assert answers[0].json() == {
        "message": "Service Unavailable - The server is temporarily overloaded.",
        "code": "service.unavailable",
        "status": 503,
        "contextId": answers[0].headers["ININ-Correlation-Id"],
    }


def test_a_rate_limit_says_when_to_come_back(genesys: GenesysCloud, api: Any) -> None:
    genesys.fail("*", SUBSCRIPTIONS, 429, retry_after=2)
    answer = api.call("GET")

    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "2")
    assert answer.json()["code"] == "too.many.requests.retry.after"


def test_faults_are_used_up_in_order(genesys: GenesysCloud, api: Any) -> None:
    genesys.fail("GET", SUBSCRIPTIONS, 429, times=2, retry_after=1)
    genesys.fail("GET", SUBSCRIPTIONS, 503)

    assert [api.call("GET").status_code for _ in range(4)] == [429, 429, 503, 200]


def test_faults_hit_only_their_method_and_path(genesys: GenesysCloud, stranger: Any) -> None:
    genesys.fail("POST", SUBSCRIPTIONS, 500, times=9)
    assert stranger.login().ok
    assert stranger.call("GET").ok
    assert stranger.call("POST", json={}).status_code == 500


def test_a_login_can_fail_too(genesys: GenesysCloud, stranger: Any) -> None:
    genesys.fail("POST", LOGIN, 503)
    assert stranger.login().status_code == 503
    assert stranger.login().status_code == 200


@pytest.mark.parametrize("after_effect", [False, True])
def test_a_failed_request_is_carried_out_if_asked(
    genesys: GenesysCloud, api: Any, body: Any, after_effect: bool
) -> None:
    genesys.fail("POST", SUBSCRIPTIONS, 503, after_effect=after_effect)

    assert api.call("POST", json=body()).status_code == 503
    assert len(genesys.subscriptions) == after_effect


@pytest.mark.parametrize("after_effect", [False, True])
def test_a_connection_can_be_dropped(
    genesys: GenesysCloud, api: Any, body: Any, after_effect: bool
) -> None:
    genesys.drop("POST", SUBSCRIPTIONS, after_effect=after_effect)

    with pytest.raises(requests.ConnectionError):
        api.call("POST", json=body())
    assert len(genesys.subscriptions) == after_effect
    assert genesys.calls[-1].status == 0


@pytest.mark.parametrize("after_effect", [False, True])
def test_an_answer_can_be_garbage(
    genesys: GenesysCloud, api: Any, body: Any, after_effect: bool
) -> None:
    genesys.garble("POST", SUBSCRIPTIONS, after_effect=after_effect)
    answer = api.call("POST", json=body())

    assert answer.status_code == 200
    with pytest.raises(requests.JSONDecodeError):
        answer.json()
    assert len(genesys.subscriptions) == after_effect


def test_an_answer_can_be_slow_and_wrong(genesys: GenesysCloud, api: Any) -> None:
    genesys.delay(0.2, "GET", SUBSCRIPTIONS)
    genesys.fail("GET", SUBSCRIPTIONS, 502)
    start = time.monotonic()

    assert api.call("GET").status_code == 502
    assert time.monotonic() - start >= 0.2
    assert api.call("GET").status_code == 200


def test_who_does_not_wait_does_no_harm(genesys: GenesysCloud, api: Any) -> None:
    genesys.delay(60, "GET", SUBSCRIPTIONS)
    with pytest.raises(requests.ReadTimeout):
        api.get(genesys.url + SUBSCRIPTIONS, timeout=0.05)
    assert api.call("GET").ok


def test_faults_can_be_taken_back(genesys: GenesysCloud, api: Any) -> None:
    genesys.fail("*", "/", 500, times=99)
    genesys.recover()
    assert api.call("GET").ok


def test_every_call_is_recorded_and_no_secret_is(genesys: GenesysCloud, stranger: Any) -> None:
    start = time.time()
    stranger.login()
    stranger.call("GET", f"?pageSize=5&secret={genesys.client_secret}")
    stranger.call("GET", "/unknown")

    calls = genesys.calls
    assert [(call.method, call.path, call.status) for call in calls] == [
        ("POST", LOGIN, 200),
        ("GET", SUBSCRIPTIONS, 200),
        ("GET", f"{SUBSCRIPTIONS}/unknown", 404),
    ]
    assert start <= calls[0].time <= calls[-1].time <= time.time()
    assert genesys.client_secret not in repr(calls)
    assert stranger.headers["Authorization"].split()[1] not in repr(calls)


def test_every_answer_has_a_correlation_id_of_its_own(api: Any) -> None:
    ids = {api.call("GET").headers["ININ-Correlation-Id"] for _ in range(3)}
    assert len(ids) == 3


def test_requests_may_come_at_the_same_time(genesys: GenesysCloud, api: Any, body: Any) -> None:
    def make(number: int) -> int:
        headers = {"Authorization": api.headers["Authorization"]}
        wanted = body(name=f"s{number % 20}")
        answer = requests.post(
            genesys.url + SUBSCRIPTIONS, json=wanted, headers=headers, timeout=10
        )
        return answer.status_code

    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(make, range(40)))
    assert sorted(statuses) == [201] * 20 + [409] * 20
    assert len({one["name"] for one in genesys.subscriptions}) == 20
