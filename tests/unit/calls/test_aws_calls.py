"""AWS calls: their time limits, their attempts, and which errors are transient."""

import ast
import re
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import botocore.session
import pytest
from botocore import xform_name
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionClosedError,
    ConnectTimeoutError,
    EndpointConnectionError,
    NoCredentialsError,
    ParamValidationError,
    ReadTimeoutError,
)

from aws_calls import (
    CALL_ERRORS,
    MAX_ATTEMPTS,
    TRANSIENT_CODES,
    call,
    call_once,
    client_config,
    code_of,
    is_transient,
)
from deadline import Deadline
from local.http.messages import Answer
from local.http.server import HttpServer
from tests.fakes.clock import Clock

URL = "https://service.example"
FUNCTIONS = Path(__file__).parents[3] / "functions"


def client_error(code: str = "ValidationException", status: int = 400) -> ClientError:
    response: Any = {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(response, "Operation")


@pytest.mark.parametrize("code", sorted(TRANSIENT_CODES))
def test_a_service_error_with_a_transient_code_is_transient_with_any_status(code: str) -> None:
    assert is_transient(client_error(code))


@pytest.mark.parametrize(
    ("status", "transient"), [(400, False), (403, False), (429, True), (499, False), (500, True)]
)
def test_an_unknown_error_is_transient_depending_on_its_status(
    status: int, transient: bool
) -> None:
    assert is_transient(client_error("Unheard", status)) is transient


@pytest.mark.parametrize(
    ("error", "transient"),
    [
        (ReadTimeoutError(endpoint_url=URL), True),
        (ConnectTimeoutError(endpoint_url=URL), True),
        (TimeoutError(), True),
        (ParamValidationError(report="bad"), False),
    ],
    ids=repr,
)
def test_an_error_without_a_response_is_transient_unless_the_parameters_are_invalid(
    error: BotoCoreError | TimeoutError, transient: bool
) -> None:
    assert is_transient(error) is transient


def test_the_code_of_an_error_is_its_own_or_its_type() -> None:
    assert code_of(client_error("Busy", 503)) == "Busy"
    assert code_of(ClientError({}, "Operation")) == "unknown"
    assert code_of(ConnectTimeoutError(endpoint_url=URL)) == "ConnectTimeoutError"
    assert not is_transient(ClientError({}, "Operation"))


def test_a_client_s_limits_are_short_and_include_the_first_attempt() -> None:
    config: Any = client_config(read_timeout_seconds=3, max_attempts=2)
    assert (config.connect_timeout, config.read_timeout) == (1, 3)
    assert config.retries == {"total_max_attempts": 2}


class Operation:
    """An operation that raises the given errors, one a call, and then succeeds."""

    def __init__(self, *errors: Exception) -> None:
        self._errors = list(errors)
        self.calls = 0

    def __call__(self, first: str, *, second: str) -> str:
        self.calls += 1
        if self._errors:
            raise self._errors.pop(0)
        return first + second


@pytest.mark.parametrize("call_function", [call, call_once])
def test_a_successful_call_is_made_once(clock: Clock, call_function: Callable[..., str]) -> None:
    operation = Operation()
    assert call_function(clock.deadline(9), operation, "a", second="b") == "ab"
    assert (operation.calls, clock.pauses) == (1, [])


REPEATABLE_ERRORS = [
    client_error("ThrottlingException"),
    client_error("Unheard", 503),
    EndpointConnectionError(endpoint_url=URL),
    ConnectTimeoutError(endpoint_url=URL),
    ConnectionClosedError(endpoint_url=URL),
]
LASTING_OR_SLOW_ERRORS = [
    client_error(),
    NoCredentialsError(),
    ParamValidationError(report="bad"),
    ReadTimeoutError(endpoint_url=URL),
    TimeoutError(),
]


@pytest.mark.parametrize("error", REPEATABLE_ERRORS, ids=repr)
def test_a_call_with_a_repeatable_error_is_tried_three_times(
    clock: Clock, error: Exception
) -> None:
    operation = Operation(error, error)
    assert call(clock.deadline(9), operation, "a", second="b") == "ab"
    assert operation.calls == MAX_ATTEMPTS == 3
    assert [0.05 <= clock.pauses[0] <= 0.1, 0.2 <= clock.pauses[1] <= 0.4] == [True, True]
    failing_operation = Operation(*[error] * 9)
    with pytest.raises(type(error)) as caught:
        call(clock.deadline(9), failing_operation, "a", second="b")
    assert caught.value is error
    assert failing_operation.calls == 3


@pytest.mark.parametrize("error", LASTING_OR_SLOW_ERRORS, ids=repr)
def test_a_call_with_a_lasting_error_or_a_timeout_is_not_repeated(
    clock: Clock, error: Exception
) -> None:
    operation = Operation(error)
    with pytest.raises(type(error)):
        call(clock.deadline(9), operation, "a", second="b")
    assert operation.calls == 1


@pytest.mark.parametrize("error", REPEATABLE_ERRORS, ids=repr)
def test_call_once_does_not_repeat_a_call(clock: Clock, error: Exception) -> None:
    operation = Operation(error)
    with pytest.raises(type(error)):
        call_once(clock.deadline(9), operation, "a", second="b")
    assert operation.calls == 1


def test_no_attempt_begins_after_the_deadline(clock: Clock) -> None:
    operation = Operation(*[client_error("Throttling")] * 3)
    with pytest.raises(ClientError):
        call(clock.deadline(0.1), operation, "a", second="b")
    assert operation.calls < 3
    assert clock.now < 0.1


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.mark.parametrize("call_function", [call, call_once])
def test_an_operation_that_hangs_is_interrupted_at_the_deadline(
    clock: Clock, call_function: Callable[..., str]
) -> None:
    with pytest.raises(TimeoutError):
        call_function(clock.deadline(0.05), lambda: time.sleep(60))
    assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)


