"""Delete: ours is gone afterwards, nothing else is, and the stack is not stuck without need."""

import pytest

from local.genesys.stand_in import GenesysCloud
from tests.fakes.aws.cloudformation import INVENTED_ID, NAME, QUEUE_ARN, CloudFormation
from tests.fakes.clock import Clock
from tests.unit.provisioner.conftest import BAD_FILTER, FOREIGN_ARN


def hold_ours(genesys: GenesysCloud, queue_arn: str = QUEUE_ARN) -> str:
    return genesys.subscriptions.seed(NAME, queue_arn, attributeFilter="queueId = 'Q1'")


def test_a_delete_removes_our_subscription_without_a_pause(
    cloudformation: CloudFormation, genesys: GenesysCloud, clock: Clock
) -> None:
    physical_id = cloudformation.create().physical_id
    genesys.calls.clear()
    clock.pauses.clear()
    answer = cloudformation.delete()
    assert (answer.status, answer.physical_id) == ("SUCCESS", physical_id)
    assert not genesys.subscriptions
    assert genesys.operations == ["login", "list", "delete"]
    assert not clock.pauses


def test_a_delete_leaves_subscriptions_of_others_alone(
    cloudformation: CloudFormation, genesys: GenesysCloud
) -> None:
    genesys.subscriptions.unique_names = False
    cloudformation.create()
    kept = {
        genesys.subscriptions.seed(NAME, FOREIGN_ARN),
        genesys.subscriptions.seed(NAME, FOREIGN_ARN, destination={"type": "webhook"}),
        genesys.subscriptions.seed(f"{NAME}2", QUEUE_ARN),
        genesys.subscriptions.seed(NAME.upper(), QUEUE_ARN),
        genesys.subscriptions.seed("other", FOREIGN_ARN),
    }
    # The fake's own look-up by destination cannot read a webhook's.
    assert cloudformation.delete().status == "SUCCESS"
    assert set(genesys.subscriptions) == kept


def test_a_delete_after_a_create_that_made_nothing_succeeds_without_a_call(
    cloudformation: CloudFormation, genesys: GenesysCloud
) -> None:
    cloudformation.create(AttributeFilter=BAD_FILTER)
    genesys.calls.clear()
    cloudformation.secrets.reads.clear()
    cloudformation.secrets.held.clear()
    cloudformation.properties = {"Name": 5, "QueueArn": None}
    physical_id = cloudformation.physical_id
    assert physical_id.startswith("nothing-created/")
    answer = cloudformation.delete()
    assert (answer.status, answer.physical_id) == ("SUCCESS", physical_id)
    assert not genesys.operations
    assert not cloudformation.secrets.reads


def test_a_delete_after_a_create_that_made_nothing_spares_another_stack_s(
    cloudformation: CloudFormation, genesys: GenesysCloud
) -> None:
    cloudformation.secrets.held.clear()
    cloudformation.create()
    held = hold_ours(genesys)
    assert cloudformation.delete().status == "SUCCESS"
    assert held in genesys.subscriptions


@pytest.mark.parametrize("properties", [{}, {"ApiUrl": "http://evil.example"}, {"Name": ""}])
def test_a_create_with_broken_properties_can_be_deleted(
    cloudformation: CloudFormation, genesys: GenesysCloud, properties: dict[str, str]
) -> None:
    cloudformation.properties = cloudformation.properties | properties if properties else {}
    answer = cloudformation.create()
    assert answer.status == "FAILED"
    assert answer.physical_id.startswith("nothing-created/")
    assert cloudformation.delete().status == "SUCCESS"
    assert not genesys.operations


def test_an_id_that_cloudformation_invented_deletes_what_is_there(
    cloudformation: CloudFormation, genesys: GenesysCloud
) -> None:
    cloudformation.create()
    answer = cloudformation.delete(INVENTED_ID)
    assert (answer.status, answer.physical_id) == ("SUCCESS", INVENTED_ID)
    assert not genesys.subscriptions


def test_an_id_that_cloudformation_invented_deletes_each_that_appears(
    cloudformation: CloudFormation, genesys: GenesysCloud, clock: Clock
) -> None:
    for moment in (0, 3, 6):
        clock.at(moment, lambda: hold_ours(genesys))
    assert cloudformation.delete(INVENTED_ID).status == "SUCCESS"
    assert not genesys.subscriptions


def test_an_invented_id_and_nothing_there_succeeds_and_spares_the_namesake(
    cloudformation: CloudFormation, genesys: GenesysCloud
) -> None:
    held = hold_ours(genesys, FOREIGN_ARN)
    assert cloudformation.delete(INVENTED_ID).status == "SUCCESS"
    assert list(genesys.subscriptions) == [held]
