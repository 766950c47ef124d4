"""boto3 as in Lambda, but with every service on loopback."""

import pytest

from local.http.server import HttpServer


@pytest.fixture
def aws(http: HttpServer, monkeypatch: pytest.MonkeyPatch) -> HttpServer:
    """What clients that boto3 makes talk to."""
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
