"""Calls of AWS: how long they may take, how often they are tried, and which errors may pass."""

import ast
import re
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
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
FUNCTIONS = Path(__file__).parents[2] / "functions"


def refusal(code: str = "ValidationException", status: int = 400) -> ClientError:
    answer: Any = {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(answer, "Operation")


@pytest.mark.parametrize("code", sorted(TRANSIENT_CODES))
def test_an_error_of_the_service_may_pass_whatever_its_status(code: str) -> None:
    assert is_transient(refusal(code))


@pytest.mark.parametrize(
    ("status", "passes"), [(400, False), (403, False), (429, True), (499, False), (500, True)]
)
def test_an_unknown_error_may_pass_if_its_status_says_so(status: int, passes: bool) -> None:
    assert is_transient(refusal("Unheard", status)) is passes


@pytest.mark.parametrize(
    ("error", "passes"),
    [
        (ReadTimeoutError(endpoint_url=URL), True),
        (ConnectTimeoutError(endpoint_url=URL), True),
        (TimeoutError(), True),
        (ParamValidationError(report="bad"), False),
    ],
    ids=repr,
)
def test_an_error_without_an_answer_may_pass_unless_nothing_was_sent_for_a_mistake(
    error: BotoCoreError | TimeoutError, passes: bool
) -> None:
    assert is_transient(error) is passes


def test_an_error_has_its_code_or_its_type() -> None:
    assert code_of(refusal("Busy", 503)) == "Busy"
    assert code_of(ClientError({}, "Operation")) == "unknown"
    assert code_of(ConnectTimeoutError(endpoint_url=URL)) == "ConnectTimeoutError"
    assert not is_transient(ClientError({}, "Operation"))


def test_a_client_s_limits_are_short_and_count_the_first_try() -> None:
    config: Any = client_config(read_timeout=3, attempts=2)
    assert (config.connect_timeout, config.read_timeout) == (1, 3)
    assert config.retries == {"total_max_attempts": 2}


class Operation:
    """An operation that fails as a test says, then answers; it counts its calls."""

    def __init__(self, *errors: Exception) -> None:
        self._errors = list(errors)
        self.calls = 0

    def __call__(self, first: str, *, second: str) -> str:
        self.calls += 1
        if self._errors:
            raise self._errors.pop(0)
        return first + second


@pytest.mark.parametrize("ask", [call, call_once])
def test_a_call_that_is_answered_is_made_once(clock: Clock, ask: Callable[..., str]) -> None:
    operation = Operation()
    assert ask(clock.deadline(9), operation, "a", second="b") == "ab"
    assert (operation.calls, clock.pauses) == (1, [])


REPEATED = [
    refusal("ThrottlingException"),
    refusal("Unheard", 503),
    EndpointConnectionError(endpoint_url=URL),
    ConnectTimeoutError(endpoint_url=URL),
    ConnectionClosedError(endpoint_url=URL),
]
NOT_REPEATED = [
    refusal(),
    NoCredentialsError(),
    ParamValidationError(report="bad"),
    ReadTimeoutError(endpoint_url=URL),
    TimeoutError(),
]


@pytest.mark.parametrize("error", REPEATED, ids=repr)
def test_a_call_is_tried_three_times_where_that_may_help(clock: Clock, error: Exception) -> None:
    operation = Operation(error, error)
    assert call(clock.deadline(9), operation, "a", second="b") == "ab"
    assert operation.calls == MAX_ATTEMPTS == 3
    assert [0.05 <= clock.pauses[0] <= 0.1, 0.2 <= clock.pauses[1] <= 0.4] == [True, True]
    failing = Operation(*[error] * 9)
    with pytest.raises(type(error)) as caught:
        call(clock.deadline(9), failing, "a", second="b")
    assert caught.value is error
    assert failing.calls == 3


@pytest.mark.parametrize("error", NOT_REPEATED, ids=repr)
def test_a_call_that_would_fail_again_or_took_long_is_not_repeated(
    clock: Clock, error: Exception
) -> None:
    operation = Operation(error)
    with pytest.raises(type(error)):
        call(clock.deadline(9), operation, "a", second="b")
    assert operation.calls == 1


@pytest.mark.parametrize("error", REPEATED, ids=repr)
def test_a_call_of_one_try_is_not_repeated(clock: Clock, error: Exception) -> None:
    operation = Operation(error)
    with pytest.raises(type(error)):
        call_once(clock.deadline(9), operation, "a", second="b")
    assert operation.calls == 1


def test_no_try_is_begun_after_the_deadline(clock: Clock) -> None:
    operation = Operation(*[refusal("Throttling")] * 3)
    with pytest.raises(ClientError):
        call(clock.deadline(0.1), operation, "a", second="b")
    assert operation.calls < 3
    assert clock.now < 0.1


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.mark.parametrize("ask", [call, call_once])
def test_an_operation_that_hangs_is_interrupted_at_the_deadline(
    clock: Clock, ask: Callable[..., str]
) -> None:
    with pytest.raises(TimeoutError):
        ask(clock.deadline(0.05), lambda: time.sleep(60))
    assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)


@pytest.fixture
def service() -> Iterator[HttpServer]:
    """A service that takes a request and never answers."""
    with HttpServer(lambda _: Answer(fate="hung")) as service:
        yield service


def test_botocore_does_not_try_again_after_an_interruption(service: HttpServer) -> None:
    """It takes an interruption for a connection that failed."""
    sqs = boto3.client(
        "sqs",
        config=client_config(read_timeout=60),
        endpoint_url=service.url,
        region_name="eu-west-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )
    end = time.monotonic() + 0.3
    deadline = Deadline(lambda: end - time.monotonic())
    with pytest.raises(CALL_ERRORS):
        call(deadline, sqs.send_message, QueueUrl=service.url, MessageBody="{}")
    assert len(service.asked) == 1


def test_every_client_has_limits() -> None:
    made = [
        node
        for file in FUNCTIONS.rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "boto3.client"
    ]
    assert made
    for client in made:
        assert "config" in {keyword.arg for keyword in client.keywords}, ast.unparse(client)


def test_the_alarm_is_for_calls_of_aws_the_user_s_code_and_functions_that_must_answer() -> None:
    setting = {
        str(file.relative_to(FUNCTIONS))
        for file in FUNCTIONS.rglob("*.py")
        if "time_limit(" in file.read_text(encoding="utf-8")
    }
    allowed = {"deadline.py", "aws_calls.py"}
    allowed |= {"destinations/user_code.py", "provisioner/custom_resource.py", "watchdog/watch.py"}
    assert setting - allowed == set()


def test_every_operation_of_a_client_is_called_in_time() -> None:
    """Or in a function that has one alarm for all that it does: provisioner and watchdog."""
    operation = re.compile(r"\b_?(dynamodb|events|firehose|secrets|sqs)\.[a-z_]+\(")
    calling = {
        str(file.relative_to(FUNCTIONS))
        for file in FUNCTIONS.rglob("*.py")
        if operation.search(file.read_text(encoding="utf-8"))
    }
    allowed = {"genesys/credentials.py", "genesys/partner_source.py"}
    assert calling - allowed == set()
