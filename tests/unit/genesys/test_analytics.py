"""Analytics' requests: one login for many deadlines, and failures that the caller deals with."""

from email.utils import formatdate
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deadline import Deadline
from genesys.analytics import PATH, Analytics
from genesys.client import LOGIN_PATH, GenesysClient
from genesys.credentials import Credentials
from genesys.errors import CredentialsError, GenesysError, LoginRefused, Unreachable
from genesys.http.retries import parse_retry_after
from local.http.messages import Answer
from local.http.server import HttpServer
from tests.fakes.clock import Clock
from tests.genesys_sdk import fields, operation, types
from tests.polling import wait_until
from tests.unit.genesys.conftest import Api

SECRET = "the-s3cret"
LOST = Answer(fate="lost")


class Org:
    """Analytics of the scripted Genesys Cloud.

    Attributes
    ----------
    secret
        The secret that the next read of the credentials returns; None if the read fails.
    reads
        How often the credentials have been read.
    """

    def __init__(self, http: HttpServer, api: Api, clock: Clock) -> None:
        self.secret: str | None = SECRET
        self.reads = 0
        self.clock = clock
        self._http = http
        self._api = api
        self.analytics = Analytics(self._make_client)

    def fetch(self, *ids: str, seconds: float = 10) -> list[Any]:
        return [*self.analytics.fetch_conversations(ids or ("a",), self.clock.deadline(seconds))]

    def _make_client(self, deadline: Deadline) -> GenesysClient:
        self.reads += 1
        if self.secret is None:
            raise CredentialsError("There is no secret 'queue-ends/genesys'.")
        credentials = Credentials("the-id", self.secret)
        url = self._http.url
        return GenesysClient(url, url, credentials, deadline, self.clock, retries=False)


@pytest.fixture
def org(http: HttpServer, api: Api, clock: Clock) -> Org:
    return Org(http, api, clock)


def found(*ids: str) -> Answer:
    return Answer(body={"conversations": [{"conversationId": id_} for id_ in ids]})


def test_ids_are_separated_by_commas(org: Org, api: Api) -> None:
    api.script(found("b", "a"))
    assert org.fetch("a", "b", "c") == [{"conversationId": "b"}, {"conversationId": "a"}]
    [request] = api.requests
    assert (request.method, request.path, request.query) == ("GET", PATH, {"id": "a,b,c"})
    assert request.target.count("id=") == 1
    assert "scope" not in api.logged_in[0].form


def test_the_official_sdk_has_the_request() -> None:
    ours = operation("GET", PATH)
    assert ours
    assert "id" in ours.query
    assert ours.answered
    assert fields(ours.answered) == {"conversations"}
    conversations = types(ours.answered)["conversations"]
    assert conversations == "list[AnalyticsConversationWithoutAttributes]"


def test_an_address_with_fifty_ids_is_short_enough_for_any_server(org: Org, api: Api) -> None:
    api.script(found())
    org.fetch(*(f"0f8fad5b-d9cb-469f-a165-{number:012}" for number in range(50)))
    assert len(api.requests[0].target) < 2048 + 50


def test_requests_share_a_login_a_connection_and_the_credentials(org: Org, api: Api) -> None:
    connections = api.http.connection_count
    for minute in range(5):
        org.clock.now = 60.0 * minute  # the deadlines of the requests before have passed
        api.script(found("a"))
        assert org.fetch() == [{"conversationId": "a"}]
    assert org.reads == len(api.logged_in) == 1
    assert api.http.connection_count - connections == 1
    assert {request.headers["Authorization"] for request in api.requests} == {"Bearer token-1"}


def test_a_token_that_expires_is_renewed(org: Org, api: Api) -> None:
    api.script(found(), found())
    org.fetch()
    org.clock.now = 86_400
    org.fetch()
    assert len(api.logged_in) == 2
    assert org.reads == 1


def test_a_token_that_is_refused_is_replaced_once_by_analytics(org: Org, api: Api) -> None:
    api.script(found(), Answer(401), found("a"))
    org.fetch()
    assert org.fetch() == [{"conversationId": "a"}]
    assert (len(api.logged_in), len(api.requests), org.reads) == (2, 3, 1)


def test_a_second_refusal_is_an_error_and_the_next_request_goes_on(org: Org, api: Api) -> None:
    api.script(Answer(401), Answer(401), found("a"))
    with pytest.raises(GenesysError) as caught:
        org.fetch()
    assert (caught.value.status, caught.value.path) == (401, PATH)
    assert (len(api.logged_in), len(api.requests)) == (2, 2)
    assert org.fetch() == [{"conversationId": "a"}]


