"""However hostile Genesys Cloud is, CloudFormation gets one response, in time, with its reason."""

import importlib
import io
import json
import re
import sys
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest

from deadline import LimitedStream
from local.genesys.login import CLIENT_SECRET
from local.http.messages import Answer, Request
from local.http.server import HttpServer
from outside_text import Cleaner
from provisioner.response import MAX_BYTES, Response
from tests.fakes.clock import Clock
from tests.unit.provisioner.conftest import StackResource
from tests.unit.provisioner.hostile.behaviours import ALL, Behaviour

BYTE_SECONDS = 0.6


class Wire:
    """The network, on which the answers of a hostile Genesys Cloud may drip."""

    def __init__(self, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
        self.drips = ""
        self._clock = clock
        self._received = b""
        self._read = LimitedStream.readinto

        def readinto(reader: LimitedStream, into: Any) -> int | None:
            return self._readinto(reader, into)

        monkeypatch.setattr(LimitedStream, "readinto", readinto)

    def begin_answer(self, drips: str) -> None:
        self.drips, self._received = drips, b""

    def _readinto(self, reader: LimitedStream, into: Any) -> int | None:
        count = self._read(reader, memoryview(into)[:1])
        if self.drips == "head" or (self.drips and b"\r\n\r\n" in self._received):
            self._clock.sleep(BYTE_SECONDS)
        self._received += bytes(into[:1])
        return count


@pytest.fixture
def log() -> io.StringIO:
    """The provisioner's log."""
    return io.StringIO()


@pytest.fixture
def carry_out(
    resource: StackResource, log: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[dict[str, Any]], None]]:
    """The provisioner's own handler."""
    stack = resource.stack
    clients = {
        "secretsmanager": stack.secrets,
        "events": stack.eventbridge,
        "cloudformation": stack.stacks,
    }
    monkeypatch.setattr(boto3, "client", lambda service, **_: clients[service])
    sys.modules.pop("provisioner.handler", None)
    module = importlib.import_module("provisioner.handler")
    # The logger keeps the stream of the first test that has imported the module.
    monkeypatch.setattr(module.logger.registered_handler, "stream", log)

    def handle(event: dict[str, Any]) -> None:
        module.handler(event, stack.clock.invocation(stack.invocation_seconds))

    yield handle
    sys.modules.pop("provisioner.handler", None)


@pytest.mark.usefixtures("hanging_requests")
@pytest.mark.parametrize("kind", ["Create", "Update", "Delete"])
@pytest.mark.parametrize("behaviour", ALL)
def test_a_hostile_genesys_cloud_gets_one_clear_response_in_time(
    *,
    resource: StackResource,
    http: HttpServer,
    clock: Clock,
    carry_out: Callable[[dict[str, Any]], None],
    monkeypatch: pytest.MonkeyPatch,
    log: io.StringIO,
    behaviour: Behaviour,
    kind: str,
) -> None:
    stack = resource.stack
    if kind != "Create":
        assert stack.create().status == "SUCCESS"
        resource.genesys.tokens.clear()
    monkeypatch.setattr("genesys.client.MAX_PAGES", 20)
    wire = Wire(clock, monkeypatch) if behaviour.drips else None
    sent: list[dict[str, Any]] = []
    hostile_count = 0

    def respond(request: Request) -> Answer:
        nonlocal hostile_count
        if wire:
            wire.begin_answer("")
        if request.path == "/answer":
            assert len(request.body) <= MAX_BYTES
            sent.append(json.loads(request.body))
            return Answer()
        if resource.genesys.operation_of(request) not in behaviour.operations:
            return resource.genesys(request)
        hostile_count += 1
        if wire:
            wire.begin_answer(behaviour.drips)
        return behaviour.reply(resource, request)

    def through_handler(event: dict[str, Any]) -> Response:
        carry_out(event | {"ResponseURL": f"{http.url}/answer?X-Amz-Signature=s1gnature"})
        [one] = sent
        return Response(one["Status"], one["PhysicalResourceId"], one["Reason"], one["Data"])

    behaviour.begin(resource)
    http.respond = respond
    http.requests.clear()
    began, physical_id = clock.now, stack.physical_id

    with monkeypatch.context() as patch:
        patch.setattr(stack, "carry_out", through_handler)
        response = begin(resource, kind)

    assert clock.now - began < stack.invocation_seconds
    if is_harmless(behaviour, kind, hostile_count):
        assert (response.status, response.reason) == ("SUCCESS", "")
    else:
        assert response.status == "FAILED"
        assert re.search(behaviour.reason, response.reason), response.reason
        assert "Unexpected" not in response.reason
        assert response.reason.isprintable()
        assert kind == "Create" or response.physical_id == physical_id
    assert "answered" in log.getvalue()
    assert_no_secret(resource, json.dumps(sent, ensure_ascii=False) + log.getvalue())
    allowed = ("/answer", "/oauth/token", "/api/v2/organizations/me", resource.entities.path)
    assert {one.path for one in http.requests if not one.path.startswith(allowed)} == set()
    assert not [one for one in http.requests if ".." in one.path or "%2" in one.path.lower()]

    if wire:
        wire.begin_answer("")
    assert_nothing_is_left(resource, http, response, is_hidden=behaviour.hides)


def begin(resource: StackResource, kind: str) -> Response:
    """Have CloudFormation send a request of a kind."""
    if kind == "Update":
        return resource.stack.update(**resource.changed_properties)
    return resource.stack.create() if kind == "Create" else resource.stack.delete()


def assert_nothing_is_left(
    resource: StackResource, http: HttpServer, response: Response, *, is_hidden: bool
) -> None:
    """Nothing is left, or a Delete removes it when Genesys Cloud is itself again."""
    is_deleted = resource.stack.stacks.status.startswith("DELETE") and response.status == "SUCCESS"
    created_nothing = response.physical_id.startswith("nothing-created/")
    if (is_deleted and not is_hidden) or created_nothing:
        assert not resource.entities
    http.respond = resource.genesys
    for entities in (resource.genesys.integrations, resource.genesys.subscriptions):
        entities._moves.clear()
    resource.genesys.integrations.state_seconds = 2
    for one in resource.genesys.integrations.values():
        one.update(intendedState="DISABLED", reportedState={"code": "INACTIVE"})
    assert resource.stack.delete().status == "SUCCESS"
    assert not resource.entities


def is_harmless(behaviour: Behaviour, kind: str, hostile_count: int) -> bool:
    """Return whether a request succeeds all the same."""
    harms = behaviour.harms_delete or kind != "Delete"
    return hostile_count == 0 or not behaviour.reason or not harms


def assert_no_secret(resource: StackResource, shown: str) -> None:
    cleaner = Cleaner(CLIENT_SECRET, *resource.genesys.tokens, "s1gnature")
    assert cleaner.mask(shown) == shown
