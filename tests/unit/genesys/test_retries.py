"""The requests that are retried, the pauses, and the deadline."""

from email.utils import formatdate
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deadline import Deadline
from genesys.client import GenesysClient
from genesys.credentials import Credentials
from genesys.errors import CreationUnwanted, GenesysError, Unreachable
from genesys.http.retries import NETWORK_ATTEMPTS, DeadlineRetry
from local.http.messages import Answer
from local.http.server import HttpServer
from tests.fakes.clock import Clock
from tests.polling import wait_until
from tests.unit.genesys.conftest import Api

OK = Answer(body={"ok": True})
LOST = Answer(fate="lost")
REPEATABLE = ("GET", "PUT", "DELETE")


@pytest.mark.parametrize("method", REPEATABLE)
@pytest.mark.parametrize(
    "failure", [Answer(429), Answer(502), Answer(503), Answer(504), LOST], ids=str
)
def test_a_repeatable_request_is_retried(
    client: GenesysClient, api: Api, clock: Clock, method: str, failure: Answer
) -> None:
    api.script(failure, failure, OK)
    assert client.request(method, "/x", body={"a": 1}) == {"ok": True}
    assert [(request.method, request.json) for request in api.requests] == [(method, {"a": 1})] * 3
    assert len(clock.pauses) == 2


@pytest.mark.parametrize("method", REPEATABLE)
def test_pauses_grow_exponentially_with_jitter_and_a_limit(
    client: GenesysClient, api: Api, clock: Clock, method: str
) -> None:
    client.deadline = clock.deadline(1000)
    api.script(*[Answer(503)] * 8, OK)
    # The session keeps its first deadline, which leaves enough time for these pauses.
    assert client.request(method, "/x") == {"ok": True}
    for pause, most in zip(clock.pauses, [1, 2, 4, 8, 16, 20, 20, 20], strict=True):
        assert most / 2 <= pause <= most


@given(failures=st.integers(1, 2000), left=st.floats(0, 500))
@settings(max_examples=200)
def test_every_pause_is_within_its_limits(failures: int, left: float) -> None:
    retry = DeadlineRetry.for_repeatable_requests(Deadline(lambda: left))
    retry.history = (None,) * failures  # type: ignore[assignment]
    most = min(20.0, 0.5 * 2 ** min(failures, 10))
    assert most / 2 <= retry.get_backoff_time() <= most


def test_pauses_differ_from_one_client_to_another() -> None:
    retry = DeadlineRetry.for_repeatable_requests(Deadline(lambda: 100))
    assert len({retry.get_backoff_time() for _ in range(20)}) > 1


@pytest.mark.parametrize("method", [*REPEATABLE, "POST"])
def test_the_pause_is_exactly_the_retry_after(
    client: GenesysClient, api: Api, clock: Clock, method: str
) -> None:
    delays = ("2", " 7 ", "31")
    api.script(*[Answer(429, headers={"Retry-After": after}) for after in delays], OK)
    assert client.request(method, "/x") == {"ok": True}
    assert clock.pauses == [2, 7, 31]


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_retry_after_counts_with_every_status(
    client: GenesysClient, api: Api, clock: Clock, status: int
) -> None:
    api.script(Answer(status, headers={"Retry-After": "40"}), OK)
    client.request("GET", "/x")
    assert clock.pauses == [40]


