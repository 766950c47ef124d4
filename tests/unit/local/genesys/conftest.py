"""Fixtures: the stand-in with a clock that tests move, and clients of its API."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import requests

from local.genesys.login import LOGIN
from local.genesys.stand_in import GenesysCloud
from local.genesys.subscriptions import SUBSCRIPTIONS
from tests.fakes.clock import Clock

ARN = "arn:aws:sqs:us-east-1:111122223333:queue-ends-dev-intake"


class Api(requests.Session):
    """A client of the stand-in."""

    def __init__(self, genesys: GenesysCloud) -> None:
        super().__init__()
        self.genesys = genesys
        self.trust_env = False

    def login(self, **changes: str) -> requests.Response:
        """Log in and use the token from now on."""
        answer = self.post(
            self.genesys.url + LOGIN,
            data={
                "grant_type": "client_credentials",
                "client_id": self.genesys.client_id,
                "client_secret": self.genesys.client_secret,
                **changes,
            },
        )
        if answer.ok:
            self.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
        return answer

    def call(self, method: str, path: str = "", **options: Any) -> requests.Response:
        """Call the API, at a path below that of the subscriptions unless it is absolute."""
        place = path if path.startswith("/api") else SUBSCRIPTIONS + path
        return self.request(method, self.genesys.url + place, timeout=10, **options)

    def subscribe(self, **changes: Any) -> dict[str, Any]:
        """Create a subscription and return it."""
        answer = self.call("POST", json=wanted(**changes))
        assert answer.status_code == 201, answer.text
        body: dict[str, Any] = answer.json()
        return body


def wanted(**changes: Any) -> dict[str, Any]:
    """Return a subscription as the body of a request."""
    return {
        "name": "queue-ends-dev",
        "description": "made by a test",
        "eventTypes": ["event:conversation:end"],
        "attributeFilter": "queueId = 'q1'",
        "destination": {"type": "aws_sqs", "awsSqs": {"arn": ARN, "region": "us-east-1"}},
        "status": "active",
        **changes,
    }


@pytest.fixture
def sent() -> list[tuple[str, str, list[str]]]:
    """A list for the queue ARN, region and bodies of each call of the sender."""
    return []


@pytest.fixture
def genesys(clock: Clock, sent: list[tuple[str, str, list[str]]]) -> Iterator[GenesysCloud]:
    """Run the stand-in; its entities are active at once."""
    with GenesysCloud(lambda *parts: sent.append(parts), clock=clock) as running:
        subscriptions = running.subscriptions
        subscriptions.activation_seconds = subscriptions.activation_reads = 0
        yield running


@pytest.fixture
def stranger(genesys: GenesysCloud) -> Iterator[Api]:
    """A client that is not logged in."""
    with Api(genesys) as session:
        yield session


@pytest.fixture
def api(stranger: Api) -> Api:
    assert stranger.login().ok
    return stranger
