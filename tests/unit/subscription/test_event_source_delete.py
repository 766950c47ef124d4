"""Delete of an event source: ours is switched off and gone afterwards, nothing else is."""

import pytest

from tests.fakes.aws.cloudformation import (
    ACCOUNT,
    INVENTED_ID,
    NAME,
    REGION,
    SUFFIX,
    TOPICS,
    CloudFormation,
)
from tests.fakes.aws.partner_events import FakePartnerEvents
from tests.fakes.clock import Clock
from tests.fakes.genesys import problem
from tests.fakes.genesys_integrations import FakeIntegrations
from tests.fakes.scripted_http import Answer

OURS = {
    "awsAccountId": ACCOUNT,
    "awsAccountRegion": REGION,
    "eventSourceSuffix": SUFFIX,
    "eventFilter": TOPICS,
}


@pytest.fixture
def deployed(stack: CloudFormation, org: FakeIntegrations) -> CloudFormation:
    """A stack whose integration is there already, with id int-1."""
    assert stack.create().status == "SUCCESS"
    org.operations.clear()
    return stack


@pytest.mark.parametrize("expands", [True, False])
def test_ours_is_switched_off_and_deleted_and_awaited(
    deployed: CloudFormation, org: FakeIntegrations, events: FakePartnerEvents, expands: bool
) -> None:
    org.expands = expands
    physical_id = deployed.physical_id
    answer = deployed.delete()
    assert (answer.status, answer.physical_id) == ("SUCCESS", physical_id)
    assert not org.integrations
    assert not events.sources
    order = [operation for operation in org.operations if operation in ("switch", "delete")]
    assert order == ["switch", "delete"]
    assert org.operations[-1] == "read", "it was looked whether it is gone"
    assert "organization" not in org.operations


def test_nothing_of_others_is_touched(deployed: CloudFormation, org: FakeIntegrations) -> None:
    kept = {
        org.hold(NAME, **(OURS | {"awsAccountId": "999988887777"})),
        org.hold(NAME, **(OURS | {"awsAccountRegion": "us-east-1"})),
        org.hold(NAME, **(OURS | {"eventSourceSuffix": "QueueEnds-two"})),
        org.hold(NAME, type_id="webhook"),
        org.hold(f"{NAME}2", **OURS),
        org.hold("other", **OURS),
    }
    assert deployed.delete().status == "SUCCESS"
    assert set(org.integrations) == kept


def test_all_duplicates_and_unfinished_ones_are_deleted(
    deployed: CloudFormation, org: FakeIntegrations
) -> None:
    for _ in range(3):
        org.hold(NAME, **OURS)
        org.hold(NAME)
    assert deployed.delete().status == "SUCCESS"
    assert not org.integrations


def test_what_is_gone_is_deleted_already(deployed: CloudFormation, org: FakeIntegrations) -> None:
    org.integrations.clear()
    assert deployed.delete().status == "SUCCESS"
    assert deployed.delete().status == "SUCCESS"


@pytest.mark.parametrize("operation", ["read", "switch", "delete"])
def test_what_goes_while_it_is_deleted_is_deleted(
    deployed: CloudFormation, org: FakeIntegrations, operation: str
) -> None:
    org.before(operation, org.integrations.clear)
    assert deployed.delete().status == "SUCCESS"


@pytest.mark.parametrize("operation", ["switch", "delete"])
@pytest.mark.parametrize("carried_out", [True, False])
@pytest.mark.parametrize(
    "failure", [Answer(503), Answer(fate="lost"), problem(409, "Busy."), problem(408, "x")], ids=str
)
def test_a_lost_or_busy_answer_does_no_harm(
    *,
    deployed: CloudFormation,
    org: FakeIntegrations,
    operation: str,
    carried_out: bool,
    failure: Answer,
) -> None:
    org.instead(operation, failure, carried_out=carried_out)
    assert deployed.delete().status == "SUCCESS"
    assert not org.integrations


def test_one_in_error_is_deleted_too(deployed: CloudFormation, org: FakeIntegrations) -> None:
    org.integrations["int-1"]["reportedState"] = {"code": "ERROR"}
    assert deployed.delete().status == "SUCCESS"
    assert not org.integrations


def test_one_that_is_being_deleted_is_only_awaited(
    deployed: CloudFormation, org: FakeIntegrations, clock: Clock
) -> None:
    org.integrations["int-1"]["intendedState"] = "DELETED"
    clock.at(clock.now + 20, org.integrations.clear)
    assert deployed.delete().status == "SUCCESS"
    assert not {"switch", "delete"} & set(org.operations)


def test_one_that_does_not_go_is_a_failure_in_time_that_can_be_tried_again(
    deployed: CloudFormation, org: FakeIntegrations, clock: Clock
) -> None:
    began, physical_id = clock.now, deployed.physical_id
    org.before("delete", lambda: setattr(org, "moving_seconds", 300))
    answer = deployed.delete()
    assert (answer.status, answer.physical_id) == ("FAILED", physical_id)
    assert "still shows the integration int-1 after its deletion" in answer.reason
    assert "retained" in answer.reason
    assert clock.now - began < 225

    clock.sleep(200)
    assert deployed.delete().status == "SUCCESS"


@pytest.mark.parametrize("moment", [0.5, 5, 7.9])
def test_an_id_that_cloudformation_invented_deletes_what_appears_a_moment_later(
    stack: CloudFormation, org: FakeIntegrations, clock: Clock, moment: float
) -> None:
    clock.at(moment, lambda: org.hold(NAME))
    answer = stack.delete(INVENTED_ID)
    assert (answer.status, answer.physical_id) == ("SUCCESS", INVENTED_ID)
    assert "delete" in org.operations
    assert not org.integrations


def test_a_create_that_is_under_way_while_it_is_deleted_leaves_nothing(
    stack: CloudFormation, org: FakeIntegrations, clock: Clock, events: FakePartnerEvents
) -> None:
    def delete_meanwhile() -> None:
        creating = dict(stack.__dict__)
        assert stack.delete(INVENTED_ID).status == "SUCCESS"
        stack.__dict__.update(creating)

    # CloudFormation gives up while Create, with its integration made, still waits.
    clock.at(3, delete_meanwhile)
    assert stack.create().status == "FAILED"
    assert not org.integrations


@pytest.mark.parametrize(
    ("operation", "failure"),
    [
        ("list", problem(403, "You may not list.")),
        ("list", problem(500, "Oops.")),
        ("read", problem(500, "Oops.")),
        ("switch", problem(403, "You may not edit.")),
        ("delete", problem(403, "You may not delete.")),
        ("delete", problem(409, "In use.")),
        ("delete", Answer(fate="lost")),
    ],
    ids=str,
)
def test_a_delete_that_is_refused_fails_and_can_be_tried_again(
    deployed: CloudFormation, org: FakeIntegrations, operation: str, failure: Answer
) -> None:
    physical_id = deployed.physical_id
    org.always(operation, failure)
    answer = deployed.delete()
    assert (answer.status, answer.physical_id) == ("FAILED", physical_id)
    assert f"remove the integration '{NAME}' in Genesys Cloud by hand" in answer.reason
    org.always(operation, None)
    assert deployed.delete().status == "SUCCESS"
    assert not org.integrations


def test_a_delete_that_cannot_log_in_says_how_to_get_out(
    deployed: CloudFormation, org: FakeIntegrations
) -> None:
    deployed.secrets.held.clear()
    answer = deployed.delete()
    assert answer.status == "FAILED"
    assert "'queue-ends/genesys'" in answer.reason
    assert "retained" in answer.reason
    assert org.integrations
