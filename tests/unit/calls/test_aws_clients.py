"""The worker's clients send and return the same as others, without botocore's own steps."""

import io
import json
import sys
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import boto3
import botocore
import pytest
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.exceptions import ClientError

import aws_clients
from aws_clients import LazyClient, make_client

TABLE = "QueueEnds-dev-Ledger"
KEY = {"conversation_id": {"S": "Grüße \u2028"}, "queue_id": {"S": "q"}}
CALLS = [
    pytest.param(
        "dynamodb",
        "batch_execute_statement",
        {
            "Statements": [
                {
                    "Statement": 'UPDATE "T" SET "state"=?',
                    "Parameters": [{"S": "done"}, {"N": "-1"}, {"L": [{"S": "bus"}]}, {"L": []}],
                }
            ]
        },
        {
            "Responses": [
                {"TableName": TABLE},
                {"TableName": TABLE, "Error": {"Code": "DuplicateItem", "Message": "Duplicate"}},
            ]
        },
        id="BatchExecuteStatement",
    ),
    pytest.param(
        "dynamodb",
        "batch_get_item",
        {"RequestItems": {TABLE: {"Keys": [KEY], "ConsistentRead": True}}},
        {
            "Responses": {TABLE: [{**KEY, "delivered": {"L": []}, "dated": {"BOOL": True}}]},
            "UnprocessedKeys": {TABLE: {"Keys": [KEY], "ConsistentRead": True}},
        },
        id="BatchGetItem",
    ),
    pytest.param(
        "events",
        "put_events",
        {
            "Entries": [
                {"EventBusName": "b", "Time": 1795428000, "Resources": [], "Detail": '{"a":"Ä"}'}
            ]
        },
        {
            "FailedEntryCount": 1,
            "Entries": [{"EventId": "e"}, {"ErrorCode": "InternalFailure", "ErrorMessage": "m"}],
        },
        id="PutEvents",
    ),
]


