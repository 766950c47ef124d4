"""Update and Delete of a subscription: its fields, destinations and requests."""

import pytest

from local.genesys.problems import problem
from local.genesys.stand_in import GenesysCloud
from tests.fakes.aws.cloudformation import CLOUDFORMATION_ID, NAME, QUEUE_ARN, CloudFormation
from tests.fakes.aws.partner_events import NEVER
from tests.fakes.clock import Clock
from tests.fakes.deliveries import FOREIGN_ARN

NEW_ARN = QUEUE_ARN + "-new"
MOVED_ARN = QUEUE_ARN.replace("eu-west-1", "eu-west-2")


@pytest.fixture
def deployed(subscription_stack: CloudFormation, genesys: GenesysCloud) -> CloudFormation:
    """A stack with the subscription sub-1."""
    assert subscription_stack.create().data == {"SubscriptionId": "sub-1"}
    genesys.calls.clear()
    return subscription_stack


@pytest.mark.parametrize(
    ("changes", "field", "value"),
    [
        (
            {"AttributeFilter": "queueId in ['Q1', 'Q2']"},
            "attributeFilter",
            "queueId in ['Q1', 'Q2']",
        ),
        ({"EventTypes": ["event:a", "event:b"]}, "eventTypes", ["event:a", "event:b"]),
        ({"Description": "Another one"}, "description", "Another one"),
        (
            {"QueueArn": MOVED_ARN, "Region": "eu-west-2"},
            "destination",
            {"type": "aws_sqs", "awsSqs": {"arn": MOVED_ARN, "region": "eu-west-2"}},
        ),
    ],
)
def test_each_field_is_changed_in_place(
    deployed: CloudFormation,
    genesys: GenesysCloud,
    changes: dict[str, object],
    field: str,
    value: object,
) -> None:
    physical_id = deployed.physical_id
    response = deployed.update(**changes)
    assert (response.status, response.physical_id) == ("SUCCESS", physical_id)
    assert response.data == {"SubscriptionId": "sub-1"}
    assert list(genesys.subscriptions) == ["sub-1"]
    assert genesys.subscriptions["sub-1"][field] == value
    assert genesys.subscriptions["sub-1"]["status"] == "active"
    assert genesys.operations == ["login", "list", "replace", "read", "read"]


def test_an_update_without_a_change_does_not_change_the_subscription(
    deployed: CloudFormation, genesys: GenesysCloud
) -> None:
    assert deployed.update().status == "SUCCESS"
    assert genesys.operations == ["login", "list", "read"]


def test_the_order_of_event_types_does_not_matter(
    deployed: CloudFormation, genesys: GenesysCloud
) -> None:
    deployed.update(EventTypes=["event:a", "event:b"])
    genesys.calls.clear()
    deployed.update(EventTypes=["event:b", "event:a"])
    assert "replace" not in genesys.operations


def test_subscriptions_to_the_old_and_the_new_destination_become_one(
    deployed: CloudFormation, genesys: GenesysCloud
) -> None:
    genesys.subscriptions.unique_names = False
    genesys.subscriptions.seed(NAME, NEW_ARN, attributeFilter="queueId = 'Q1'")
    assert deployed.update(QueueArn=NEW_ARN).status == "SUCCESS"
    assert len(genesys.subscriptions) == 1
    assert len(genesys.subscriptions.sending_to(NEW_ARN)) == 1


def test_another_queue_that_never_becomes_active_fails_and_the_rollback_restores(
    deployed: CloudFormation, genesys: GenesysCloud
) -> None:
    before = dict(genesys.subscriptions["sub-1"])
    genesys.subscriptions.activation_reads = NEVER
    response = deployed.update(QueueArn=NEW_ARN, AttributeFilter="queueId = 'Q2'")
    assert response.status == "FAILED"
    assert "sub-1" in genesys.subscriptions, "the existing resource is not removed"

    genesys.subscriptions.activation_reads = 1
    response = deployed.roll_back()
    assert (response.status, response.data) == ("SUCCESS", {"SubscriptionId": "sub-1"})
    assert genesys.subscriptions == {"sub-1": before}


@pytest.mark.parametrize("operation", ["login", "list", "replace", "read"])
@pytest.mark.parametrize("carried_out", [True, False])
def test_a_rollback_restores_the_destination_whichever_request_failed(
    deployed: CloudFormation, genesys: GenesysCloud, operation: str, carried_out: bool
) -> None:
    before = dict(genesys.subscriptions["sub-1"])
    genesys.instead(operation, problem(500, "Oops."), carried_out=carried_out)
    assert deployed.update(QueueArn=NEW_ARN).status == "FAILED"
    assert deployed.roll_back().status == "SUCCESS"
    assert genesys.subscriptions == {"sub-1": before}


def test_a_delete_removes_our_subscription_without_a_pause(
    subscription_stack: CloudFormation, genesys: GenesysCloud, clock: Clock
) -> None:
    physical_id = subscription_stack.create().physical_id
    genesys.calls.clear()
    clock.pauses.clear()
    response = subscription_stack.delete()
    assert (response.status, response.physical_id) == ("SUCCESS", physical_id)
    assert not genesys.subscriptions
    assert genesys.operations == ["login", "list", "delete"]
    assert not clock.pauses


def test_a_delete_leaves_foreign_subscriptions_alone(
    subscription_stack: CloudFormation, genesys: GenesysCloud
) -> None:
    genesys.subscriptions.unique_names = False
    subscription_stack.create()
    foreign_ids = {
        genesys.subscriptions.seed(NAME, FOREIGN_ARN),
        genesys.subscriptions.seed(NAME, FOREIGN_ARN, destination={"type": "webhook"}),
        genesys.subscriptions.seed(f"{NAME}2", QUEUE_ARN),
        genesys.subscriptions.seed(NAME.upper(), QUEUE_ARN),
        genesys.subscriptions.seed("other", FOREIGN_ARN),
    }
    # The stand-in's search by destination cannot read a webhook.
    assert subscription_stack.delete().status == "SUCCESS"
    assert set(genesys.subscriptions) == foreign_ids


def test_a_delete_with_an_id_of_cloudformation_deletes_each_late_subscription(
    subscription_stack: CloudFormation, genesys: GenesysCloud, clock: Clock
) -> None:
    for moment in (0, 3, 6):
        clock.schedule(moment, lambda: genesys.subscriptions.seed(NAME, QUEUE_ARN))
    assert subscription_stack.delete(CLOUDFORMATION_ID).status == "SUCCESS"
    assert not genesys.subscriptions
