"""Fixtures: a loopback server in place of AWS, and the time limits of the code under test."""

from contextlib import AbstractContextManager, nullcontext

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

    def time_limit(seconds: float) -> AbstractContextManager[None]:
        limits.append(seconds)
        return nullcontext()

    for module in (aws_calls, call_actions):
        monkeypatch.setattr(module, "time_limit", time_limit)
    return limits
