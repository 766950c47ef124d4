"""The response comes before the function's timeout, whatever hangs."""

import time

import pytest

from local.http.messages import Answer
from local.http.server import HttpServer
from provisioner.custom_resource import (
    AFTER_CLEANUP_SECONDS,
    AFTER_WORK_SECONDS,
    RESPONSE_SECONDS,
)
from tests.fakes.aws.cloudformation import NAME
from tests.fakes.clock import Alarm, Clock
from tests.unit.provisioner.conftest import StackResource

pytestmark = pytest.mark.usefixtures("hanging_requests")
HANGS = Answer(headers={"X-Hangs": "yes"})


def test_a_create_fails_in_time_if_genesys_hangs(resource: StackResource, clock: Clock) -> None:
    resource.genesys.always("login", HANGS)
    response = resource.stack.create()
    assert response.status == "FAILED"
    assert "could not be reached" in response.reason
    assert response.physical_id.startswith("nothing-created/")
    assert clock.now <= 240 - RESPONSE_SECONDS


def test_a_creation_that_hangs_until_no_time_is_left_is_undone(
    resource: StackResource, clock: Clock
) -> None:
    resource.stack.invocation_seconds = AFTER_WORK_SECONDS + 8
    resource.genesys.instead("create", HANGS, carried_out=True)
    response = resource.stack.create()
    assert response.status == "FAILED"
    assert response.physical_id.startswith("nothing-created/")
    assert not resource.entities
    assert clock.now <= resource.stack.invocation_seconds - RESPONSE_SECONDS


def test_a_creation_that_cannot_be_undone_in_time_keeps_its_id(
    resource: StackResource, clock: Clock, http: HttpServer
) -> None:
    resource.stack.invocation_seconds = AFTER_WORK_SECONDS + 8
    resource.genesys.before("create", lambda: resource.genesys.always("list", HANGS))
    resource.genesys.instead("create", HANGS, carried_out=True)
    response = resource.stack.create()
    assert response.status == "FAILED"
    assert "what was created may remain" in response.reason
    assert response.physical_id.startswith(f"{http.url.removeprefix('http://')}/{NAME}")
    assert clock.now <= resource.stack.invocation_seconds - RESPONSE_SECONDS


def test_a_deletion_that_hangs_fails_in_time_and_keeps_its_id(
    resource: StackResource, clock: Clock
) -> None:
    physical_id = resource.stack.create().physical_id
    began = clock.now
    resource.genesys.always("list", HANGS)
    response = resource.stack.delete()
    assert (response.status, response.physical_id) == ("FAILED", physical_id)
    assert "by hand" in response.reason
    assert clock.now <= began + 240 - RESPONSE_SECONDS


def test_a_deletion_may_use_the_time_for_cleanup(deployed: StackResource) -> None:
    deployed.stack.invocation_seconds = AFTER_WORK_SECONDS - 5
    assert deployed.stack.delete().status == "SUCCESS"
    assert not deployed.entities


def test_a_step_without_a_timeout_is_interrupted(
    resource: StackResource, monkeypatch: pytest.MonkeyPatch, http: HttpServer
) -> None:
    # This test takes real time, because the alarm does.
    resource.stack.invocation_seconds = RESPONSE_SECONDS + 0.1
    monkeypatch.setattr(resource.stack.secrets, "get_secret_value", lambda **_: time.sleep(60))
    response = resource.stack.create()
    assert response.status == "FAILED"
    assert "did not answer in time" in response.reason
    # The interrupted step may have created a resource: the Delete of this id searches for it.
    assert response.physical_id.startswith(f"{http.url.removeprefix('http://')}/{NAME}")


@pytest.mark.parametrize("seconds", [61, 60, 31, 16, 5, 0])
def test_too_little_time_is_a_failure_and_no_exception(
    resource: StackResource,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
    seconds: float,
) -> None:
    Alarm(clock, monkeypatch)  # A real alarm would ring at a random place.
    resource.stack.invocation_seconds = seconds
    response = resource.stack.create()
    assert response.status == "FAILED" or seconds > 60
    assert response.status == "SUCCESS" or response.reason
    assert len(resource.entities) <= 1


def test_work_and_cleanup_leave_time_for_the_response() -> None:
    reserves = (AFTER_WORK_SECONDS, AFTER_CLEANUP_SECONDS, RESPONSE_SECONDS)
    assert sorted(reserves, reverse=True) == list(reserves)
    assert RESPONSE_SECONDS > 0
