"""The stand-in has a rate limit and outages, if a test sets them."""

import pytest
import requests

from local.genesys.limits import DOWN, MINUTE, PER_MINUTE
from local.genesys.stand_in import GenesysCloud
from local.http.messages import Answer
from tests.fakes.clock import Clock
from tests.unit.local.genesys.conftest import Api


def statuses(api: Api, count: int) -> list[int]:
    return [api.call("GET").status_code for _ in range(count)]


def test_a_request_above_the_rate_limit_is_refused_until_a_minute_has_passed(
    genesys: GenesysCloud, api: Api, clock: Clock
) -> None:
    genesys.rate_limit = 3
    assert statuses(api, 1) == [200]
    clock.now = 20.5
    assert statuses(api, 3) == [200, 200, 429]

    refused = api.call("GET")
    assert refused.headers["Retry-After"] == "40"
    assert refused.json()["code"] == "too.many.requests.retry.after"

    clock.now = MINUTE
    assert statuses(api, 2) == [200, 429]


def test_the_limit_counts_no_login_and_no_refused_request(
    genesys: GenesysCloud, api: Api, clock: Clock
) -> None:
    genesys.rate_limit = 2
    assert all(api.login().ok for _ in range(5))
    assert statuses(api, 10) == [200, 200, *[429] * 8]
    clock.now = MINUTE
    assert statuses(api, 3) == [200, 200, 429]


def test_there_is_no_limit_unless_it_is_set(genesys: GenesysCloud, api: Api) -> None:
    assert set(statuses(api, PER_MINUTE + 1)) == {200}


def test_all_requests_fail_while_genesys_cloud_is_down(genesys: GenesysCloud, api: Api) -> None:
    genesys.outage = DOWN
    assert (api.login().status_code, *statuses(api, 2)) == (503, 503, 503)
    genesys.outage = None
    assert (api.login().status_code, *statuses(api, 1)) == (200, 200)


def test_an_outage_may_answer_nothing(genesys: GenesysCloud, api: Api) -> None:
    genesys.outage = Answer(fate="lost")
    with pytest.raises(requests.ConnectionError):
        api.call("GET")
    assert genesys.calls[-1].status == 0
