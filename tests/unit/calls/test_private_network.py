"""A call from a private network that gets no answer says what the network needs."""

import socket
import threading
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from botocore.exceptions import ConnectTimeoutError, EndpointConnectionError, ReadTimeoutError

from aws_calls import describe
from destinations.archive import Archive
from destinations.bus import Bus
from destinations.webhook_signature import SecretUnusable, SigningKeys
from genesys.credentials import load_credentials
from genesys.errors import CredentialsError, Unreachable
from genesys.partner_source import SourceNotReady, wait_for_state
from local.http.messages import Answer
from local.http.server import HttpServer
from private_network import explain_no_answer
from provisioner.failure_reason import failure_reason
from provisioner.response import Response, ResponseNotSent, send
from resources.registry import parse_resource
from resources.stack_status import StackStatusUnknown, read_stack_status
from tests.fakes.aws.cloudformation import PROPERTIES, SUBSCRIPTION
from tests.fakes.aws.dynamodb import client_error
from tests.fakes.aws.stacks import STACK_NAME, FakeStacks
from tests.fakes.clock import Clock
from tests.fakes.ends import make_end
from tests.fakes.webhook_receiver import LONG_SECONDS, deliver_ends, tcp_server, webhook_to

NO_WAY = ConnectTimeoutError(endpoint_url="https://service.eu-west-1.amazonaws.com")


@pytest.fixture
def private(monkeypatch: pytest.MonkeyPatch) -> None:
    """The function is in a private network."""
    monkeypatch.setenv("PRIVATE_NETWORK", "true")


class Unreached:
    """A client for AWS whose every call meets an error."""

    def __init__(self, error: Exception = NO_WAY) -> None:
        self._error = error

    def __getattr__(self, _operation: str) -> Callable[..., Any]:
        def fail(**_: Any) -> Any:
            raise self._error

        return fail


def unreached() -> Any:
    return Unreached()


def test_the_advice_names_the_setting_the_ways_and_the_page() -> None:
    environment = {"PRIVATE_NETWORK": "true"}
    assert explain_no_answer("TimeoutError", "SQS", environment) == (
        "TimeoutError; the function's private network, set by vpc_subnet_ids, needs a way to SQS: "
        "a NAT gateway or the interface endpoint sqs, see docs/network.md"
    )
    assert "Genesys Cloud: a NAT gateway or another route" in explain_no_answer(
        "no answer", "Genesys Cloud", environment
    )


@pytest.mark.parametrize("environment", [{}, {"PRIVATE_NETWORK": "false"}])
def test_outside_a_private_network_there_is_no_advice(environment: dict[str, str]) -> None:
    assert explain_no_answer("TimeoutError", "SQS", environment) == "TimeoutError"


@pytest.mark.parametrize(
    ("error", "is_explained"),
    [
        (NO_WAY, True),
        (EndpointConnectionError(endpoint_url="https://x.example"), True),
        (ReadTimeoutError(endpoint_url="https://x.example"), True),
        (TimeoutError("took longer than 2.0 s"), True),
        (client_error("AccessDeniedException"), False),
        (client_error("InternalServerError", 500), False),
    ],
)
def test_only_a_call_without_an_answer_gets_the_advice(
    private: None, error: Any, *, is_explained: bool
) -> None:
    assert ("private network" in describe(error, "DynamoDB")) is is_explained


def _load_credentials() -> str:
    with pytest.raises(CredentialsError) as caught:
        load_credentials(unreached(), "queue-ends/genesys", Clock().deadline(10))
    return str(caught.value)


def _read_signing_key() -> str:
    with pytest.raises(SecretUnusable) as caught:
        SigningKeys(unreached(), "queue-ends/webhook").current(Clock().deadline(10))
    return str(caught.value)


def _read_stack_status() -> str:
    stacks: Any = FakeStacks()
    stacks.next_failures.extend([NO_WAY] * 9)
    with pytest.raises(StackStatusUnknown) as caught:
        read_stack_status(stacks, STACK_NAME, Clock().deadline(5))
    return str(caught.value)


def _wait_for_source() -> str:
    with pytest.raises(SourceNotReady) as caught:
        wait_for_state(
            unreached(), "source", ("ACTIVE",), Clock().deadline(5), explanation_if_missing=""
        )
    return str(caught.value)


