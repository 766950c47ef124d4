"""A third delivery needs only one class and one line in the registry."""

import io
import json
from collections.abc import Mapping
from typing import Any
from uuid import uuid4

import pytest
from aws_lambda_powertools import Logger

from genesys.client import LOGIN_PATH, GenesysClient
from genesys.errors import GenesysError
from local.http.messages import Answer, Request
from local.http.server import HttpServer
from resources.registry import RESOURCES
from resources.resource import Comparison, Resource
from tests.fakes.aws.cloudformation import CloudFormation
from tests.fakes.aws.dynamodb import TABLE
from tests.fakes.aws.partner_events import FakePartnerEventSources
from tests.fakes.aws.secrets_manager import FakeSecrets
from tests.fakes.clock import Clock
from tests.fakes.watchdog import fake_clients
from watchdog.deployment import Deployment
from watchdog.watch import watch

FEED = "Custom::GenesysFeed"
FEEDS = "/api/v2/feeds"


class FeedResource(Resource):
    """An imaginary resource that Genesys Cloud identifies by its name."""

    noun = "feed"
    string_keys = ("Colour",)
    list_keys = ()
    scopes = "feeds"

    def __init__(self, properties: Mapping[str, Any]) -> None:
        super().__init__(properties)
        self.path, self.colour = f"{FEEDS}/{self.name}", properties["Colour"]

    def ensure(
        self,
        genesys: GenesysClient,
        eventbridge: object,
        *,
        old_properties: Mapping[str, Any] | None,
        cleanup_client: GenesysClient,
    ) -> dict[str, str]:
        genesys.request("PUT", self.path, body={"colour": self.colour})
        return {"Former": str((old_properties or {}).get("Colour"))}

    def remove(self, genesys: GenesysClient, *, resource_may_yet_appear: bool) -> None:
        genesys.request("DELETE", self.path)

    def compare(self, genesys: GenesysClient, eventbridge: object) -> Comparison:
        colour = genesys.request("GET", self.path)["colour"]
        different = [f"The feed is {colour}."] if colour != self.colour else []
        return Comparison((self.name,), tuple(different))

    def hint(self, error: GenesysError) -> str | None:
        return "Choose another colour." if error.status == 409 else None


class Org:
    """An org with feeds, which refuses the colour green."""

    def __init__(self) -> None:
        self.feeds: dict[str, dict[str, Any]] = {}
        self.scopes: list[str] = []

    def __call__(self, request: Request) -> Answer:
        if request.path == LOGIN_PATH:
            self.scopes.append(request.form["scope"])
            return Answer(200, {"access_token": "t", "expires_in": 60})
        match request.method:
            case "PUT" if request.json["colour"] == "green":
                return Answer(409, {"message": "No green."})
            case "PUT":
                self.feeds[request.path] = request.json
            case "DELETE":
                self.feeds.pop(request.path, None)
        return Answer(200, self.feeds.get(request.path))


@pytest.fixture(autouse=True)
def registered(monkeypatch: pytest.MonkeyPatch, time_passes: None) -> None:
    monkeypatch.setitem(RESOURCES, FEED, FeedResource)


@pytest.fixture
def org(http: HttpServer) -> Org:
    http.respond = org = Org()
    return org


@pytest.fixture
def stack(
    *,
    http: HttpServer,
    clock: Clock,
    secrets: FakeSecrets,
    eventbridge: FakePartnerEventSources,
    org: Org,
) -> CloudFormation:
    stack = CloudFormation(http.url, clock, secrets, eventbridge, FEED)
    stack.properties |= {"Name": "n", "Colour": "red", "SecretName": "queue-ends/genesys"}
    return stack


def test_a_third_delivery_is_created_changed_and_removed(
    stack: CloudFormation, org: Org, http: HttpServer
) -> None:
    created = stack.create()
    assert (created.status, created.data) == ("SUCCESS", {"Former": "None"})
    assert created.physical_id == f"{http.url.removeprefix('http://')}/n"
    assert org.feeds == {f"{FEEDS}/n": {"colour": "red"}}

    changed = stack.update(Colour="blue")
    assert (changed.status, changed.data) == ("SUCCESS", {"Former": "red"})
    assert changed.physical_id == created.physical_id
    assert org.feeds == {f"{FEEDS}/n": {"colour": "blue"}}

    assert stack.delete().status == "SUCCESS"
    assert org.feeds == {}
    assert set(org.scopes) == {"feeds"}


def test_a_third_delivery_s_failures_have_reasons(
    stack: CloudFormation, org: Org, secrets: FakeSecrets
) -> None:
    assert "missing or wrong: Colour" in stack.create(Colour=5).reason
    assert stack.create(Colour="green").reason.startswith("Choose another colour. PUT")
    stack.create(Colour="red")
    secrets.held.clear()
    assert "remove the feed 'n' in Genesys Cloud by hand" in stack.delete().reason


@pytest.mark.parametrize(("colour", "differences"), [("red", []), ("blue", ["The feed is blue."])])
def test_a_third_delivery_is_watched(
    *,
    stack: CloudFormation,
    org: Org,
    clock: Clock,
    secrets: FakeSecrets,
    colour: str,
    differences: list[str],
) -> None:
    stack.create()
    org.feeds[f"{FEEDS}/n"]["colour"] = colour
    deployed = {"ResourceType": FEED, "ResourceProperties": stack.properties}
    deployment = Deployment.from_environment(
        {"STAGE": "dev", "DEPLOYED": json.dumps(deployed), "LEDGER_TABLE": TABLE}
    )
    logger = Logger(service=uuid4().hex, stream=io.StringIO())
    result = watch(deployment, clock.invocation(), fake_clients(secrets), logger)
    assert result["differences"] == differences