@pytest.mark.parametrize("status", [400, 401])
def test_after_a_refused_login_the_credentials_are_read_again(
    org: Org, api: Api, status: int
) -> None:
    org.secret = "the-0ld-one"
    api.logins = [Answer(status, {"error": "invalid_client"})]
    api.script(found("a"))
    with pytest.raises(LoginRefused) as caught:
        org.fetch()
    assert caught.value.path == LOGIN_PATH
    assert org.reads == len(api.logged_in) == 1
    org.secret = SECRET
    assert org.fetch() == [{"conversationId": "a"}]
    assert [login.form["client_secret"] for login in api.logged_in] == ["the-0ld-one", SECRET]
    assert org.reads == 2


def test_after_a_rotation_the_credentials_are_read_again_and_the_request_goes_on(
    org: Org, api: Api
) -> None:
    api.script(found(), Answer(401), found("a"))
    org.fetch()
    org.secret = "the-new-one"
    api.logins = [Answer(401)]
    assert org.fetch() == [{"conversationId": "a"}]
    assert org.reads == 2
    assert [login.form["client_secret"] for login in api.logged_in] == [
        SECRET,
        SECRET,
        "the-new-one",
    ]


def test_a_refused_renewal_of_the_token_has_the_credentials_read_again(org: Org, api: Api) -> None:
    api.script(found(), found("a"))
    org.fetch()
    org.secret = "the-new-one"
    org.clock.now = 86_400
    api.logins = [Answer(400)]
    assert org.fetch() == [{"conversationId": "a"}]
    assert org.reads == 2


def test_credentials_that_are_refused_for_ever_are_read_once_for_a_request(
    org: Org, api: Api
) -> None:
    api.script(found())
    org.fetch()
    api.script(*[Answer(401)] * 20)
    for reads in (2, 3, 4):
        with pytest.raises(GenesysError) as caught:
            org.fetch()
        assert caught.value.status == 401
        assert org.reads == reads


def test_credentials_that_cannot_be_read_are_read_again(org: Org, api: Api) -> None:
    org.secret = None
    for _ in range(2):
        with pytest.raises(CredentialsError):
            org.fetch()
    assert not api.http.requests
    org.secret = SECRET
    api.script(found())
    assert org.fetch() == []
    assert org.reads == 3


@pytest.mark.parametrize("status", [400, 403, 404, 413, 429, 500, 502, 503, 504])
@pytest.mark.parametrize(("header", "seconds"), [(None, None), ("7", 7), ("soon", None)])
def test_an_error_is_raised_at_once_with_the_pause_that_it_asks_for(
    org: Org, api: Api, status: int, header: str | None, seconds: float | None
) -> None:
    headers = {} if header is None else {"Retry-After": header}
    api.script(Answer(status, {"message": "not now"}, headers), found())
    with pytest.raises(GenesysError, match=f"answered with {status}: not now") as caught:
        org.fetch()
    assert caught.value.retry_after_seconds == seconds
    assert caught.value.path == PATH
    assert len(api.requests) == 1
    assert org.clock.pauses == []


@pytest.mark.parametrize("status", [429, 503])
def test_a_login_is_not_retried_either(org: Org, api: Api, status: int) -> None:
    api.logins = [Answer(status, headers={"Retry-After": "9"})]
    with pytest.raises(GenesysError) as caught:
        org.fetch()
    assert not isinstance(caught.value, LoginRefused)
    assert (caught.value.path, caught.value.retry_after_seconds) == (LOGIN_PATH, 9)
    assert len(api.logged_in) == 1
    assert org.clock.pauses == []
    api.script(found())
    assert org.fetch() == []
    assert org.reads == 1


def test_a_connection_that_was_closed_while_idle_is_replaced(org: Org, api: Api) -> None:
    api.script(found(), found("a"))
    org.fetch()
    api.http.hang_up()
    assert org.fetch() == [{"conversationId": "a"}]
    assert len(api.requests) == 2


def test_one_lost_answer_is_made_up_for(org: Org, api: Api) -> None:
    api.script(found(), LOST, found("a"))
    org.fetch()
    assert org.fetch() == [{"conversationId": "a"}]
    assert len(api.requests) == 3
    [pause] = org.clock.pauses
    assert pause <= 1


