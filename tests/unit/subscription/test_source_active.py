"""`Custom::GenesysEventSourceActive`: there once the source and its bus have found each other."""

from typing import Any

import pytest

from tests.fakes.aws.cloudformation import INVENTED_ID, CloudFormation
from tests.fakes.aws.partner_events import NEVER, FakePartnerEvents
from tests.fakes.clock import Clock
from tests.fakes.genesys_integrations import ORGANIZATION_ID

NAME = f"aws.partner/genesys.com/cloud/{ORGANIZATION_ID}/QueueEnds-dev"


@pytest.fixture(autouse=True)
def source(events: FakePartnerEvents) -> None:
    """A source that is there, with a bus that was just made."""
    events.appears_after = 0
    events.partner_makes(NAME)
    events.make_bus(NAME)


@pytest.mark.parametrize("seconds", [0, 1, 30, 100])
def test_it_waits_until_the_source_is_active(
    active: CloudFormation, events: FakePartnerEvents, clock: Clock, seconds: float
) -> None:
    events.sources[NAME].active_at = seconds
    answer = active.create(EventSourceName=NAME)
    assert (answer.status, answer.physical_id) == ("SUCCESS", f"active/{NAME}")
    assert seconds <= clock.now < seconds + 10
    assert set(events.asked) == {NAME}
    assert not active.secrets.reads, "Genesys Cloud has nothing to do with it"


@pytest.mark.parametrize(
    ("state", "told"),
    [
        ("PENDING", ["stays PENDING", "Deploy again"]),
        ("DELETED", ["has deleted", "Destroy the stack"]),
        ("missing", ["does not show", "Destroy the stack"]),
    ],
)
def test_one_that_does_not_get_active_fails_in_time_with_a_reason(
    active: CloudFormation, events: FakePartnerEvents, clock: Clock, state: str, told: list[str]
) -> None:
    if state == "PENDING":
        events.sources[NAME].active_at = NEVER
    elif state == "DELETED":
        events.partner_deletes(NAME)
    else:
        events.sources.clear()
    answer = active.create(EventSourceName=NAME)
    assert answer.status == "FAILED"
    for expected in (NAME, *told):
        assert expected in answer.reason
    assert 100 < clock.now < 130
    assert active.delete().status == "SUCCESS"


def test_another_source_is_another_resource(
    active: CloudFormation, events: FakePartnerEvents
) -> None:
    first = active.create(EventSourceName=NAME).physical_id
    events.partner_makes(f"{NAME}2")
    events.make_bus(f"{NAME}2")
    answer = active.update(EventSourceName=f"{NAME}2")
    assert answer.status == "SUCCESS"
    assert answer.physical_id != first


def test_an_update_that_fails_keeps_its_id(
    active: CloudFormation, events: FakePartnerEvents
) -> None:
    first = active.create(EventSourceName=NAME).physical_id
    answer = active.update(EventSourceName=f"{NAME}2")
    assert (answer.status, answer.physical_id) == ("FAILED", first)


@pytest.mark.parametrize("properties", [{"EventSourceName": NAME}, {"EventSourceName": 5}, {}])
@pytest.mark.parametrize("physical_id", [INVENTED_ID, f"active/{NAME}", "nothing-created/1"])
def test_deleting_it_does_nothing(
    active: CloudFormation,
    events: FakePartnerEvents,
    properties: dict[str, Any],
    physical_id: str,
) -> None:
    active.properties = properties
    answer = active.delete(physical_id)
    assert (answer.status, answer.physical_id) == ("SUCCESS", physical_id)
    assert not events.asked


@pytest.mark.parametrize("name", [None, "", 5, [NAME]])
def test_a_name_that_is_none_is_refused(active: CloudFormation, name: object) -> None:
    answer = active.create(EventSourceName=name)
    assert answer.status == "FAILED"
    assert "EventSourceName" in answer.reason
