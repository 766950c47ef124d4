"""The provisioner's entry point sends a response to every request."""

import importlib
import json
import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import boto3
import pytest

from local.genesys.stand_in import GenesysCloud
from local.http.messages import Answer, Request
from local.http.server import HttpServer
from provisioner.response import ResponseNotSent
from tests.fakes.aws.cloudformation import CloudFormation
from tests.fakes.aws.partner_events import FakePartnerEventSources
from tests.fakes.aws.secrets_manager import FakeSecrets
from tests.fakes.aws.stacks import STACK_ID, FakeStacks
from tests.fakes.clock import Clock


@pytest.fixture
def module(
    secrets: FakeSecrets, eventbridge: FakePartnerEventSources, monkeypatch: pytest.MonkeyPatch
) -> Iterator[ModuleType]:
    stacks = FakeStacks()
    stacks.status = "CREATE_IN_PROGRESS"
    clients = {"secretsmanager": secrets, "events": eventbridge, "cloudformation": stacks}
    monkeypatch.setattr(boto3, "client", lambda service, **_: clients[service])
    sys.modules.pop("provisioner.handler", None)
    yield importlib.import_module("provisioner.handler")
    sys.modules.pop("provisioner.handler", None)


def response_in(http: HttpServer) -> dict[str, Any]:
    """Return the only response that CloudFormation got."""
    [request] = http.requests_for("/answer")
    assert request.method == "PUT"
    assert len(request.body) <= 4096
    response: dict[str, Any] = json.loads(request.body)
    return response


@pytest.fixture
def event(http: HttpServer, subscription_stack: CloudFormation) -> dict[str, Any]:
    genesys = http.respond
    assert isinstance(genesys, GenesysCloud)

    def respond(request: Request) -> Answer:
        return Answer() if request.path == "/answer" else genesys(request)

    http.respond = respond
    return {
        "RequestType": "Create",
        "RequestId": "r-1",
        "StackId": STACK_ID,
        "LogicalResourceId": "SubscriptionSpec",
        "ResourceType": "Custom::GenesysSubscription",
        "ResponseURL": f"{http.url}/answer?X-Amz-Signature=s1gnature",
        "ResourceProperties": subscription_stack.properties,
    }


def test_a_create_is_carried_out_and_responded_to(
    *,
    module: ModuleType,
    http: HttpServer,
    genesys: GenesysCloud,
    clock: Clock,
    event: dict[str, Any],
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert module.handler(event, clock.invocation()) is None
    response = response_in(http)
    assert (response["Status"], response["Data"]) == ("SUCCESS", {"SubscriptionId": "sub-1"})
    assert (response["StackId"], response["RequestId"]) == (STACK_ID, "r-1")
    assert response["LogicalResourceId"] == "SubscriptionSpec"
    assert list(genesys.subscriptions) == ["sub-1"]
    written = capsys.readouterr()
    assert "s1gnature" not in written.out + written.err


@pytest.mark.parametrize(
    "invalid_fields",
    [
        {"ResourceProperties": None},
        {"ResourceProperties": {}},
        {"ResourceProperties": []},
        {"ResourceProperties": "text"},
        {"ResourceProperties": [["Name", "x"]]},
        {"RequestType": None},
        {"RequestType": "Destroy"},
        {"RequestType": ["Create"]},
        {"RequestType": "D" * 6000},
        {"ResourceType": "Custom::Other"},
        {"ResourceType": ["Custom::GenesysSubscription"]},
        {"ResourceType": "Custom::GenesysEventSource"},
        {"ResourceType": "Custom::GenesysEventSourceActive"},
        {"ResourceType": "Custom::GenesysEventSourceActive", "ResourceProperties": ["x"]},
        {"ResourceType": "Custom::GenesysEventSourceActive", "RequestType": "Destroy"},
        {"RequestType": "Update"},
        {"RequestType": "Update", "OldResourceProperties": ["x"]},
        {"RequestType": "Update", "PhysicalResourceId": 5},
        {"RequestType": "Update", "PhysicalResourceId": "i" * 5000},
        {"RequestType": "Delete", "ResourceProperties": {"Name": {"a": 1}}},
        {"RequestType": "Delete", "PhysicalResourceId": {"a": 1}, "ResourceProperties": 7},
        {"StackId": None, "RequestId": None, "LogicalResourceId": None, "RequestType": "?"},
    ],
    ids=lambda invalid_fields: json.dumps(invalid_fields)[:60],
)
def test_an_invalid_request_gets_a_failure_response(
    *,
    module: ModuleType,
    http: HttpServer,
    genesys: GenesysCloud,
    clock: Clock,
    event: dict[str, Any],
    invalid_fields: dict[str, Any],
) -> None:
    module.handler(event | invalid_fields, clock.invocation())
    [request] = http.requests_for("/answer")
    response = json.loads(request.body)
    assert response["Status"] == "FAILED"
    assert response["Reason"]
    assert "Unexpected" not in response["Reason"]
    assert len(request.body) <= 4096
    assert isinstance(response["PhysicalResourceId"], str)
    assert response["PhysicalResourceId"]
    assert not genesys.subscriptions


@pytest.mark.parametrize(
    ("missing", "expected"),
    [
        ("ResourceProperties", "FAILED"),
        ("ResourceType", "FAILED"),
        ("RequestType", "FAILED"),
        ("RequestId", "SUCCESS"),
        ("StackId", "FAILED"),
    ],
)
def test_an_event_without_a_field_gets_a_response(
    *,
    module: ModuleType,
    http: HttpServer,
    clock: Clock,
    event: dict[str, Any],
    missing: str,
    expected: str,
) -> None:
    del event[missing]
    module.handler(event, clock.invocation())
    assert response_in(http)["Status"] == expected


@pytest.mark.parametrize("url", [None, 5, "", "http://s3.example/answer", "text"])
def test_an_event_to_which_nobody_can_respond_is_refused_before_anything_is_done(
    module: ModuleType, http: HttpServer, clock: Clock, event: dict[str, Any], url: object
) -> None:
    for odd in (event | {"ResponseURL": url}, {}, [event]):
        with pytest.raises(ResponseNotSent, match="no ResponseURL with https"):
            module.handler(odd, clock.invocation())
    assert not http.requests
