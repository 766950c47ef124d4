"""Update: in place, whatever changed; and back again when it failed."""

import pytest

from local.genesys.login import CLIENT_ID, CLIENT_SECRET
from local.genesys.problems import problem
from local.genesys.stand_in import GenesysCloud
from local.http.messages import Answer
from local.http.server import HttpServer
from tests.fakes.aws.cloudformation import NAME, QUEUE_ARN, CloudFormation
from tests.fakes.aws.partner_events import NEVER
from tests.unit.provisioner.conftest import BAD_FILTER, FOREIGN_ARN

NEW_ARN = QUEUE_ARN + "-new"
MOVED_ARN = QUEUE_ARN.replace("eu-west-1", "eu-west-2")


@pytest.fixture
def deployed(cloudformation: CloudFormation, genesys: GenesysCloud) -> CloudFormation:
    """A stack whose subscription is there already, with id sub-1."""
    assert cloudformation.create().data == {"SubscriptionId": "sub-1"}
    genesys.calls.clear()
    return cloudformation


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
def test_a_change_is_made_in_place(
    deployed: CloudFormation,
    genesys: GenesysCloud,
    changes: dict[str, object],
    field: str,
    value: object,
) -> None:
    physical_id = deployed.physical_id
    answer = deployed.update(**changes)
    assert (answer.status, answer.physical_id) == ("SUCCESS", physical_id)
    assert answer.data == {"SubscriptionId": "sub-1"}
    assert list(genesys.subscriptions) == ["sub-1"]
    assert genesys.subscriptions["sub-1"][field] == value
    assert genesys.subscriptions["sub-1"]["status"] == "active"
    assert genesys.operations == ["login", "list", "replace", "read", "read"]


def test_another_secret_of_the_same_org_changes_nothing_in_genesys(
    deployed: CloudFormation, genesys: GenesysCloud
) -> None:
    deployed.secrets.put("new", {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET})
    deployed.secrets.reads.clear()
    answer = deployed.update(SecretName="new")
    assert answer.status == "SUCCESS"
    assert deployed.secrets.reads == ["new"]
    assert genesys.operations == ["login", "list", "read"]


def test_another_login_host_of_the_same_org_is_an_update_like_another(
    deployed: CloudFormation, http: HttpServer
) -> None:
    assert deployed.update(LoginUrl=f"{http.url}/").status == "SUCCESS"


