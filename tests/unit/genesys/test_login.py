"""The login request, the lifetime of a token, and the errors of a refused login."""

from typing import Any

import pytest

from genesys.client import LOGIN_PATH, GenesysClient
from genesys.credentials import Credentials
from genesys.errors import GenesysError, LoginRefused
from local.http.messages import Answer
from tests.fakes.clock import Clock
from tests.unit.genesys.conftest import Api

OK = Answer(body={"ok": True})


def bearers(api: Api) -> list[str]:
    return [request.headers["Authorization"] for request in api.requests]


def token(expires_in: object) -> Answer:
    return Answer(body={"access_token": f"lives-{expires_in}", "expires_in": expires_in})


def test_the_login_sends_the_documented_form(client: GenesysClient, api: Api) -> None:
    api.script(OK)

    assert client.request("GET", "/x") == {"ok": True}

    [login] = api.logged_in
    assert login.method == "POST"
    assert login.headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert login.form == {
        "grant_type": "client_credentials",
        "client_id": "the-id",
        "client_secret": "the-s3cret",
        "scope": "event:subscribe:read event:subscribe:write",
    }
    assert bearers(api) == ["Bearer token-1"]


def test_credentials_go_into_the_form_only(client: GenesysClient, api: Api) -> None:
    api.script(OK)
    client.request("GET", "/x")
    for request in api.http.requests:
        assert not request.query
        assert "s3cret" not in repr(request.headers)
    assert "Authorization" not in api.logged_in[0].headers


def test_a_token_is_used_again(client: GenesysClient, api: Api) -> None:
    api.script(OK, OK, OK)
    for _ in range(3):
        client.request("GET", "/x")
    assert len(api.logged_in) == 1
    assert bearers(api) == ["Bearer token-1"] * 3


@pytest.mark.parametrize(
    ("life", "still_good", "over"),
    [(86400, 86339, 86341), (3600, 3539, 3541), (300, 269, 271), (10, 8.9, 9.1)],
)
def test_a_token_is_replaced_shortly_before_it_expires(
    *, api: Api, clock: Clock, life: int, still_good: float, over: float
) -> None:
    url, credentials = api.http.url, Credentials("the-id", "the-s3cret")
    client = GenesysClient(url, url, credentials, clock.deadline(10**6), clock)
    api.logins = [token(life)]
    api.script(OK, OK, OK)

    client.request("GET", "/x")
    clock.now = still_good
    client.request("GET", "/x")
    assert len(api.logged_in) == 1

    clock.now = over
    client.request("GET", "/x")
    assert len(api.logged_in) == 2
    assert bearers(api)[2] == "Bearer token-2"


@pytest.mark.parametrize("life", [0, -5, "0", None])
def test_an_expired_token_is_used_once(client: GenesysClient, api: Api, life: object) -> None:
    body = {"access_token": "brief"} | ({} if life is None else {"expires_in": life})
    api.logins = [Answer(body=body), Answer(body=body)]
    api.script(OK, OK)
    client.request("GET", "/x")
    client.request("GET", "/x")
    assert len(api.logged_in) == 2


def test_a_token_that_is_refused_is_replaced_once(client: GenesysClient, api: Api) -> None:
    api.script(Answer(401, {"message": "expired"}), OK)
    assert client.request("GET", "/x") == {"ok": True}
    assert bearers(api) == ["Bearer token-1", "Bearer token-2"]


def test_a_second_refusal_is_an_error(client: GenesysClient, api: Api) -> None:
    api.script(*[Answer(401, {"message": "no such token"})] * 3)
    with pytest.raises(GenesysError, match="GET /x was answered with 401: no such token") as caught:
        client.request("GET", "/x")
    assert not isinstance(caught.value, LoginRefused)
    assert len(api.requests) == len(api.logged_in) == 2