def _put_on_bus() -> str:
    (receipt,) = Bus(unreached(), "bus").deliver([make_end()], Clock().deadline(5))
    return receipt.detail


def _put_in_archive() -> str:
    (receipt,) = Archive(unreached(), "stream").deliver([make_end()], Clock().deadline(5))
    return receipt.detail


@pytest.mark.parametrize(
    ("call", "target"),
    [
        (_load_credentials, "Secrets Manager: a NAT gateway or the interface endpoint secretsm"),
        (_read_signing_key, "Secrets Manager"),
        (_read_stack_status, "CloudFormation: a NAT gateway or the interface endpoint cloudform"),
        (_wait_for_source, "EventBridge: a NAT gateway or the interface endpoint events"),
        (_put_on_bus, "EventBridge"),
        (_put_in_archive, "Firehose: a NAT gateway or the interface endpoint kinesis-firehose"),
    ],
)
def test_a_service_that_does_not_answer_is_named(
    monkeypatch: pytest.MonkeyPatch, call: Callable[[], str], target: str
) -> None:
    assert "ConnectTimeoutError" in call()
    assert "private network" not in call()
    monkeypatch.setenv("PRIVATE_NETWORK", "true")
    assert f"private network, set by vpc_subnet_ids, needs a way to {target}" in call()


def test_a_deploy_that_cannot_reach_genesys_cloud_says_so(private: None) -> None:
    url = "http://127.0.0.1:1"
    resource = parse_resource(
        SUBSCRIPTION, {**PROPERTIES[SUBSCRIPTION], "LoginUrl": url, "ApiUrl": url}
    )
    secrets: Any = _Held()
    client = resource.make_client(
        load_credentials(secrets, "org", Clock().deadline(5)), Clock().deadline(5)
    )
    with pytest.raises(Unreachable) as caught:
        client.request("GET", "/api/v2/anything")
    for error in (caught.value, TimeoutError()):
        assert "needs a way to Genesys Cloud: a NAT gateway" in failure_reason(error, resource)


class _Held:
    def get_secret_value(self, **_: Any) -> dict[str, str]:
        return {"SecretString": '{"client_id": "id", "client_secret": "secret"}'}


def test_a_response_that_does_not_get_to_cloudformation_names_s3(
    private: None, http: HttpServer, clock: Clock
) -> None:
    deadline = clock.deadline(20)
    event = {"ResponseURL": "http://127.0.0.1:1/answer"}
    with pytest.raises(ResponseNotSent, match="way to S3: a NAT gateway or the gateway endpoint"):
        send(Response("SUCCESS", "id"), event, deadline)
    http.respond = lambda _: Answer(403)
    with pytest.raises(ResponseNotSent, match=r"answered with 403$"):
        send(Response("SUCCESS", "id"), event | {"ResponseURL": f"{http.url}/answer"}, deadline)


def _no_such_host(_host: str, _port: int) -> Sequence[str]:
    raise socket.gaierror


def test_a_webhook_s_host_that_cannot_be_resolved_or_connected_to_needs_a_way(
    private: None,
) -> None:
    with webhook_to("https://hooks.example", resolve=_no_such_host) as webhook:
        detail = deliver_ends(webhook)[0].detail
    assert detail.startswith("the host's name cannot be resolved; the function's private network")

    is_over = threading.Event()

    def hang(_host: str, _port: int) -> Sequence[str]:
        is_over.wait(LONG_SECONDS)
        return []

    with webhook_to("https://hooks.example", resolve=hang, call_seconds=0.1) as webhook:
        detail = deliver_ends(webhook)[0].detail
    is_over.set()
    assert detail.startswith("no answer within 0.1 s; the function's private network")
    assert "needs a way to the webhook's host: a NAT gateway or another route" in detail


def test_a_webhook_that_is_connected_to_but_slow_needs_no_other_way(private: None) -> None:
    def never_answer(connection: socket.socket) -> None:
        while connection.recv(1024):  # until the worker gives up
            pass

    with tcp_server(never_answer) as url, webhook_to(url, call_seconds=0.2) as webhook:
        assert deliver_ends(webhook)[0].detail == "no answer within 0.2 s"
