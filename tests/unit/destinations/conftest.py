"""Fixtures: a loopback server in place of AWS, and the time limits of the code under test."""

from collections.abc import Callable
from typing import Any

import pytest

import aws_calls
from destinations import call_actions
from local.http.server import HttpServer


@pytest.fixture
def aws(http: HttpServer, monkeypatch: pytest.MonkeyPatch) -> HttpServer:
    """The server that boto3 clients send their requests to."""
    for name, value in {
        "AWS_ENDPOINT_URL": http.url,
        "AWS_REGION": "eu-west-1",
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    return http


@pytest.fixture
def time_limits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Return a list that collects the time limits in seconds, and let none interrupt."""
    limits: list[float] = []

    def call_within(seconds: float, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        limits.append(seconds)
        return function(*args, **kwargs)

    for module in (aws_calls, call_actions):
        monkeypatch.setattr(module, "call_within", call_within)
    return limits
