"""The reason of an integration's failure says what to do, and shows no secret."""

import pytest

from local.genesys.login import CLIENT_SECRET
from local.genesys.problems import CORRELATION, problem
from local.genesys.stand_in import GenesysCloud
from local.http.messages import Answer
from tests.fakes.aws.cloudformation import CloudFormation
from tests.fakes.aws.partner_events import FakePartnerEventSources
from tests.fakes.clock import Clock
from tests.fakes.deliveries import BAD_TOPIC

FORBIDDEN = problem(403, "You are missing a permission.", **{CORRELATION: "c0ffee-42"})


@pytest.mark.parametrize(
    ("operation", "failure", "expected_words"),
    [
        ("list", FORBIDDEN, ["integrations:integration:view;", "role", "c0ffee-42"]),
        ("create", FORBIDDEN, ["integrations:integration:add;", "view, add, edit and delete"]),
        ("configuration", FORBIDDEN, ["integrations:integration:view;"]),
        ("configure", FORBIDDEN, ["integrations:integration:edit;"]),
        ("switch", FORBIDDEN, ["integrations:integration:edit;", "missing a permission"]),
        ("organization", FORBIDDEN, ["role", "GET /api/v2/organizations/me"]),
        ("create", problem(400, "No such type."), ["amazon-eventbridge-source", "No such type."]),
        ("create", problem(404, "Not found."), ["amazon-eventbridge-source", "Integrations"]),
        ("create", problem(409, "Only one."), ["reached its limit of integrations", "Only one."]),
        ("configure", problem(400, "No such region."), ["configuration", "No such region."]),
        ("configure", problem(409, "Conflict."), ["refused to change", "Conflict."]),
        ("switch", problem(400, "Not now."), ["refused to change", "Not now."]),
        ("list", problem(404, "Not found."), ["Deploy again later", "Not found."]),
        (
            "organization",
            Answer(200, {"id": None}),
            ["the response has another form: expected str, got null - at $.id"],
        ),
    ],
    ids=str,
)
def test_a_failed_create_of_an_integration_says_what_to_do(
    *,
    stack: CloudFormation,
    genesys: GenesysCloud,
    clock: Clock,
    operation: str,
    failure: Answer,
    expected_words: list[str],
) -> None:
    genesys.always(operation, failure)
    response = stack.create()
    assert response.status == "FAILED"
    for expected in expected_words:
        assert expected in response.reason
    assert response.reason.endswith(".")
    assert "Unexpected" not in response.reason
    assert "subscription" not in response.reason
    assert clock.now < 225, "the response must come before the function's timeout"


def test_a_refused_delete_names_the_permission(
    stack: CloudFormation, genesys: GenesysCloud
) -> None:
    stack.create()
    genesys.always("delete", FORBIDDEN)
    assert "integrations:integration:delete;" in stack.delete().reason


def test_a_refused_topic_is_quoted_from_genesys(stack: CloudFormation) -> None:
    assert f"unknown topic {BAD_TOPIC}." in stack.create(Topics=[BAD_TOPIC]).reason


@pytest.mark.parametrize(
    ("failure", "expected_words"),
    [
        ("AccessDeniedException", "its role needs events:DescribeEventSource"),
        ("ThrottlingException", "could not be asked"),
        (RuntimeError(CLIENT_SECRET), "Unexpected RuntimeError"),
    ],
    ids=str,
)
def test_a_failed_aws_call_is_named(
    *,
    stack: CloudFormation,
    eventbridge: FakePartnerEventSources,
    clock: Clock,
    failure: str | Exception,
    expected_words: str,
) -> None:
    eventbridge.permanent_failure = failure
    response = stack.create()
    assert expected_words in response.reason
    assert clock.now < 60 or failure == "ThrottlingException", "only throttling is transient"
    assert CLIENT_SECRET not in response.reason + stack.log


@pytest.mark.parametrize(
    "detail",
    [
        {"message": "It is so."},
        {"messageWithParams": "It is so."},
        {"localizableMessageCode": "It is so."},
    ],
)
def test_an_integration_s_error_detail_is_quoted(
    stack: CloudFormation, genesys: GenesysCloud, detail: dict[str, str]
) -> None:
    reported = {"code": "ERROR", "detail": detail}
    genesys.always("read", Answer(200, {"intendedState": "ENABLED", "reportedState": reported}))
    assert "ERROR (It is so.)" in stack.create().reason


@pytest.mark.parametrize("reported", [{"code": "ERROR", "detail": None}, {"code": "ERROR"}, {}, 7])
def test_an_integration_s_error_without_a_detail_is_an_error(
    stack: CloudFormation, genesys: GenesysCloud, reported: object
) -> None:
    genesys.always("read", Answer(200, {"intendedState": "ENABLED", "reportedState": reported}))
    response = stack.create()
    assert "did not become active" in response.reason
    assert "Unexpected" not in response.reason


def test_an_error_detail_is_quoted_without_the_secret(
    stack: CloudFormation, genesys: GenesysCloud
) -> None:
    genesys.integrations.error = f"{CLIENT_SECRET} is wrong"
    reason = stack.create().reason
    assert "is wrong" in reason
    assert CLIENT_SECRET not in reason
