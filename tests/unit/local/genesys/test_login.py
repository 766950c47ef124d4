"""The stand-in's login and the scopes of its tokens."""

import pytest

from local.genesys.login import READ, WRITE
from local.genesys.stand_in import GenesysCloud
from tests.fakes.clock import Clock
from tests.unit.local.genesys.conftest import Api


def test_a_login_by_form_gets_a_token_that_works(stranger: Api) -> None:
    answer = stranger.login(scope=f"{READ} {WRITE}")

    assert answer.status_code == 200
    assert answer.json()["expires_in"] == 86_400
    assert answer.json()["scope"] == f"{READ} {WRITE}"
    assert stranger.call("GET").status_code == 200


def test_a_login_by_basic_header_gets_a_token_that_works(
    genesys: GenesysCloud, stranger: Api
) -> None:
    stranger.auth = (genesys.client_id, genesys.client_secret)
    assert stranger.login(client_id="", client_secret="").status_code == 200
    stranger.auth = None
    assert stranger.call("GET").status_code == 200


@pytest.mark.parametrize("wrong", [{"client_id": "x"}, {"client_secret": "x"}])
@pytest.mark.parametrize("status", [400, 401])
def test_a_wrong_client_or_secret_is_refused(
    genesys: GenesysCloud, stranger: Api, wrong: dict[str, str], status: int
) -> None:
    genesys.bad_login_status = status
    answer = stranger.login(**wrong)

    assert answer.status_code == status
    assert answer.json() == {"error": "invalid_client", "description": "authentication failed"}


def test_a_wrong_basic_header_is_refused(stranger: Api) -> None:
    stranger.headers["Authorization"] = "Basic no-base64!"
    assert stranger.login().status_code == 401


def test_another_grant_type_is_refused(stranger: Api) -> None:
    assert stranger.login(grant_type="password").json() == {"error": "unsupported_grant_type"}


def test_a_request_without_a_token_is_refused(stranger: Api) -> None:
    answer = stranger.call("GET")

    assert answer.status_code == 401
    assert answer.json()["code"] == "authentication.required"


def test_an_unknown_token_is_refused(api: Api) -> None:
    api.headers["Authorization"] = "Bearer made-up"
    assert api.call("GET").json()["code"] == "bad.credentials"


def test_a_token_expires(genesys: GenesysCloud, stranger: Api, clock: Clock) -> None:
    genesys.expires_in = 300
    assert stranger.login().json()["expires_in"] == 300

    clock.now += 299
    assert stranger.call("GET").status_code == 200
    clock.now += 1
    assert stranger.call("GET").status_code == 401


def test_revoked_tokens_are_refused_and_a_new_login_helps(genesys: GenesysCloud, api: Api) -> None:
    genesys.tokens.clear()
    assert api.call("GET").status_code == 401
    api.login()
    assert api.call("GET").status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "missing"),
    [
        *[("GET", path, READ) for path in ("", "/x")],
        *[(method, "/x", WRITE) for method in ("POST", "PUT", "DELETE")],
    ],
)
def test_a_missing_scope_is_named(
    genesys: GenesysCloud, stranger: Api, method: str, path: str, missing: str
) -> None:
    genesys.scopes = {READ, WRITE} - {missing}
    stranger.login(scope=f"{READ} {WRITE}")
    answer = stranger.call(method, path, json={})

    assert answer.status_code == 403
    assert answer.json()["code"] == "missing.any.permissions"
    assert answer.json()["message"].endswith(f"permission(s): {missing}")


def test_only_the_requested_scopes_are_granted(stranger: Api) -> None:
    stranger.login(scope=READ)
    assert stranger.call("GET").status_code == 200
    assert stranger.call("POST", json={}).status_code == 403