def test_a_second_lost_answer_is_an_error(org: Org, api: Api) -> None:
    api.script(LOST, LOST, found())
    with pytest.raises(Unreachable) as caught:
        org.fetch()
    assert caught.value.retry_after_seconds is None
    assert len(api.requests) == 2


def test_an_answer_that_breaks_off_is_an_error_at_once(org: Org, api: Api) -> None:
    api.script(Answer(body={"conversations": []}, fate="cut"), found())
    with pytest.raises(Unreachable):
        org.fetch()
    assert len(api.requests) == 1


def test_a_lost_answer_is_not_made_up_for_after_the_deadline(org: Org, api: Api) -> None:
    api.script(LOST, found())
    with pytest.raises(Unreachable):
        org.fetch(seconds=0.4)
    assert len(api.requests) == 1
    assert org.clock.pauses == []


def test_after_its_deadline_no_request_is_sent_by_analytics(org: Org, api: Api) -> None:
    for seconds in (0.0, -5.0):
        with pytest.raises(Unreachable, match="no time was left"):
            org.fetch(seconds=seconds)
    assert not api.http.requests
    api.script(found())
    assert org.fetch() == []


def test_a_request_that_hangs_ends_with_its_own_deadline(org: Org, api: Api) -> None:
    api.script(found(), Answer(fate="hung"), found("a"))
    org.fetch(seconds=100)
    with pytest.raises(Unreachable, match="timed out"):
        org.fetch(seconds=0.1)  # real seconds, and too few for a second attempt
    wait_until(lambda: len(api.requests) == 2, "the request at the server")
    assert org.fetch() == [{"conversationId": "a"}]


@pytest.mark.parametrize("body", [{}, {"conversations": None}, {"conversations": []}, {"more": 1}])
def test_an_answer_without_conversations_is_empty(org: Org, api: Api, body: Any) -> None:
    api.script(Answer(body=body))
    assert org.fetch() == []


def test_entries_that_are_no_objects_are_left_out(org: Org, api: Api) -> None:
    api.script(Answer(body={"conversations": [None, 5, "text", [], {"a": 1}]}))
    assert org.fetch() == [{"a": 1}]


def test_half_a_surrogate_pair_in_a_name_is_replaced(org: Org, api: Api) -> None:
    body = b'{"conversations": [{"participants": [{"participantName": "Ann \\ud83d"}]}]}'
    api.script(Answer(200, body))
    assert org.fetch() == [{"participants": [{"participantName": "Ann \ufffd"}]}]


@pytest.mark.parametrize(
    "answer",
    [
        Answer(200, b'{"conversations": [' + b"5," * 700_000 + b"5]}"),
        Answer(204),
        Answer(200),
        Answer(body=[]),
        Answer(body="text"),
        Answer(body={"conversations": {}}),
        Answer(body={"conversations": "none"}),
        Answer(body=b"<html>"),
    ],
    ids=str,
)
def test_any_other_answer_is_an_error(org: Org, api: Api, answer: Answer) -> None:
    api.script(answer)
    with pytest.raises(GenesysError, match="the response") as caught:
        org.fetch()
    assert caught.value.path == PATH
    assert caught.value.status in (200, 204)


def test_an_error_shows_neither_the_secret_nor_the_token(org: Org, api: Api) -> None:
    echo = f"{SECRET} and token-1"
    api.script(Answer(403, {"message": echo}, {"Retry-After": echo, "ININ-Correlation-Id": echo}))
    with pytest.raises(GenesysError) as caught:
        org.fetch()
    assert SECRET not in str(caught.value)
    assert "token-1" not in str(caught.value)


def test_a_retry_after_is_a_number_of_seconds_or_a_date(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("urllib3.util.retry.time.time", lambda: 1_000_000.0)
    assert parse_retry_after("5") == parse_retry_after(" 5 ") == 5
    assert parse_retry_after(formatdate(1_000_030, usegmt=True)) == 30
    assert parse_retry_after(formatdate(999_000, usegmt=True)) == 0
    assert parse_retry_after("0") == 0


@pytest.mark.parametrize("header", [None, "", "soon", "-1", "1.5", "9" * 5000, "2s", "Fri, 99 Foo"])
def test_a_retry_after_that_is_neither_is_none(header: str | None) -> None:
    assert parse_retry_after(header) is None


@given(header=st.text() | st.text("0123456789JanMonGMT:, +-"))
@settings(max_examples=100)
def test_any_header_is_a_pause_or_none(header: str) -> None:
    seconds = parse_retry_after(header)
    assert seconds is None or seconds >= 0