@pytest.fixture
def service() -> Iterator[HttpServer]:
    """A service that accepts requests and never responds."""
    with HttpServer(lambda _: Answer(fate="hung")) as service:
        yield service


def test_botocore_does_not_retry_after_an_interruption(service: HttpServer) -> None:
    """It mistakes an interruption for a failed connection."""
    sqs = boto3.client(
        "sqs",
        config=client_config(read_timeout_seconds=60),
        endpoint_url=service.url,
        region_name="eu-west-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )
    passes_at = time.monotonic() + 0.3
    deadline = Deadline(lambda: passes_at - time.monotonic())
    with pytest.raises(CALL_ERRORS):
        call(deadline, sqs.send_message, QueueUrl=service.url, MessageBody="{}")
    assert len(service.requests) == 1


def calls_in_functions() -> Iterator[tuple[str, ast.Call]]:
    """Yield each call in functions/ with its file."""
    for file in FUNCTIONS.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                yield str(file.relative_to(FUNCTIONS)), node


def client_calls() -> list[ast.Call]:
    """Return the calls that make a client of a service."""
    return [
        node
        for _, node in calls_in_functions()
        if ast.unparse(node.func) in ("boto3.client", "make_client")
        and isinstance(node.args[0], ast.Constant)
    ]


def test_every_client_has_time_limits() -> None:
    assert client_calls()
    for client_call in client_calls():
        if ast.unparse(client_call.func) == "boto3.client":
            assert "config" in {keyword.arg for keyword in client_call.keywords}, ast.unparse(
                client_call
            )


def test_only_calls_actions_and_functions_that_must_respond_use_the_time_limit() -> None:
    files_with_limit = {
        str(file.relative_to(FUNCTIONS))
        for file in FUNCTIONS.rglob("*.py")
        if re.search(r"\b(time_limit|call_within)\(", file.read_text(encoding="utf-8"))
    }
    allowed = {"time_limit.py", "aws_calls.py", "worker/handler.py"}
    allowed |= {
        "destinations/call_actions.py",
        "details/lookup.py",
        "provisioner/custom_resource.py",
        "provisioner/response.py",
        "watchdog/backfill_step.py",
        "watchdog/healing.py",
        "watchdog/queue_check.py",
        "watchdog/watch.py",
    }
    assert files_with_limit - allowed == set()


def test_every_aws_operation_is_called_with_a_time_limit() -> None:
    """The provisioner and the watchdog have one time limit for the whole function instead."""
    session = botocore.session.get_session()
    operations = {
        xform_name(operation)
        for client_call in client_calls()
        for operation in session.get_service_model(
            ast.literal_eval(client_call.args[0])
        ).operation_names
    }
    calling_files = {
        file
        for file, node in calls_in_functions()
        if isinstance(node.func, ast.Attribute) and node.func.attr in operations
    }
    # `socket.create_connection` has the name of an operation of EventBridge.
    assert calling_files - {"destinations/webhook_connection.py"} == {
        "genesys/credentials.py",
        "genesys/partner_source.py",
    }
