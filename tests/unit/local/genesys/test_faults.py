"""The stand-in gives the answers that tests ask for, and records its calls."""

from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from local.genesys.problems import CORRELATION, problem, too_many_requests
from local.genesys.stand_in import GenesysCloud
from local.genesys.subscriptions import SUBSCRIPTIONS
from local.http.messages import Answer
from tests.fakes.clock import Clock
from tests.unit.local.genesys.conftest import Api, wanted

OVERLOADED = problem(503, "Overloaded.", "service.unavailable")


def test_an_operation_s_next_requests_fail_in_order_and_then_none(
    genesys: GenesysCloud, api: Api
) -> None:
    genesys.instead("list", too_many_requests(2), OVERLOADED)

    limited, overloaded, good = (api.call("GET") for _ in range(3))

    assert (limited.status_code, limited.headers["Retry-After"]) == (429, "2")
    assert limited.json()["code"] == "too.many.requests.retry.after"
    assert (overloaded.status_code, good.status_code) == (503, 200)
    assert overloaded.json() == {
        "message": "Overloaded.",
        "code": "service.unavailable",
        "status": 503,
        "contextId": overloaded.headers[CORRELATION],
    }


def test_an_operation_can_fail_until_a_test_ends_that(genesys: GenesysCloud, api: Api) -> None:
    genesys.always("list", OVERLOADED)
    assert [api.call("GET").status_code for _ in range(2)] == [503, 503]
    genesys.always("list", None)
    assert api.call("GET").ok


def test_other_operations_do_not_fail(genesys: GenesysCloud, stranger: Api) -> None:
    genesys.always("create", OVERLOADED)
    genesys.instead("login", OVERLOADED)
    assert [stranger.login().status_code for _ in range(2)] == [503, 200]
    assert stranger.call("GET").ok
    assert stranger.call("POST", json={}).status_code == 503


@pytest.mark.parametrize("carried_out", [False, True])
def test_a_failing_request_is_carried_out_if_the_test_says_so(
    genesys: GenesysCloud, api: Api, carried_out: bool
) -> None:
    genesys.instead("create", Answer(fate="lost"), carried_out=carried_out)

    with pytest.raises(requests.ConnectionError):
        api.call("POST", json=wanted())
    assert len(genesys.subscriptions) == carried_out
    assert genesys.calls[-1].status == 0


def test_an_action_runs_right_before_a_request(genesys: GenesysCloud, api: Api) -> None:
    genesys.before("list", lambda: genesys.subscriptions.seed("in between"))
    assert [one["name"] for one in api.call("GET").json()["entities"]] == ["in between"]
    assert api.call("GET").json()["total"] == 1


def test_every_call_is_recorded_and_no_secret_is(
    genesys: GenesysCloud, stranger: Api, clock: Clock
) -> None:
    stranger.login()
    clock.now += 3
    stranger.call("GET", f"?pageSize=5&secret={genesys.client_secret}")
    stranger.call("GET", "/unknown")
    stranger.call("PATCH", "/unknown")

    assert [(call.operation, call.time, call.status) for call in genesys.calls] == [
        ("login", 0, 200),
        ("list", 3, 200),
        ("read", 3, 404),
        ("", 3, 405),
    ]
    assert genesys.client_secret not in repr(genesys.calls)
    assert str(stranger.headers["Authorization"]).split()[1] not in repr(genesys.calls)


def test_every_answer_has_a_correlation_id_of_its_own(api: Api) -> None:
    ids = {api.call("GET", path).headers[CORRELATION] for path in ("", "", "/unknown", "/unknown")}
    assert len(ids) == 4


def test_requests_may_come_at_the_same_time(genesys: GenesysCloud, api: Api) -> None:
    headers = {"Authorization": api.headers["Authorization"]}

    def make(number: int) -> int:
        body = wanted(name=f"s{number % 20}")
        url = genesys.url + SUBSCRIPTIONS
        return requests.post(url, json=body, headers=headers, timeout=10).status_code

    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(make, range(40)))
    assert sorted(statuses) == [201] * 20 + [409] * 20
    assert len({one["name"] for one in genesys.subscriptions.values()}) == 20
