"""What keeps the offline world offline."""

from pathlib import Path

import pytest

from local.aws.emulator import Emulator, NotLoopback, require_loopback

LOCAL = [
    "http://127.0.0.1:4566",
    "https://127.99.3.4:1",
    "http://localhost:4566",
    "http://[::1]:80",
]
ELSEWHERE = [
    "",
    "https://sqs.us-east-1.amazonaws.com",
    "http://10.0.0.1:4566",
    "http://localhost.example.com",
    "http://127.0.0.1.example.com",
    "http://127.0.0.1@example.com",
    "http://0.0.0.0:4566",
    "127.0.0.1:4566",
]


@pytest.mark.parametrize("endpoint", LOCAL)
def test_loopback_endpoints_are_let_through(endpoint: str) -> None:
    assert require_loopback(endpoint) == endpoint


@pytest.mark.parametrize("endpoint", ELSEWHERE)
def test_every_other_endpoint_is_refused(endpoint: str) -> None:
    with pytest.raises(NotLoopback, match="not on this machine"):
        require_loopback(endpoint)


def test_there_is_no_client_for_an_endpoint_elsewhere() -> None:
    keys = {"AWS_SECRET_ACCESS_KEY": "x"}
    with pytest.raises(NotLoopback):
        Emulator("https://sqs.us-east-1.amazonaws.com", keys, Path("log")).client("sqs")


def test_child_processes_inherit_no_aws_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL_SQS", "CDK_STAGE"):
        monkeypatch.setenv(name, "mine")
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy:3128")
    monkeypatch.setenv("NO_PROXY", "intranet")

    emulator = Emulator("http://127.0.0.1:4566", {"AWS_ACCESS_KEY_ID": "1"}, Path("log"))
    environment = emulator.child_environment(EXTRA="2")

    assert {name for name in environment if name.startswith(("AWS", "CDK"))} == {
        "AWS_ACCESS_KEY_ID"
    }
    assert environment["EXTRA"] == "2"
    assert environment["HTTPS_PROXY"] == "http://proxy:3128"
    assert environment["NO_PROXY"].split(",") == ["intranet", "localhost", "127.0.0.1"]
