"""Calls of AWS: the limits of every client, and which errors may pass."""

import ast
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError, ConnectTimeoutError

from aws_calls import PASSING, code_of, limits, may_pass, status_of

FUNCTIONS = Path(__file__).parents[2] / "functions"


def refusal(code: str = "ValidationException", status: int = 400) -> ClientError:
    answer: Any = {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(answer, "Operation")


@pytest.mark.parametrize("code", sorted(PASSING))
def test_an_error_of_the_service_may_pass_whatever_its_status(code: str) -> None:
    assert may_pass(refusal(code))


@pytest.mark.parametrize(
    ("status", "passes"), [(400, False), (403, False), (429, True), (499, False), (500, True)]
)
def test_an_unknown_error_may_pass_if_its_status_says_so(status: int, passes: bool) -> None:
    assert may_pass(refusal("Unheard", status)) is passes


def test_an_error_has_its_code_or_its_type_and_its_status() -> None:
    assert (code_of(refusal("Busy", 503)), status_of(refusal("Busy", 503))) == ("Busy", 503)
    bare = ClientError({}, "Operation")
    assert (code_of(bare), status_of(bare)) == ("unknown", 0)
    timeout = ConnectTimeoutError(endpoint_url="https://sqs.test")
    assert (code_of(timeout), status_of(timeout)) == ("ConnectTimeoutError", 0)


def test_limits_are_short_and_count_the_first_try() -> None:
    config: Any = limits(read_timeout=3, attempts=2)
    assert (config.connect_timeout, config.read_timeout) == (1, 3)
    assert config.retries == {"total_max_attempts": 2}


def test_every_client_has_limits() -> None:
    made = [
        node
        for file in FUNCTIONS.rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "boto3.client"
    ]
    assert made
    for call in made:
        assert "config" in {keyword.arg for keyword in call.keywords}, ast.unparse(call)
