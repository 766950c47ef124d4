"""Create of a subscription: its requests, its differences, and conflicts of names."""

import pytest

from genesys.subscriptions import PATH
from local.genesys.problems import problem
from local.genesys.stand_in import GenesysCloud
from local.http.messages import Answer
from local.http.server import HttpServer
from tests.fakes.aws.cloudformation import NAME, QUEUE_ARN, CloudFormation
from tests.fakes.aws.partner_events import NEVER
from tests.fakes.clock import Clock
from tests.fakes.deliveries import BAD_FILTER, FOREIGN_ARN

LOST = Answer(fate="lost")


def our_ids(genesys: GenesysCloud) -> list[str]:
    return [entity["id"] for entity in genesys.subscriptions.sending_to(QUEUE_ARN)]


def test_a_create_creates_a_subscription_and_reads_it_back(
    subscription_stack: CloudFormation, genesys: GenesysCloud, http: HttpServer
) -> None:
    response = subscription_stack.create()

    [entity] = genesys.subscriptions.values()
    assert entity == {
        "id": entity["id"],
        "name": NAME,
        "description": "Made by Queue Ends",
        "eventTypes": ["event:conversation:end"],
        "attributeFilter": "queueId = 'Q1'",
        "destination": {"type": "aws_sqs", "awsSqs": {"arn": QUEUE_ARN, "region": "eu-west-1"}},
        "status": "active",
        "selfUri": f"{PATH}/{entity['id']}",
    }
    assert (response.status, response.data) == ("SUCCESS", {"SubscriptionId": entity["id"]})
    assert response.physical_id == f"{http.url.removeprefix('http://')}/{NAME}"
    assert genesys.operations == ["login", "list", "create", "read", "read", "list"]


@pytest.mark.parametrize(
    "fields",
    [
        {"attributeFilter": "queueId = 'Q2'"},
        {"eventTypes": ["event:conversation:end", "event:other"]},
        {"eventTypes": None},
        {"status": "paused"},
    ],
)
def test_our_subscription_that_differs_is_changed_in_place(
    subscription_stack: CloudFormation, genesys: GenesysCloud, fields: dict[str, object]
) -> None:
    expected_fields = {"attributeFilter": "queueId = 'Q1'", "description": "Made by Queue Ends"}
    existing_id = genesys.subscriptions.seed(NAME, QUEUE_ARN, **(expected_fields | fields))
    response = subscription_stack.create()
    assert response.data == {"SubscriptionId": existing_id}
    assert genesys.operations.count("replace") == 1
    assert our_ids(genesys) == [existing_id]
    assert genesys.subscriptions[existing_id]["attributeFilter"] == "queueId = 'Q1'"
    assert genesys.subscriptions[existing_id]["eventTypes"] == ["event:conversation:end"]


@pytest.mark.parametrize(
    ("destination", "expected_words"),
    [
        (
            {"type": "aws_sqs", "awsSqs": {"arn": FOREIGN_ARN, "region": "eu-west-1"}},
            f"{FOREIGN_ARN} (AWS account 999988887777, region eu-west-1)",
        ),
        ({"type": "webhook", "url": "https://example.com"}, "no SQS queue"),
        (None, "no SQS queue"),
        ("?", "no SQS queue"),
    ],
)
@pytest.mark.parametrize("unique_names", [True, False])
def test_a_subscription_with_another_destination_belongs_to_somebody_else(
    *,
    subscription_stack: CloudFormation,
    genesys: GenesysCloud,
    clock: Clock,
    destination: object,
    expected_words: str,
    unique_names: bool,
) -> None:
    genesys.subscriptions.unique_names = unique_names
    existing_id = genesys.subscriptions.seed(NAME, FOREIGN_ARN, destination=destination)
    before = dict(genesys.subscriptions[existing_id])
    response = subscription_stack.create()
    assert response.status == "FAILED"
    assert response.physical_id.startswith("nothing-created/")
    for expected in (NAME, existing_id, expected_words, "another stage", "left as it is"):
        assert expected in response.reason
    assert genesys.subscriptions == {existing_id: before}
    assert genesys.operations == ["login", "list"]
    assert clock.now < 60

    assert subscription_stack.delete().status == "SUCCESS"
    assert genesys.subscriptions == {existing_id: before}


