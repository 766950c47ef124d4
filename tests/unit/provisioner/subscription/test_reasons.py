"""The advice in the reason of a subscription's failure."""

import json

import pytest

from local.genesys.problems import CORRELATION, problem
from local.genesys.stand_in import GenesysCloud
from local.http.messages import Answer
from tests.fakes.aws.cloudformation import CloudFormation
from tests.fakes.deliveries import BAD_FILTER

CORRELATED = {CORRELATION: "c0ffee-42"}


@pytest.mark.parametrize(
    ("operation", "failure", "expected_words"),
    [
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
        (
            "create",
            problem(400, "Bad filter.", **CORRELATED),
            ["attribute_filter", "Bad filter.", "c0ffee-42"],
        ),
        ("create", problem(409, "Exists."), ["exists already", "another stage"]),
    ],
    ids=str,
)
def test_a_failed_create_of_a_subscription_says_what_to_do(
    *,
    subscription_stack: CloudFormation,
    genesys: GenesysCloud,
    operation: str,
    failure: Answer,
    expected_words: list[str],
) -> None:
    genesys.always(operation, failure)
    response = subscription_stack.create()
    assert response.status == "FAILED"
    for expected in expected_words:
        assert expected in response.reason
    assert response.reason.endswith(".")
    assert "Unexpected" not in response.reason
    assert not genesys.subscriptions


def test_an_invalid_filter_is_quoted_from_genesys(subscription_stack: CloudFormation) -> None:
    reason = subscription_stack.create(AttributeFilter=BAD_FILTER).reason
    assert "check the setting attribute_filter" in reason
    assert "attributeFilter: queueId = ( is not JSONata" in reason


@pytest.mark.parametrize("filter_length", [50, 3000, 8000])
def test_a_long_filter_does_not_push_the_hint_out_of_the_response(
    subscription_stack: CloudFormation, genesys: GenesysCloud, filter_length: int
) -> None:
    genesys.always("read", Answer(200, {"attributeFilter": "y" * filter_length}))
    response = subscription_stack.create(AttributeFilter="x" * filter_length)
    body = json.loads(response.body({"StackId": "s" * 150, "RequestId": "r" * 36}))
    assert "Deploy again" in body["Reason"]
