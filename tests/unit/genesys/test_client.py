"""The requests that the client sends, the content that it returns, and its errors."""

import traceback
from typing import Any

import pytest

from genesys.client import GenesysClient
from genesys.credentials import Credentials
from genesys.errors import GenesysError, Unreachable
from genesys.shapes import MAX_MASKED_CHARACTERS, MAX_MASKED_STRINGS
from local.http.messages import Answer
from tests.fakes.clock import Clock
from tests.unit.genesys.conftest import Api


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE"])
def test_a_request_has_its_method_path_body_and_query(
    client: GenesysClient, api: Api, method: str
) -> None:
    api.script(Answer(201, {"id": "7"}))
    answer = client.request(method, "/a/b", body={"name": "é"}, query={"n": 2})
    assert answer == {"id": "7"}
    [request] = api.requests
    assert (request.method, request.path, request.query) == (method, "/a/b", {"n": "2"})
    assert request.json == {"name": "é"}
    assert request.headers["Content-Type"] == "application/json"


@pytest.mark.parametrize("answer", [Answer(204), Answer(200), Answer(202)])
def test_a_response_without_content_is_none(
    client: GenesysClient, api: Api, answer: Answer
) -> None:
    api.script(answer)
    assert client.request("DELETE", "/x") is None


@pytest.mark.usefixtures("uncollected")
@pytest.mark.parametrize(
    "body", [b"<html>", b'{"half": ', b"[" * 100_000, b"NaN", b"\xff\xfe\x00", b" "]
)
def test_a_success_that_is_not_json_is_an_error(
    client: GenesysClient, api: Api, body: bytes
) -> None:
    api.script(Answer(200, body))
    with pytest.raises(
        GenesysError, match="GET /x was answered with 200: the response is not JSON"
    ):
        client.request("GET", "/x")


@pytest.mark.parametrize("status", [302, 400, 403, 404, 408, 409, 422, 500, 501])
def test_an_error_has_the_message_and_the_correlation_id(
    client: GenesysClient, api: Api, clock: Clock, status: int
) -> None:
    api.script(Answer(status, {"message": "That is not right."}, {"ININ-Correlation-Id": "c-9"}))
    with pytest.raises(GenesysError) as caught:
        client.request("PUT", "/a/b", body={})
    error = caught.value
    assert str(error) == (
        f"PUT /a/b was answered with {status}: That is not right. (correlation id c-9)"
    )
    assert (error.method, error.path, error.status) == ("PUT", "/a/b", status)
    assert (error.message, error.correlation_id) == ("That is not right.", "c-9")
    assert len(api.requests) == 1
    assert not clock.pauses


@pytest.mark.usefixtures("uncollected")
@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"message": "m", "description": "d", "code": "c"}, "m"),
        ({"message": "", "description": "d"}, "d"),
        ({"error_description": "ed", "error": "e"}, "ed"),
        ({"error": "invalid_client"}, "invalid_client"),
        ({"code": "not.found"}, "not.found"),
        ({"message": {"nested": "n"}, "code": "c"}, "c"),
        ({"message": None, "code": 5}, ""),
        ({}, ""),
        ([], ""),
        ("text", ""),
        (b"<html>", "Teapot"),
        (b"[" * 100_000, "Teapot"),
        (b"9" * 5000, ""),
        (b"", "Teapot"),
        ({"message": "two\r\n  lines\tand more"}, "two lines and more"),
        ({"message": "m" * 5000}, "m" * 300),
    ],
)
def test_an_error_quotes_the_message_of_any_error_body(
    client: GenesysClient, api: Api, body: Any, message: str
) -> None:
    api.script(Answer(418, body, reason="Teapot"))
    with pytest.raises(GenesysError) as caught:
        client.request("GET", "/x")
    assert caught.value.message == message
    assert caught.value.correlation_id is None


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE"])
@pytest.mark.parametrize("status", [302, 307])
def test_redirects_are_not_followed(
    client: GenesysClient, api: Api, method: str, status: int
) -> None:
    api.script(Answer(status, headers={"Location": f"{api.http.url}/elsewhere"}))
    with pytest.raises(GenesysError, match=f"answered with {status}"):
        client.request(method, "/x", body={})
    assert [request.path for request in api.requests] == ["/x"]