def test_a_post_with_a_refused_token_is_sent_again(client: GenesysClient, api: Api) -> None:
    api.script(Answer(401), OK)
    client.request("POST", "/x", body={"a": 1})
    assert [request.json for request in api.requests] == [{"a": 1}, {"a": 1}]


@pytest.mark.parametrize("status", [400, 401])
def test_refused_credentials_are_not_sent_again(
    client: GenesysClient, api: Api, clock: Clock, status: int
) -> None:
    api.logins = [
        Answer(
            status,
            {"error": "invalid_client", "description": "authentication failed"},
            {"ININ-Correlation-Id": "c-1"},
        )
    ]
    with pytest.raises(LoginRefused) as caught:
        client.request("GET", "/x")
    assert str(caught.value) == (
        f"POST {LOGIN_PATH} was answered with {status}: authentication failed (correlation id c-1)"
    )
    assert len(api.logged_in) == 1
    assert not api.requests
    assert not clock.pauses


def test_a_login_is_retried_while_genesys_is_busy(
    client: GenesysClient, api: Api, clock: Clock
) -> None:
    api.logins = [
        Answer(429, {"message": "slow down"}, {"Retry-After": "3"}),
        Answer(503),
        Answer(fate="lost"),
    ]
    api.script(OK)
    assert client.request("GET", "/x") == {"ok": True}
    assert len(api.logged_in) == 4
    assert clock.pauses[0] == 3


@pytest.mark.parametrize("status", [302, 403, 404, 418, 500])
def test_any_other_login_failure_is_no_refusal(
    client: GenesysClient, api: Api, status: int
) -> None:
    api.logins = [Answer(status, headers={"Location": "/elsewhere"} if status == 302 else {})]
    with pytest.raises(GenesysError, match=f"POST {LOGIN_PATH} was answered with {status}") as e:
        client.request("GET", "/x")
    assert not isinstance(e.value, LoginRefused)


@pytest.mark.usefixtures("uncollected")
@pytest.mark.parametrize(
    "body",
    [
        None,
        b"<html>a proxy's page</html>",
        b'{"access_token": "half',
        b"[" * 100_000,
        b'{"access_token": "t", "expires_in": ' + b"9" * 5000 + b"}",
        b'{"access_token": "t", "expires_in": ' + b"9" * 500 + b"}",
        [],
        "token",
        {},
        {"access_token": None, "expires_in": 60},
        {"access_token": "", "expires_in": 60},
        {"access_token": 5, "expires_in": 60},
        {"access_token": {"a": 1}, "expires_in": 60},
        {"access_token": "to ken", "expires_in": 60},
        {"access_token": "to\nken: x", "expires_in": 60},
        {"access_token": "tök€n", "expires_in": 60},
        {"access_token": "t", "expires_in": "soon"},
        {"access_token": "t", "expires_in": None},
        {"access_token": "t", "expires_in": []},
    ],
)
def test_a_response_without_a_usable_token_is_an_error(
    client: GenesysClient, api: Api, body: Any
) -> None:
    api.logins = [Answer(body=body)]
    with pytest.raises(
        GenesysError, match=f"POST {LOGIN_PATH} was answered with 200: the response"
    ):
        client.request("GET", "/x")
    assert not api.requests


def test_a_token_with_an_infinite_lifetime_is_used_until_it_is_refused(
    client: GenesysClient, api: Api
) -> None:
    api.logins = [Answer(body={"access_token": "t", "expires_in": "NaN"})]
    api.script(OK, Answer(401), OK)
    client.request("GET", "/x")
    client.request("GET", "/x")
    assert len(api.logged_in) == 2


def test_no_netrc_of_the_machine_replaces_the_token(
    client: GenesysClient,
    api: Api,
    tmp_path: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login someone password else\n")
    monkeypatch.setenv("NETRC", str(netrc))
    api.script(OK)
    client.request("GET", "/x")
    assert bearers(api) == ["Bearer token-1"]
