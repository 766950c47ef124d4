"""Delete of an integration switches ours off and deletes it, and leaves all others alone."""

import pytest

from local.genesys.problems import problem
from local.genesys.stand_in import GenesysCloud
from local.http.messages import Answer
from tests.fakes.aws.cloudformation import (
    NAME,
    CloudFormation,
)
from tests.fakes.aws.partner_events import FakePartnerEventSources
from tests.fakes.clock import Clock
from tests.fakes.deliveries import OUR_PROPERTIES


@pytest.fixture
def deployed(stack: CloudFormation, genesys: GenesysCloud) -> CloudFormation:
    """A stack with the integration int-1."""
    assert stack.create().status == "SUCCESS"
    genesys.calls.clear()
    return stack


@pytest.mark.parametrize("expands", [True, False])
def test_a_delete_switches_our_integration_off_and_waits_for_its_deletion(
    deployed: CloudFormation,
    genesys: GenesysCloud,
    eventbridge: FakePartnerEventSources,
    expands: bool,
) -> None:
    genesys.integrations.expands = expands
    physical_id = deployed.physical_id
    response = deployed.delete()
    assert (response.status, response.physical_id) == ("SUCCESS", physical_id)
    assert not genesys.integrations
    assert not eventbridge.sources
    order = [operation for operation in genesys.operations if operation in ("switch", "delete")]
    assert order == ["switch", "delete"]
    assert genesys.operations[-1] == "read", "it was looked whether it is gone"
    assert "organization" not in genesys.operations


def test_a_delete_leaves_integrations_of_others_alone(
    deployed: CloudFormation, genesys: GenesysCloud
) -> None:
    kept = {
        genesys.integrations.seed(NAME, OUR_PROPERTIES | {"awsAccountId": "999988887777"}),
        genesys.integrations.seed(NAME, OUR_PROPERTIES | {"awsAccountRegion": "us-east-1"}),
        genesys.integrations.seed(NAME, OUR_PROPERTIES | {"eventSourceSuffix": "QueueEnds-two"}),
        genesys.integrations.seed(NAME, {}, type_id="webhook"),
        genesys.integrations.seed(f"{NAME}2", OUR_PROPERTIES),
        genesys.integrations.seed("other", OUR_PROPERTIES),
    }
    assert deployed.delete().status == "SUCCESS"
    assert set(genesys.integrations) == kept


def test_duplicate_and_unconfigured_integrations_are_deleted(
    deployed: CloudFormation, genesys: GenesysCloud
) -> None:
    for _ in range(3):
        genesys.integrations.seed(NAME, OUR_PROPERTIES)
        genesys.integrations.seed(NAME, {})
    assert deployed.delete().status == "SUCCESS"
    assert not genesys.integrations


@pytest.mark.parametrize("operation", ["switch", "delete"])
@pytest.mark.parametrize("carried_out", [True, False])
@pytest.mark.parametrize("failure", [problem(409, "Busy."), problem(408, "x")], ids=str)
def test_a_busy_response_to_a_delete_does_no_harm(
    *,
    deployed: CloudFormation,
    genesys: GenesysCloud,
    operation: str,
    carried_out: bool,
    failure: Answer,
) -> None:
    genesys.instead(operation, failure, carried_out=carried_out)
    assert deployed.delete().status == "SUCCESS"
    assert not genesys.integrations


def test_an_integration_in_error_is_deleted_too(
    deployed: CloudFormation, genesys: GenesysCloud
) -> None:
    genesys.integrations["int-1"]["reportedState"] = {"code": "ERROR"}
    assert deployed.delete().status == "SUCCESS"
    assert not genesys.integrations


def test_a_delete_only_waits_for_an_integration_that_is_being_deleted(
    deployed: CloudFormation, genesys: GenesysCloud, clock: Clock
) -> None:
    genesys.integrations["int-1"]["intendedState"] = "DELETED"
    clock.schedule(clock.now + 20, genesys.integrations.clear)
    assert deployed.delete().status == "SUCCESS"
    assert not {"switch", "delete"} & set(genesys.operations)


def test_an_integration_that_remains_fails_the_delete_in_time_and_is_deleted_later(
    deployed: CloudFormation, genesys: GenesysCloud, clock: Clock
) -> None:
    began, physical_id = clock.now, deployed.physical_id
    genesys.before("delete", lambda: setattr(genesys.integrations, "state_seconds", 300))
    response = deployed.delete()
    assert (response.status, response.physical_id) == ("FAILED", physical_id)
    assert "still shows the integration int-1 after its deletion" in response.reason
    assert "retained" in response.reason
    assert clock.now - began < 225

    clock.sleep(200)
    assert deployed.delete().status == "SUCCESS"


@pytest.mark.parametrize(
    ("operation", "failure"),
    [
        ("read", problem(500, "Oops.")),
        ("switch", problem(403, "You may not edit.")),
    ],
    ids=str,
)
def test_a_delete_without_permission_fails_and_can_be_retried(
    deployed: CloudFormation, genesys: GenesysCloud, operation: str, failure: Answer
) -> None:
    physical_id = deployed.physical_id
    genesys.always(operation, failure)
    response = deployed.delete()
    assert (response.status, response.physical_id) == ("FAILED", physical_id)
    assert f"remove the integration '{NAME}' in Genesys Cloud by hand" in response.reason
    genesys.always(operation, None)
    assert deployed.delete().status == "SUCCESS"
    assert not genesys.integrations
