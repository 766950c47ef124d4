"""A failure's reason says what to do, and shows no secret."""

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from genesys.client import GenesysClient
from genesys.errors import GenesysError
from local.genesys.login import CLIENT_SECRET
from local.genesys.problems import CORRELATION, problem
from local.http.messages import Answer
from provisioner.failure_reason import failure_reason
from tests.fakes.aws.cloudformation import NAME
from tests.fakes.aws.secrets_manager import FakeSecrets
from tests.fakes.clock import Clock
from tests.fakes.deliveries import DELIVERIES
from tests.unit.provisioner.conftest import StackResource

CORRELATED = {CORRELATION: "c0ffee-42"}
REFUSED = {"error": "invalid_client", "description": "authentication failed"}


@pytest.mark.parametrize(
    ("operation", "failure", "expected_words"),
    [
        ("login", Answer(400, REFUSED), ["'queue-ends/genesys'", "genesys_environment"]),
        ("login", Answer(401, REFUSED), ["client id or client secret", "authentication failed"]),
        ("login", problem(429, "Slow down."), ["limits this OAuth client's requests", "429"]),
        ("login", Answer(200, b"<html>"), ["not JSON", "Deploy again"]),
        ("login", Answer(fate="lost"), ["could not be reached", "genesys_environment"]),
        ("list", problem(401, "No such token."), ["did not accept", "genesys_environment"]),
        (
            "list",
            problem(403, "No.", **CORRELATED),
            ["The OAuth client may not do this", "role", "No.", "c0ffee-42"],
        ),
        (
            "create",
            problem(403, "No.", **CORRELATED),
            ["The OAuth client may not do this", "role", "No.", "c0ffee-42"],
        ),
        ("list", problem(429, "Slow down."), ["limits this OAuth client's requests", "Slow down."]),
        ("list", problem(429, "x", **{"Retry-After": "999"}), ["limits", "some minutes"]),
        (
            "list",
            problem(500, "Oops.", **CORRELATED),
            ["Oops.", "Deploy again later", "c0ffee-42"],
        ),
        ("create", problem(500, "Oops."), ["Oops.", "Deploy again later"]),
        ("list", Answer(fate="lost"), ["could not be reached", "genesys_environment"]),
        ("list", Answer(302, None, {"Location": "/login"}), ["302"]),
        ("list", Answer(200, []), ["the response has another form: expected object, got array"]),
        ("read", problem(404, "Gone."), ["cannot be found", "did not become active"]),
    ],
    ids=str,
)
def test_a_failing_create_says_what_to_do(
    *,
    resource: StackResource,
    clock: Clock,
    operation: str,
    failure: Answer,
    expected_words: list[str],
) -> None:
    resource.genesys.always(operation, failure)
    response = resource.stack.create()
    assert response.status == "FAILED"
    for expected in expected_words:
        assert expected in response.reason
    assert response.reason.endswith(".")
    assert "Unexpected" not in response.reason
    other_nouns = {delivery.noun for delivery in DELIVERIES} - {resource.noun}
    assert not [noun for noun in other_nouns if f"The {noun}" in response.reason]
    assert clock.now < 225, "the response must come before the function's timeout"


def test_a_refused_property_is_quoted_from_genesys(resource: StackResource) -> None:
    (value,) = resource.delivery.refused_properties.values()
    refused = value if isinstance(value, str) else value[0]
    assert refused in resource.stack.create(**resource.delivery.refused_properties).reason


def test_an_unreachable_host_is_named(resource: StackResource) -> None:
    response = resource.stack.create(LoginUrl="http://127.0.0.1:1")
    assert "could not be reached (http://127.0.0.1:1" in response.reason
    assert response.physical_id.startswith("nothing-created/")


@pytest.mark.parametrize(
    ("secret", "expected_words"),
    [
        ({}, "There is no secret 'queue-ends/genesys'"),
        ({"queue-ends/genesys": None}, "marked for deletion"),
        ({"queue-ends/genesys": "id=1"}, "is not JSON"),
        ({"queue-ends/genesys": {"client_id": "x"}}, "no valid client_secret"),
    ],
)
def test_an_invalid_secret_is_named(
    resource: StackResource, secret: dict[str, Any], expected_words: str
) -> None:
    resource.stack.secrets = FakeSecrets(**secret)
    response = resource.stack.create()
    assert expected_words in response.reason
    assert response.physical_id.startswith("nothing-created/")
    assert not resource.genesys.operations


def test_a_lasting_rate_limit_fails_in_time_and_blocks_nothing(
    resource: StackResource, clock: Clock
) -> None:
    resource.genesys.always("create", problem(429, "Slow down.", **{"Retry-After": "5"}))
    response = resource.stack.create()
    assert "limits this OAuth client's requests" in response.reason
    assert response.physical_id.startswith("nothing-created/")
    assert 150 < clock.now < 225


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError(f"it is {CLIENT_SECRET}"),
        ClientError({"Error": {"Message": CLIENT_SECRET}}, CLIENT_SECRET),
        KeyError(CLIENT_SECRET),
        UnicodeEncodeError("ascii", CLIENT_SECRET, 0, 1, CLIENT_SECRET),
        RecursionError(),
        MemoryError(),
    ],
    ids=str,
)
def test_an_unforeseen_error_gets_a_response_without_its_message(
    resource: StackResource,
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
) -> None:
    def request(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(GenesysClient, "request", request)
    response = resource.stack.create()
    assert response.status == "FAILED"
    assert type(error).__name__ in response.reason
    assert "log" in response.reason
    assert CLIENT_SECRET not in response.reason + resource.stack.log
    assert type(error).__name__ in resource.stack.log
    assert "custom_resource.py:" in resource.stack.log, "the log has the place"


def test_an_error_before_the_request_is_parsed_has_a_reason() -> None:
    assert "Unexpected GenesysError" in failure_reason(GenesysError("GET", "/x"), None)


def test_the_log_has_a_line_with_the_response(resource: StackResource) -> None:
    data = resource.stack.create().data
    [line] = [json.loads(line) for line in resource.stack.log.splitlines()]
    assert line["message"] == "answered"
    assert (line["request_type"], line["status"]) == ("Create", "SUCCESS")
    assert f"/{NAME}" in line["physical_id"]
    assert line["data"] == data
    assert resource.id_in(data) in resource.entities