def test_a_conflict_with_our_new_subscription_succeeds(
    subscription_stack: CloudFormation, genesys: GenesysCloud
) -> None:
    genesys.before("create", lambda: genesys.subscriptions.seed(NAME, QUEUE_ARN))
    response = subscription_stack.create()
    assert response.status == "SUCCESS"
    assert our_ids(genesys) == ["sub-1"]
    assert genesys.subscriptions["sub-1"]["attributeFilter"] == "queueId = 'Q1'"


def test_a_conflict_with_our_subscription_that_lists_show_late_succeeds(
    subscription_stack: CloudFormation, genesys: GenesysCloud, clock: Clock
) -> None:
    genesys.instead("create", problem(409, "exists"))
    clock.schedule(5, lambda: genesys.subscriptions.seed(NAME, QUEUE_ARN))
    assert subscription_stack.create().data == {"SubscriptionId": "sub-1"}


def test_a_conflict_with_a_new_foreign_subscription_is_an_error(
    subscription_stack: CloudFormation, genesys: GenesysCloud
) -> None:
    genesys.before("create", lambda: genesys.subscriptions.seed(NAME, FOREIGN_ARN))
    response = subscription_stack.create()
    assert response.status == "FAILED"
    assert FOREIGN_ARN in response.reason
    assert "another stage" in response.reason
    assert response.physical_id.startswith("nothing-created/")
    assert list(genesys.subscriptions) == ["sub-1"]


def test_a_conflict_with_a_subscription_that_lists_never_show_is_an_error(
    subscription_stack: CloudFormation, genesys: GenesysCloud, clock: Clock
) -> None:
    genesys.always("create", problem(409, "A subscription of that name exists."))
    response = subscription_stack.create()
    assert response.status == "FAILED"
    assert "exists already" in response.reason
    assert "another stage" in response.reason
    assert response.physical_id.startswith("nothing-created/")
    assert clock.now < 60


@pytest.mark.parametrize("visible_after", [3, 5])
def test_a_lost_response_with_unique_names_succeeds_however_late_lists_are(
    subscription_stack: CloudFormation, genesys: GenesysCloud, visible_after: float
) -> None:
    genesys.subscriptions.visible_after = visible_after
    genesys.instead("create", LOST, carried_out=True)
    response = subscription_stack.create()
    assert response.status == "SUCCESS", response.reason
    assert len(our_ids(genesys)) == 1


def test_a_subscription_that_never_becomes_active_is_removed(
    subscription_stack: CloudFormation, genesys: GenesysCloud, clock: Clock
) -> None:
    genesys.subscriptions.activation_reads = NEVER
    response = subscription_stack.create()
    assert response.status == "FAILED"
    assert "status is 'pending' instead of 'active'" in response.reason
    assert response.physical_id.startswith("nothing-created/")
    assert not genesys.subscriptions
    assert 55 < clock.now < 90


def test_a_subscription_of_another_shape_is_removed(
    subscription_stack: CloudFormation, genesys: GenesysCloud
) -> None:
    genesys.subscriptions.visible_after = 7
    genesys.always("read", Answer(200, {"eventTypes": 5}))
    response = subscription_stack.create()
    assert response.status == "FAILED"
    assert response.physical_id.startswith("nothing-created/")
    assert not genesys.subscriptions


def test_an_invalid_filter_creates_nothing(
    subscription_stack: CloudFormation, genesys: GenesysCloud, clock: Clock
) -> None:
    response = subscription_stack.create(AttributeFilter=BAD_FILTER)
    assert response.status == "FAILED"
    assert response.physical_id.startswith("nothing-created/")
    assert genesys.operations == ["login", "list", "create"]
    assert not clock.pauses
