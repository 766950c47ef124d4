"""The reason of a failure says what to do, and never what is secret."""

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from genesys.client import GenesysClient
from genesys.errors import GenesysError
from local.genesys.login import CLIENT_SECRET
from local.genesys.problems import CORRELATION, problem
from local.genesys.stand_in import GenesysCloud
from local.http.messages import Answer
from provisioner.failure_reason import failure_reason
from tests.fakes.aws.cloudformation import NAME, CloudFormation
from tests.fakes.aws.secrets_manager import FakeSecrets
from tests.fakes.clock import Clock
from tests.unit.provisioner.conftest import BAD_FILTER

CORRELATED = {CORRELATION: "c0ffee-42"}
REFUSED = {"error": "invalid_client", "description": "authentication failed"}


@pytest.mark.parametrize(
    ("operation", "failure", "told"),
    [
        ("login", Answer(400, REFUSED), ["'queue-ends/genesys'", "genesys_environment"]),
        ("login", Answer(401, REFUSED), ["client id or client secret", "authentication failed"]),
        ("login", problem(429, "Slow down."), ["limits this OAuth client's requests", "429"]),
        ("login", Answer(200, b"<html>"), ["not JSON", "Deploy again"]),
        ("login", Answer(fate="lost"), ["could not be reached", "genesys_environment"]),
        ("list", problem(401, "No such token."), ["did not accept", "genesys_environment"]),
        (
            "list",
            problem(403, "Missing permission."),
            ["event:subscribe:read", "event:subscribe:write", "role", "Missing permission."],
        ),
        (
            "create",
            problem(403, "Missing permission.", **CORRELATED),
            ["event:subscribe:read", "event:subscribe:write", "role", "c0ffee-42"],
        ),
        ("list", problem(404, "No such path."), ['delivery = "eventbridge"', "No such path."]),
        ("create", Answer(404, b"<html>", reason="Not Found"), ['delivery = "eventbridge"']),
        ("list", problem(429, "Slow down."), ["limits this OAuth client's requests", "Slow down."]),
        ("list", problem(429, "x", **{"Retry-After": "999"}), ["limits", "some minutes"]),
        (
            "create",
            problem(400, "Bad filter.", **CORRELATED),
            ["attribute_filter", "Bad filter.", "c0ffee-42"],
        ),
        ("create", problem(409, "Exists."), ["exists already", "another stage"]),
        (
            "list",
            problem(500, "Oops.", **CORRELATED),
            ["Oops.", "Deploy again later", "c0ffee-42"],
        ),
        ("create", problem(500, "Oops."), ["Oops.", "Deploy again later"]),
        ("list", Answer(fate="lost"), ["could not be reached", "genesys_environment"]),
        ("list", Answer(302, None, {"Location": "/login"}), ["302"]),
        ("list", Answer(200, []), ["the answer is no list"]),
        ("read", problem(404, "Gone."), ["cannot be found", "Deploy again"]),
    ],
    ids=str,
)
def test_a_subscription_s_failing_create_says_what_to_do(
    *,
    cloudformation: CloudFormation,
    genesys: GenesysCloud,
    clock: Clock,
    operation: str,
    failure: Answer,
    told: list[str],
) -> None:
    genesys.always(operation, failure)
    answer = cloudformation.create()
    assert answer.status == "FAILED"
    for expected in told:
        assert expected in answer.reason
    assert answer.reason.endswith(".")
    assert "Unexpected" not in answer.reason
    assert clock.now < 225, "the answer must come before the function's timeout"
    assert not genesys.subscriptions


def test_the_tutorials_bad_filter_is_quoted_from_genesys(cloudformation: CloudFormation) -> None:
    reason = cloudformation.create(AttributeFilter=BAD_FILTER).reason
    assert "check the setting attribute_filter" in reason
    assert "attributeFilter: queueId = ( is not JSONata" in reason


def test_a_host_that_is_not_there_is_named(cloudformation: CloudFormation) -> None:
    answer = cloudformation.create(LoginUrl="http://127.0.0.1:1")
    assert "could not be reached (http://127.0.0.1:1" in answer.reason
    assert answer.physical_id.startswith("nothing-created/")


@pytest.mark.parametrize(
    ("held", "told"),
    [
        ({}, "There is no secret 'queue-ends/genesys'"),
        ({"queue-ends/genesys": None}, "marked for deletion"),
        ({"queue-ends/genesys": "id=1"}, "is not JSON"),
        ({"queue-ends/genesys": {"client_id": "x"}}, "lacks client_secret"),
    ],
)
def test_a_secret_that_is_wrong_is_named(
    cloudformation: CloudFormation, genesys: GenesysCloud, held: dict[str, Any], told: str
) -> None:
    cloudformation.secrets = FakeSecrets(**held)
    answer = cloudformation.create()
    assert told in answer.reason
    assert answer.physical_id.startswith("nothing-created/")
    assert not genesys.operations


def test_a_limit_that_lasts_ends_in_time_and_blocks_nothing(
    cloudformation: CloudFormation, genesys: GenesysCloud, clock: Clock
) -> None:
    genesys.always("create", problem(429, "Slow down.", **{"Retry-After": "5"}))
    answer = cloudformation.create()
    assert "limits this OAuth client's requests" in answer.reason
    assert answer.physical_id.startswith("nothing-created/")
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
def test_an_unforeseen_error_is_answered_without_its_text(
    cloudformation: CloudFormation,
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
) -> None:
    def request(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(GenesysClient, "request", request)
    answer = cloudformation.create()
    assert answer.status == "FAILED"
    assert type(error).__name__ in answer.reason
    assert "log" in answer.reason
    assert CLIENT_SECRET not in answer.reason + cloudformation.log
    assert type(error).__name__ in cloudformation.log
    assert "custom_resource.py:" in cloudformation.log, "the log tells where"


@pytest.mark.parametrize("filter_length", [50, 3000, 8000])
def test_a_long_filter_does_not_push_the_advice_out_of_the_response(
    cloudformation: CloudFormation, genesys: GenesysCloud, filter_length: int
) -> None:
    genesys.always("read", Answer(200, {"attributeFilter": "y" * filter_length}))
    answer = cloudformation.create(AttributeFilter="x" * filter_length)
    body = json.loads(answer.body({"StackId": "s" * 150, "RequestId": "r" * 36}))
    assert "Deploy again" in body["Reason"]


def test_an_error_before_the_request_was_understood_has_a_reason() -> None:
    assert "Unexpected GenesysError" in failure_reason(GenesysError("GET", "/x"), None)


def test_the_log_has_a_line_that_says_how_it_ended(cloudformation: CloudFormation) -> None:
    cloudformation.create()
    [line] = [json.loads(line) for line in cloudformation.log.splitlines()]
    assert line["message"] == "answered"
    assert (line["request_type"], line["status"]) == ("Create", "SUCCESS")
    assert line["physical_id"].endswith(NAME)
    assert line["data"] == {"SubscriptionId": "sub-1"}
