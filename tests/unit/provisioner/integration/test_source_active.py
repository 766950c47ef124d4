"""`Custom::GenesysEventSourceActive` succeeds once the partner event source is active."""

from typing import Any

import pytest

from tests.fakes.aws.cloudformation import CLOUDFORMATION_ID, CloudFormation
from tests.fakes.aws.partner_events import NEVER, FakePartnerEventSources
from tests.fakes.clock import Clock
from tests.unit.provisioner.conftest import SOURCE


@pytest.fixture(autouse=True)
def source(eventbridge: FakePartnerEventSources) -> None:
    """A source with a new bus."""
    eventbridge.appears_after_seconds = 0
    eventbridge.create_source(SOURCE)
    eventbridge.create_bus(SOURCE)


@pytest.mark.parametrize("seconds", [0, 1, 30, 100])
def test_a_create_waits_until_the_source_is_active(
    source_active: CloudFormation,
    eventbridge: FakePartnerEventSources,
    clock: Clock,
    seconds: float,
) -> None:
    eventbridge.sources[SOURCE].active_at = seconds
    response = source_active.create(EventSourceName=SOURCE)
    assert (response.status, response.physical_id) == ("SUCCESS", f"active/{SOURCE}")
    assert seconds <= clock.now < seconds + 10
    assert set(eventbridge.requested_names) == {SOURCE}
    assert not source_active.secrets.reads, "the condition does not need Genesys Cloud"


@pytest.mark.parametrize(
    ("state", "expected_words"),
    [
        ("PENDING", ["stays PENDING", "Deploy again"]),
        ("DELETED", ["has deleted", "Destroy the stack"]),
        ("missing", ["does not show", "Destroy the stack"]),
    ],
)
def test_a_source_that_does_not_become_active_fails_in_time_with_a_reason(
    source_active: CloudFormation,
    eventbridge: FakePartnerEventSources,
    clock: Clock,
    state: str,
    expected_words: list[str],
) -> None:
    if state == "PENDING":
        eventbridge.sources[SOURCE].active_at = NEVER
    elif state == "DELETED":
        eventbridge.delete_source(SOURCE)
    else:
        eventbridge.sources.clear()
    response = source_active.create(EventSourceName=SOURCE)
    assert response.status == "FAILED"
    for expected in (SOURCE, *expected_words):
        assert expected in response.reason
    assert 100 < clock.now < 130
    assert source_active.delete().status == "SUCCESS"


def test_another_source_is_another_resource(
    source_active: CloudFormation, eventbridge: FakePartnerEventSources
) -> None:
    first = source_active.create(EventSourceName=SOURCE).physical_id
    eventbridge.create_source(f"{SOURCE}2")
    eventbridge.create_bus(f"{SOURCE}2")
    response = source_active.update(EventSourceName=f"{SOURCE}2")
    assert response.status == "SUCCESS"
    assert response.physical_id != first


def test_an_update_that_fails_keeps_its_id(
    source_active: CloudFormation, eventbridge: FakePartnerEventSources
) -> None:
    first = source_active.create(EventSourceName=SOURCE).physical_id
    response = source_active.update(EventSourceName=f"{SOURCE}2")
    assert (response.status, response.physical_id) == ("FAILED", first)


@pytest.mark.parametrize("properties", [{"EventSourceName": SOURCE}, {"EventSourceName": 5}, {}])
@pytest.mark.parametrize(
    "physical_id", [CLOUDFORMATION_ID, f"active/{SOURCE}", "nothing-created/1"]
)
def test_a_delete_of_the_condition_does_nothing(
    source_active: CloudFormation,
    eventbridge: FakePartnerEventSources,
    properties: dict[str, Any],
    physical_id: str,
) -> None:
    source_active.properties = properties
    response = source_active.delete(physical_id)
    assert (response.status, response.physical_id) == ("SUCCESS", physical_id)
    assert not eventbridge.requested_names


@pytest.mark.parametrize("name", [None, "", 5, [SOURCE]])
def test_an_invalid_source_name_is_refused(source_active: CloudFormation, name: object) -> None:
    response = source_active.create(EventSourceName=name)
    assert response.status == "FAILED"
    assert "EventSourceName" in response.reason