def test_an_update_without_a_change_leaves_the_subscription_as_it_is(
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


def test_a_subscription_changed_by_hand_is_put_right(
    deployed: CloudFormation, genesys: GenesysCloud
) -> None:
    genesys.subscriptions["sub-1"] |= {"status": "paused", "attributeFilter": "true"}
    assert deployed.update(Description="x").status == "SUCCESS"
    assert genesys.subscriptions["sub-1"]["status"] == "active"
    assert genesys.subscriptions["sub-1"]["attributeFilter"] == "queueId = 'Q1'"


def test_subscriptions_to_the_old_and_the_new_destination_become_one(
    deployed: CloudFormation, genesys: GenesysCloud
) -> None:
    genesys.subscriptions.unique_names = False
    genesys.subscriptions.seed(NAME, NEW_ARN, attributeFilter="queueId = 'Q1'")
    assert deployed.update(QueueArn=NEW_ARN).status == "SUCCESS"
    assert len(genesys.subscriptions) == 1
    assert len(genesys.subscriptions.sending_to(NEW_ARN)) == 1


@pytest.mark.parametrize("gone", [True, False])
def test_a_name_that_is_somebody_elses_by_now_is_an_error(
    deployed: CloudFormation, genesys: GenesysCloud, gone: bool
) -> None:
    if gone:
        genesys.subscriptions.clear()
    genesys.subscriptions.unique_names = False
    genesys.subscriptions.seed(NAME, FOREIGN_ARN)
    before = {key: dict(entity) for key, entity in genesys.subscriptions.items()}
    physical_id = deployed.physical_id
    answer = deployed.update(AttributeFilter="queueId = 'Q2'")
    assert answer.status == "FAILED"
    assert FOREIGN_ARN in answer.reason
    assert answer.physical_id == physical_id
    assert genesys.subscriptions == before


def test_a_bad_filter_fails_and_the_rollback_restores(
    deployed: CloudFormation, genesys: GenesysCloud
) -> None:
    before = dict(genesys.subscriptions["sub-1"])
    physical_id = deployed.physical_id
    answer = deployed.update(AttributeFilter=BAD_FILTER)
    assert (answer.status, answer.physical_id) == ("FAILED", physical_id)
    assert "attribute_filter" in answer.reason
    assert deployed.roll_back().status == "SUCCESS"
    assert genesys.subscriptions == {"sub-1": before}


def test_a_change_that_never_gets_active_fails_and_the_rollback_restores(
    deployed: CloudFormation, genesys: GenesysCloud
) -> None:
    before = dict(genesys.subscriptions["sub-1"])
    genesys.subscriptions.activation_reads = NEVER
    answer = deployed.update(QueueArn=NEW_ARN, AttributeFilter="queueId = 'Q2'")
    assert answer.status == "FAILED"
    assert "sub-1" in genesys.subscriptions, "what was there before is not removed"

    genesys.subscriptions.activation_reads = 1
    answer = deployed.roll_back()
    assert (answer.status, answer.data) == ("SUCCESS", {"SubscriptionId": "sub-1"})
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


def test_a_subscription_made_anew_by_a_failing_update_is_removed_and_made_again_by_the_rollback(
    deployed: CloudFormation, genesys: GenesysCloud
) -> None:
    genesys.subscriptions.clear()
    genesys.subscriptions.activation_reads = NEVER
    physical_id = deployed.physical_id
    answer = deployed.update(AttributeFilter="queueId = 'Q2'")
    assert (answer.status, answer.physical_id) == ("FAILED", physical_id)
    assert not genesys.subscriptions
    genesys.subscriptions.activation_reads = 1
    assert deployed.roll_back().status == "SUCCESS"
    [entity] = genesys.subscriptions.values()
    assert entity["attributeFilter"] == "queueId = 'Q1'"


def test_a_secret_that_is_wrong_fails_and_the_rollback_uses_the_old_one(
    deployed: CloudFormation, genesys: GenesysCloud
) -> None:
    deployed.secrets.put("new", {"client_id": "x", "client_secret": "y"})
    answer = deployed.update(SecretName="new", AttributeFilter="queueId = 'Q2'")
    assert answer.status == "FAILED"
    assert "'new'" in answer.reason
    assert deployed.roll_back().status == "SUCCESS"
    assert genesys.subscriptions["sub-1"]["attributeFilter"] == "queueId = 'Q1'"


def test_another_name_makes_another_resource_and_the_old_one_is_deleted_after_it(
    deployed: CloudFormation, genesys: GenesysCloud
) -> None:
    old_id, old = deployed.physical_id, deployed.properties
    answer = deployed.update(Name="queue-ends-renamed")
    assert answer.status == "SUCCESS"
    assert answer.physical_id != old_id
    deployed.properties = old
    assert deployed.delete(old_id).status == "SUCCESS"
    assert [entity["name"] for entity in genesys.subscriptions.values()] == ["queue-ends-renamed"]


@pytest.mark.parametrize("failure", [Answer(429), Answer(503), Answer(fate="lost")], ids=str)
def test_a_change_whose_answer_is_lost_is_made_again(
    deployed: CloudFormation, genesys: GenesysCloud, failure: Answer
) -> None:
    genesys.instead("replace", failure, failure, carried_out=failure.status != 429)
    assert deployed.update(AttributeFilter="queueId = 'Q2'").status == "SUCCESS"
    assert genesys.subscriptions["sub-1"]["attributeFilter"] == "queueId = 'Q2'"


def test_a_subscription_removed_right_before_its_change_is_a_failure_that_can_be_tried_again(
    deployed: CloudFormation, genesys: GenesysCloud
) -> None:
    genesys.before("replace", genesys.subscriptions.clear)
    assert deployed.update(AttributeFilter="queueId = 'Q2'").status == "FAILED"
    assert deployed.roll_back().status == "SUCCESS"
    assert len(genesys.subscriptions.sending_to(QUEUE_ARN)) == 1