@pytest.fixture(params=["with boto3", "without boto3"])
def has_boto3(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the code under test believe that boto3 was imported, or not."""
    if request.param == "without boto3":
        monkeypatch.delitem(sys.modules, "boto3")


@pytest.fixture
def aws_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
    }.items():
        monkeypatch.setenv(name, value)


class Exchange:
    """Answers a client's request, and keeps it.

    Attributes
    ----------
    status, answer
        The response's HTTP status and body.
    """

    def __init__(self, client: Any, answer: object, status: int = 200) -> None:
        self.status = status
        self.answer = json.dumps(answer).encode()
        self.requests: list[AWSPreparedRequest] = []
        client.meta.events.register("before-send", self._respond)

    def _respond(self, request: AWSPreparedRequest, **_: Any) -> AWSResponse:
        self.requests.append(request)
        headers: Any = {"x-amzn-RequestId": "r", "Content-Type": "application/x-amz-json-1.0"}
        return AWSResponse(request.url, self.status, headers, _Stream(self.answer))


class _Stream(io.BytesIO):
    def stream(self, **_: Any) -> Iterator[bytes]:
        yield self.read()


def sent(exchange: Exchange) -> tuple[str, dict[str, str], Any]:
    """Return a request's address, its headers that do not depend on the moment, and its body."""
    (request,) = exchange.requests
    names = ["Content-Type", "X-Amz-Target", "Content-Length"]
    headers = {name: str(request.headers[name]) for name in names if name in request.headers}
    headers.pop("Content-Length")  # botocore writes spaces between the values
    body: Any = request.body
    return request.url, headers, json.loads(body)


@pytest.mark.parametrize(("service", "operation", "parameters", "answer"), CALLS)
@pytest.mark.usefixtures("aws_variables", "has_boto3")
def test_a_call_is_the_same_as_with_other_clients(
    service: Any, operation: str, parameters: dict[str, Any], answer: dict[str, Any]
) -> None:
    ours, others = make_client(service), boto3.client(service)
    exchanges = [Exchange(client, answer) for client in (ours, others)]
    responses = [getattr(client, operation)(**parameters) for client in (ours, others)]
    assert responses[0] == responses[1]
    assert sent(exchanges[0]) == sent(exchanges[1])


@pytest.mark.parametrize(("service", "operation", "parameters", "answer"), CALLS)
@pytest.mark.usefixtures("aws_variables", "has_boto3")
def test_an_error_is_the_same_as_with_other_clients(
    service: Any, operation: str, parameters: dict[str, Any], answer: dict[str, Any]
) -> None:
    error = {"__type": "com.amazon.coral.validate#ValidationException", "message": "wrong"}
    for client in (make_client(service), boto3.client(service)):
        Exchange(client, error, status=400)
        with pytest.raises(ClientError) as caught:
            getattr(client, operation)(**parameters)
        assert caught.value.response["Error"]["Code"] == "ValidationException"


@pytest.mark.parametrize(("service", "operation", "parameters", "answer"), CALLS)
@pytest.mark.usefixtures("aws_variables")
def test_a_response_that_is_no_json_is_the_same_as_with_other_clients(
    service: Any, operation: str, parameters: dict[str, Any], answer: dict[str, Any]
) -> None:
    responses = []
    for client in (make_client(service), boto3.client(service)):
        exchange = Exchange(client, answer)
        exchange.answer = b'{"Respon'
        responses.append(getattr(client, operation)(**parameters))
    assert responses[0] == responses[1]


@pytest.mark.parametrize(("service", "operation", "parameters", "answer"), CALLS)
@pytest.mark.usefixtures("aws_variables")
def test_botocore_still_has_the_parts_that_make_a_call_cheap(
    service: Any, operation: str, parameters: dict[str, Any], answer: dict[str, Any]
) -> None:
    """If this fails after an update of botocore, calls work, but take twice the CPU time."""
    client = make_client(service)
    exchange = Exchange(client, {**answer, "Unknown": 1})
    # botocore itself would refuse the unknown parameter, and drop the unknown member.
    response = getattr(client, operation)(**parameters, Unknown=1)
    assert response["Unknown"] == 1
    assert sent(exchange)[2] == {**parameters, "Unknown": 1}


def test_a_client_without_these_parts_is_left_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    bare_client = SimpleNamespace()
    monkeypatch.setattr(boto3, "client", lambda *_, **__: bare_client)
    assert make_client("dynamodb") is bare_client
    assert vars(bare_client) == {}


@pytest.mark.usefixtures("aws_variables")
def test_other_operations_work_as_with_other_clients() -> None:
    client = make_client("dynamodb")
    exchange = Exchange(client, {"Attributes": {"next_at": {"N": "1"}}})
    response = client.update_item(TableName=TABLE, Key=KEY, UpdateExpression="SET a = :b")
    assert response["Attributes"] == {"next_at": {"N": "1"}}
    assert sent(exchange)[2] == {"TableName": TABLE, "Key": KEY, "UpdateExpression": "SET a = :b"}


@pytest.mark.usefixtures("aws_variables")
def test_the_user_agent_names_the_project_and_the_app_id(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SDK_UA_APP_ID", "my-app")
    client = make_client("dynamodb")
    exchange = Exchange(client, {})
    client.list_tables()
    user_agent = str(exchange.requests[0].headers["User-Agent"])
    assert user_agent.startswith(f"b'queue-ends Botocore/{botocore.__version__} app/my-app ")


@pytest.mark.usefixtures("aws_variables")
def test_a_lazy_client_is_made_once_and_not_before_its_first_call(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made: list[str] = []

    def make(service: str) -> Any:
        made.append(service)
        return SimpleNamespace(send=lambda: "sent", receive=lambda: "received")

    monkeypatch.setattr(aws_clients, "make_client", make)
    client = LazyClient("sqs")
    assert made == []
    assert (client.send(), client.receive()) == ("sent", "received")
    assert made == ["sqs"]


@pytest.mark.usefixtures("aws_variables")
def test_boto3_s_default_session_is_used_if_the_user_s_code_has_imported_boto3(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", boto3.Session(region_name="ap-southeast-2"))
    assert make_client("sqs").meta.region_name == "ap-southeast-2"
    monkeypatch.delitem(sys.modules, "boto3")
    assert make_client("sqs").meta.region_name == "eu-west-1"


@pytest.mark.usefixtures("aws_variables")
@pytest.mark.parametrize("service", aws_clients.SERVICES)
def test_a_client_made_without_boto3_knows_all_operations_of_its_service(
    service: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    others = boto3.client(service)
    monkeypatch.delitem(sys.modules, "boto3")
    ours = make_client(service)
    assert ours.meta.method_to_api_mapping == others.meta.method_to_api_mapping
    assert ours.meta.endpoint_url == others.meta.endpoint_url