def test_the_login_is_not_redirected_either(client: GenesysClient, api: Api) -> None:
    api.logins = [Answer(307, headers={"Location": f"{api.http.url}/elsewhere"})]
    with pytest.raises(GenesysError, match="answered with 307"):
        client.request("GET", "/x")
    assert not api.requests


@pytest.mark.parametrize(
    ("location", "expected"),
    [("http://[::1", GenesysError), ("//%zz:port/\\", GenesysError), ("http://a:b", GenesysError)],
)
def test_a_redirect_to_an_invalid_url_is_an_ordinary_error(
    client: GenesysClient,
    api: Api,
    location: str,
    expected: type[Exception],
) -> None:
    api.script(Answer(302, headers={"Location": location}))
    with pytest.raises(expected):
        client.request("GET", "/x")


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:1",
        "http://no-such-host.invalid",
        "http://" + "a" * 70 + ".example",
        "http://[::1",
        "http://127.0.0.1:99999",
        "ftp://127.0.0.1",
        "nonsense",
    ],
)
def test_a_host_that_cannot_be_reached_is_a_clear_error(clock: Clock, url: str) -> None:
    client = GenesysClient(url, url, Credentials("i", "the-s3cret"), clock.deadline(100), clock)
    with pytest.raises(Unreachable, match=r"POST /oauth/token was not answered: .+") as caught:
        client.request("GET", "/x")
    assert caught.value.status is None
    assert caught.value.may_have_succeeded
    assert "the-s3cret" not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize("fate", ["lost", "cut"])
def test_a_response_that_breaks_off_is_no_response(
    client: GenesysClient, api: Api, fate: Any
) -> None:
    api.script(*[Answer(200, {"id": "7"}, fate=fate)] * 6)
    with pytest.raises(Unreachable, match=r"PUT /x was not answered: .+") as caught:
        client.request("PUT", "/x")
    assert caught.value.may_have_succeeded


@pytest.mark.parametrize(
    ("statuses", "maybe"),
    [
        ((None, 200, 201, 408, 500, 502, 503, 504), True),
        ((302, 400, 401, 403, 404, 409, 429), False),
    ],
)
def test_a_request_may_have_succeeded_unless_it_was_refused(
    statuses: tuple[int | None, ...], maybe: bool
) -> None:
    for status in statuses:
        assert GenesysError("POST", "/x", status=status).may_have_succeeded is maybe


def test_all_pages_of_a_list_are_read(client: GenesysClient, api: Api) -> None:
    api.script(
        Answer(body={"entities": [{"id": "1"}, {"id": "2"}], "pageCount": 3}),
        Answer(body={"entities": [{"id": "3"}], "pageCount": 3}),
        Answer(body={"entities": [{"id": "4"}], "pageCount": 3}),
    )
    assert [entity["id"] for entity in client.iterate_entities("/list")] == ["1", "2", "3", "4"]
    assert [request.query for request in api.requests] == [
        {"pageNumber": str(number), "pageSize": "100"} for number in (1, 2, 3)
    ]


@pytest.mark.parametrize("count", [{}, {"pageCount": None}, {"pageCount": 0}, {"pageCount": "?"}])
def test_a_list_without_a_page_count_is_read_until_an_empty_page(
    client: GenesysClient, api: Api, count: dict[str, Any]
) -> None:
    api.script(
        Answer(body={"entities": [{"id": "1"}], **count}),
        Answer(body={"entities": [{"id": "2"}], **count}),
        Answer(body={"entities": [], **count}),
    )
    assert [entity["id"] for entity in client.iterate_entities("/list")] == ["1", "2"]