def test_retry_after_may_be_a_date(
    client: GenesysClient, api: Api, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("urllib3.util.retry.time.time", lambda: 1_000_000.0)
    when = formatdate(1_000_030, usegmt=True)
    api.script(Answer(429, headers={"Retry-After": when}), OK)
    client.request("GET", "/x")
    assert clock.pauses == [30]


@pytest.mark.parametrize(
    "after",
    ["soon", "", "-1", "1.5", "9" * 5000, "Fri, 99 Foo 2026", "1 Jan 99999999999 00:00:00", "2s"],
)
def test_an_invalid_retry_after_is_ignored(
    client: GenesysClient, api: Api, clock: Clock, after: str
) -> None:
    api.script(Answer(429, headers={"Retry-After": after}), OK)
    assert client.request("GET", "/x") == {"ok": True}
    [pause] = clock.pauses
    assert 0.5 <= pause <= 1


@given(header=st.text() | st.text("0123456789JanMonGMT:, +-"))
@settings(max_examples=200)
def test_any_retry_after_is_parsed_or_ignored(header: str) -> None:
    retry = DeadlineRetry.for_repeatable_requests(Deadline(lambda: 100))
    answer: Any = SimpleNamespace(headers={"Retry-After": header})
    after = retry.get_retry_after(answer)
    assert after is None or after >= 0


@pytest.mark.parametrize("after", ["0", "Mon, 23 Nov 2015 10:00:00 GMT"])
def test_a_retry_after_in_the_past_still_leads_to_a_pause(
    client: GenesysClient, api: Api, clock: Clock, after: str
) -> None:
    api.script(*[Answer(429, headers={"Retry-After": after})] * 1000)
    with pytest.raises(GenesysError, match="429"):
        client.request("GET", "/x")
    assert len(api.requests) < 20
    assert all(pause >= 0.5 for pause in clock.pauses)


def test_a_pause_that_would_outlast_the_deadline_does_not_begin(
    client: GenesysClient, api: Api, clock: Clock
) -> None:
    api.script(Answer(429, {"message": "slow down"}, {"Retry-After": "100"}), OK)
    with pytest.raises(GenesysError, match="GET /x was answered with 429: slow down"):
        client.request("GET", "/x")
    assert clock.pauses == []


def test_a_pause_that_ends_before_the_deadline_begins(
    client: GenesysClient, api: Api, clock: Clock
) -> None:
    api.script(Answer(429, headers={"Retry-After": "99"}), OK)
    assert client.request("GET", "/x") == {"ok": True}
    assert clock.pauses == [99]


@pytest.mark.parametrize("method", [*REPEATABLE, "POST"])
@pytest.mark.parametrize("after", [{}, {"Retry-After": "9"}])
def test_a_429_is_retried_until_the_deadline_and_then_raised(
    client: GenesysClient, api: Api, clock: Clock, method: str, after: dict[str, str]
) -> None:
    api.script(*[Answer(429, {"message": "slow down"}, after)] * 50)
    with pytest.raises(GenesysError, match=f"{method} /x was answered with 429: slow down"):
        client.request(method, "/x")
    assert 70 < clock.now < 100
    assert len(api.requests) == len(clock.pauses) + 1


def test_a_lasting_network_failure_is_raised_after_six_attempts(
    client: GenesysClient, api: Api, clock: Clock
) -> None:
    api.script(*[LOST] * 50)
    with pytest.raises(Unreachable, match="GET /x was not answered"):
        client.request("GET", "/x")
    assert len(api.requests) == NETWORK_ATTEMPTS
    assert clock.now < 32


def test_no_request_is_sent_after_the_deadline(
    client: GenesysClient, api: Api, clock: Clock
) -> None:
    clock.now = 100
    with pytest.raises(Unreachable, match="no time was left to send it"):
        client.request("GET", "/x")
    assert not api.http.requests


def test_a_hanging_request_times_out_at_the_deadline(
    client: GenesysClient, api: Api, clock: Clock
) -> None:
    api.script(*[Answer(fate="hung")] * 3)
    clock.now = 99.8  # the request has 0.2 real seconds, and there is no time for a pause
    with pytest.raises(Unreachable, match=r"GET /x was not answered: .*timed out"):
        client.request("GET", "/x")
    wait_until(lambda: api.requests, "the request at the server")
    assert len(api.requests) == 1


@pytest.mark.parametrize(
    ("failure", "error"),
    [
        (LOST, "was not answered"),
        (Answer(fate="cut"), "was not answered"),
        *((Answer(status), f"answered with {status}") for status in (500, 502, 503, 504)),
        (Answer(503, headers={"Retry-After": "1"}), "answered with 503"),
        (Answer(413, headers={"Retry-After": "1"}), "answered with 413"),
    ],
    ids=str,
)
def test_a_post_that_may_have_succeeded_is_not_retried(
    client: GenesysClient, api: Api, clock: Clock, failure: Answer, error: str
) -> None:
    api.script(failure, OK)
    with pytest.raises(GenesysError, match=f"POST /x .*{error}"):
        client.request("POST", "/x", body={})
    assert len(api.requests) == 1
    assert not clock.pauses


def test_a_rate_limited_post_is_retried(client: GenesysClient, api: Api) -> None:
    api.script(Answer(429), Answer(429), OK)
    assert client.request("POST", "/x", body={"a": 1}) == {"ok": True}
    assert [request.json for request in api.requests] == [{"a": 1}] * 3


def test_a_post_retried_after_429_is_not_retried_after_a_lost_response(
    client: GenesysClient, api: Api
) -> None:
    api.script(Answer(429), LOST, OK)
    with pytest.raises(Unreachable):
        client.request("POST", "/x", body={})
    assert len(api.requests) == 2


@pytest.mark.parametrize(
    ("answers", "attempts"),
    [
        ([], 1),
        ([Answer(429, headers={"Retry-After": "2"})] * 3, 4),
        ([Answer(401)], 2),
    ],
    ids=["at once", "rate limit", "new login"],
)
def test_a_check_precedes_each_attempt_at_a_creation_and_no_other_request(
    http: HttpServer, api: Api, clock: Clock, answers: list[Answer], attempts: int
) -> None:
    requests_before_checks: list[int] = []
    client = GenesysClient(
        http.url,
        http.url,
        Credentials("the-id", "the-s3cret"),
        clock.deadline(100),
        clock,
        check_creation=lambda: requests_before_checks.append(len(api.requests)),
    )
    api.script(OK, OK, OK, *answers, OK)
    client.request("GET", "/x")
    client.request("PUT", "/x")
    client.request("POST", "/x", is_repeatable=True)
    client.request("POST", "/x")
    assert requests_before_checks == [3 + attempt for attempt in range(attempts)]


def test_a_check_that_fails_after_a_wait_prevents_the_next_attempt(
    http: HttpServer, api: Api, clock: Clock
) -> None:
    def check() -> None:
        if clock.now:
            raise CreationUnwanted("The stack is gone.")

    credentials = Credentials("the-id", "the-s3cret")
    client = GenesysClient(
        http.url, http.url, credentials, clock.deadline(100), clock, check_creation=check
    )
    api.script(Answer(429, headers={"Retry-After": "60"}), OK)
    with pytest.raises(CreationUnwanted, match="gone"):
        client.request("POST", "/x")
    assert len(api.requests) == 1
    assert clock.now == 60
