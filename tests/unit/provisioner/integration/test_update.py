"""Update changes topics in place, and creates another integration for another target."""

import pytest

from local.genesys.entities import Entity
from local.genesys.integrations import GONE
from local.genesys.problems import problem, too_many_requests
from local.genesys.stand_in import ORG_ID, GenesysCloud
from local.http.messages import Answer
from tests.fakes.aws.cloudformation import NAME, SUFFIX, TOPICS, CloudFormation
from tests.fakes.aws.partner_events import NEVER, FakePartnerEventSources
from tests.fakes.clock import Clock
from tests.fakes.deliveries import NEW_TOPICS, OUR_PROPERTIES
from tests.unit.provisioner.conftest import CHANGE_OPERATIONS, SOURCE


@pytest.fixture
def deployed(
    stack: CloudFormation, genesys: GenesysCloud, eventbridge: FakePartnerEventSources
) -> CloudFormation:
    """A stack with the integration int-1 and the bus of its source."""
    assert stack.create().status == "SUCCESS"
    eventbridge.create_bus(SOURCE)
    stack.clock.sleep(60)
    genesys.calls.clear()
    eventbridge.requested_names.clear()
    return stack


@pytest.mark.parametrize("switches_off", [True, False])
@pytest.mark.parametrize("expands", [True, False])
def test_topics_are_changed_in_place_and_the_integration_remains_active(
    deployed: CloudFormation, genesys: GenesysCloud, switches_off: bool, expands: bool
) -> None:
    genesys.integrations.configuring_switches_off, genesys.integrations.expands = (
        switches_off,
        expands,
    )
    physical_id = deployed.physical_id
    response = deployed.update(Topics=NEW_TOPICS)
    assert (response.status, response.physical_id) == ("SUCCESS", physical_id)
    assert response.data == {
        "EventSourceName": SOURCE,
        "IntegrationId": "int-1",
        "OrgId": ORG_ID,
    }
    assert genesys.integrations.configuration("int-1")["properties"]["eventFilter"] == NEW_TOPICS
    assert genesys.integrations.configuration("int-1")["version"] == 3
    assert genesys.integrations.state("int-1") == "ACTIVE"
    assert genesys.operations.count("switch") == (1 if switches_off else 0)


def test_notes_are_changed_in_place(deployed: CloudFormation, genesys: GenesysCloud) -> None:
    assert deployed.update(Notes="Another one").status == "SUCCESS"
    assert genesys.integrations.configuration("int-1")["notes"] == "Another one"


def test_topics_in_another_order_are_no_change(
    deployed: CloudFormation, genesys: GenesysCloud
) -> None:
    assert deployed.update(Topics=TOPICS[::-1]).status == "SUCCESS"
    assert not CHANGE_OPERATIONS & set(genesys.operations)


def test_an_integration_deleted_by_hand_is_created_again(
    deployed: CloudFormation, genesys: GenesysCloud, eventbridge: FakePartnerEventSources
) -> None:
    physical_id = deployed.physical_id
    genesys.integrations.clear()
    response = deployed.update(Topics=NEW_TOPICS)
    assert (response.status, response.physical_id) == ("SUCCESS", physical_id)
    assert list(genesys.integrations) == ["int-2"]
    assert (response.data or {})["IntegrationId"] == "int-2"
    assert eventbridge.requested_names


@pytest.mark.parametrize(
    ("source_state", "expected_words"),
    [("missing", "somebody has deleted it"), ("deleted", "has deleted")],
)
def test_a_deleted_source_is_reported_before_any_change_and_the_rollback_succeeds(
    deployed: CloudFormation,
    genesys: GenesysCloud,
    eventbridge: FakePartnerEventSources,
    source_state: str,
    expected_words: str,
) -> None:
    if source_state == "missing":
        del eventbridge.sources[SOURCE]
    else:
        eventbridge.delete_source(SOURCE)
    physical_id = deployed.physical_id
    response = deployed.update(Topics=NEW_TOPICS)
    assert (response.status, response.physical_id) == ("FAILED", physical_id)
    for expected in (SOURCE, expected_words, "Destroy the stack and deploy it again"):
        assert expected in response.reason
    assert not CHANGE_OPERATIONS & set(genesys.operations)

    response = deployed.roll_back()
    assert (response.status, response.physical_id) == ("SUCCESS", physical_id)
    assert not CHANGE_OPERATIONS & set(genesys.operations)


def test_a_missing_source_is_reported_before_duplicates_are_removed(
    deployed: CloudFormation, genesys: GenesysCloud, eventbridge: FakePartnerEventSources
) -> None:
    genesys.integrations.seed(NAME, OUR_PROPERTIES)
    del eventbridge.sources[SOURCE]
    assert deployed.update(Topics=NEW_TOPICS).status == "FAILED"
    assert not CHANGE_OPERATIONS & set(genesys.operations)