def test_a_list_without_paging_yields_its_entities_once(client: GenesysClient, api: Api) -> None:
    whole = Answer(body={"entities": [{"id": "1"}, {"id": "2"}]})
    api.script(*[whole] * 5)
    assert [entity["id"] for entity in client.iterate_entities("/list")] == ["1", "2"]


def test_an_empty_list_is_empty(client: GenesysClient, api: Api) -> None:
    api.script(Answer(body={"entities": [], "pageCount": 0}))
    assert list(client.iterate_entities("/list")) == []


@pytest.mark.parametrize("body", [None, [], "x", {}, {"entities": None}, {"entities": {"a": 1}}])
def test_a_response_that_is_no_list_is_an_error(client: GenesysClient, api: Api, body: Any) -> None:
    api.script(Answer(body=body))
    with pytest.raises(
        GenesysError, match="GET /list was answered with 200: the response has another form"
    ):
        list(client.iterate_entities("/list"))


def test_items_that_are_no_entities_are_skipped(client: GenesysClient, api: Api) -> None:
    api.script(Answer(body={"entities": [None, 5, {"id": "1"}, "x"], "pageCount": 1}))
    assert list(client.iterate_entities("/list")) == [{"id": "1"}]


def test_the_changes_are_the_requests_that_changed_the_org_in_order(
    client: GenesysClient, api: Api
) -> None:
    api.script(Answer(200, {}), Answer(201, {}), Answer(204), Answer(409, {}), Answer(500, {}))
    client.request("GET", "/x")
    client.request("POST", "/x")
    client.request("DELETE", "/x/1")
    for method in ("PUT", "PATCH"):
        with pytest.raises(GenesysError):
            client.request(method, "/x/2")
    assert client.changes == ["POST /x", "DELETE /x/1", "PATCH /x/2 (not confirmed)"]


def test_a_failed_login_is_no_change(client: GenesysClient, api: Api) -> None:
    api.logins = [Answer(500, {})]
    with pytest.raises(GenesysError):
        client.request("POST", "/x")
    assert client.changes == []


def test_pages_that_overlap_yield_each_entity_once(client: GenesysClient, api: Api) -> None:
    api.script(
        Answer(body={"entities": [{"id": "1"}, {"id": "2"}, {"id": "2"}], "pageCount": 2}),
        Answer(body={"entities": [{"id": "2"}, {"id": "3"}, {"name": "x"}], "pageCount": 2}),
    )
    entities = list(client.iterate_entities("/list"))
    assert [entity.get("id") for entity in entities] == ["1", "2", "3", None]


def test_half_a_surrogate_pair_in_a_response_is_replaced(client: GenesysClient, api: Api) -> None:
    api.script(Answer(200, b'{"name": "Ann \\ud83d", "\\udc00": ["\\ud83d\\ude00"]}'))
    assert client.request("GET", "/x") == {"name": "Ann \ufffd", "\ufffd": ["😀"]}


@pytest.mark.parametrize("masks", [True, False])
def test_secrets_are_masked_in_responses_whose_text_can_be_quoted(
    client: GenesysClient, api: Api, masks: bool
) -> None:
    api.script(Answer(200, {"id": "the-s3cret", "notes": ["a token-1 b", 5]}))
    content = client.request("GET", "/x", masks_secrets=masks)
    masked = {"id": "…", "notes": ["a … b", 5]}
    assert content == (masked if masks else {"id": "the-s3cret", "notes": ["a token-1 b", 5]})


def test_a_long_response_that_quotes_a_secret_is_refused_rather_than_masked(
    client: GenesysClient, api: Api
) -> None:
    for entities in (["x"] * MAX_MASKED_STRINGS, ["x" * MAX_MASKED_CHARACTERS]):
        api.script(Answer(200, {"entities": entities}), Answer(200, [*entities, "a token-1 b"]))
        assert client.request("GET", "/x") == {"entities": entities}
        with pytest.raises(GenesysError, match="the response is long and quotes a secret"):
            client.request("GET", "/x")