def test_an_update_waits_for_a_source_that_disappears_with_a_duplicate(
    deployed: CloudFormation,
    genesys: GenesysCloud,
    eventbridge: FakePartnerEventSources,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    enter = genesys.integrations.enter

    def enter_and_lose_source(one: Entity, state: str) -> None:
        enter(one, state)
        if state == GONE:
            eventbridge.delete_source(SOURCE)

    monkeypatch.setattr(genesys.integrations, "enter", enter_and_lose_source)
    genesys.integrations.seed(NAME, OUR_PROPERTIES)
    assert deployed.update(Topics=NEW_TOPICS).status == "SUCCESS"
    assert list(genesys.integrations) == ["int-1"]
    assert eventbridge.describe_event_source(Name=SOURCE)["State"] == "PENDING"


@pytest.mark.parametrize("operation", ["organization", "configuration"])
@pytest.mark.parametrize("carried_out", [True, False])
def test_a_rollback_restores_the_topics_whichever_request_failed(
    deployed: CloudFormation, genesys: GenesysCloud, operation: str, carried_out: bool
) -> None:
    genesys.instead(operation, problem(500, "Oops."), carried_out=carried_out)
    assert deployed.update(Topics=NEW_TOPICS).status == "FAILED"
    assert list(genesys.integrations) == ["int-1"], "the existing resource is not removed"
    assert deployed.roll_back().status == "SUCCESS"
    assert genesys.integrations.configuration("int-1")["properties"]["eventFilter"] == TOPICS
    assert genesys.integrations.state("int-1") == "ACTIVE"


@pytest.mark.parametrize("failure", [problem(409, "x"), Answer(503), Answer(fate="lost")], ids=str)
def test_a_change_of_topics_with_a_lost_response_is_made_once(
    deployed: CloudFormation, genesys: GenesysCloud, failure: Answer
) -> None:
    genesys.instead("configure", failure, carried_out=True)
    assert deployed.update(Topics=NEW_TOPICS).status == "SUCCESS"
    assert genesys.integrations.configuration("int-1")["properties"]["eventFilter"] == NEW_TOPICS
    assert genesys.integrations.configuration("int-1")["version"] == 3


@pytest.mark.parametrize(
    "changes", [{"AccountId": "444455556666"}, {"Region": "eu-west-2"}, {"Suffix": "QueueEnds-two"}]
)
def test_another_target_creates_another_integration_and_then_the_old_one_is_deleted(
    deployed: CloudFormation, genesys: GenesysCloud, changes: dict[str, str]
) -> None:
    old_id, old_properties = deployed.physical_id, deployed.properties
    response = deployed.update(**changes)
    assert response.status == "SUCCESS", response.reason
    assert response.physical_id != old_id
    assert set(genesys.integrations) == {"int-1", "int-2"}
    assert genesys.integrations.configuration("int-1")["properties"]["eventSourceSuffix"] == SUFFIX

    deployed.properties = old_properties
    assert deployed.delete(old_id).status == "SUCCESS"
    assert list(genesys.integrations) == ["int-2"]


def test_another_target_that_fails_leaves_the_old_integration_alone(
    deployed: CloudFormation, genesys: GenesysCloud, eventbridge: FakePartnerEventSources
) -> None:
    eventbridge.appears_after_seconds = NEVER
    old_id = deployed.physical_id
    response = deployed.update(Suffix="QueueEnds-two")
    assert (response.status, response.physical_id) == ("FAILED", old_id)
    assert "has not created it yet" in response.reason
    assert list(genesys.integrations) == ["int-1"]
    assert deployed.roll_back().status == "SUCCESS"
    assert (genesys.integrations.state("int-1"), deployed.physical_id) == ("ACTIVE", old_id)


def test_an_update_ends_in_time_if_every_request_is_slow(
    deployed: CloudFormation,
    genesys: GenesysCloud,
    eventbridge: FakePartnerEventSources,
    clock: Clock,
) -> None:
    began = clock.now
    genesys.integrations.state_seconds = 1000
    eventbridge.permanent_failure = "ThrottlingException"
    assert deployed.update(Topics=NEW_TOPICS).status == "FAILED"
    assert clock.now - began < 205


def test_an_update_to_another_target_that_was_rolled_back_meanwhile_creates_nothing(
    deployed: CloudFormation, genesys: GenesysCloud, clock: Clock
) -> None:
    old_id = deployed.physical_id
    genesys.instead("create", too_many_requests(60))
    clock.schedule(
        clock.now + 10, lambda: setattr(deployed.stacks, "status", "UPDATE_ROLLBACK_IN_PROGRESS")
    )
    response = deployed.update(Suffix="QueueEnds-two")
    assert (response.status, response.physical_id) == ("FAILED", old_id)
    assert list(genesys.integrations) == ["int-1"]
