"""Create of a subscription: its exact requests, its own differences, and unique names."""

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


def ours(genesys: GenesysCloud) -> list[str]:
    return [entity["id"] for entity in genesys.subscriptions.sending_to(QUEUE_ARN)]


def test_a_subscription_is_made_and_read_back(
    cloudformation: CloudFormation, genesys: GenesysCloud, http: HttpServer
) -> None:
    answer = cloudformation.create()

    [made] = genesys.subscriptions.values()
    assert made == {
        "id": made["id"],
        "name": NAME,
        "description": "Made by Queue Ends",
        "eventTypes": ["event:conversation:end"],
        "attributeFilter": "queueId = 'Q1'",
        "destination": {"type": "aws_sqs", "awsSqs": {"arn": QUEUE_ARN, "region": "eu-west-1"}},
        "status": "active",
        "selfUri": f"{PATH}/{made['id']}",
    }
    assert (answer.status, answer.data) == ("SUCCESS", {"SubscriptionId": made["id"]})
    assert answer.physical_id == f"{http.url.removeprefix('http://')}/{NAME}"
    assert genesys.operations == ["login", "list", "create", "read", "read"]


@pytest.mark.parametrize(
    "fields",
    [
        {"attributeFilter": "queueId = 'Q2'"},
        {"eventTypes": ["event:conversation:end", "event:other"]},
        {"eventTypes": None},
        {"status": "paused"},
    ],
)
def test_its_own_subscription_that_differs_is_changed_in_place(
    cloudformation: CloudFormation, genesys: GenesysCloud, fields: dict[str, object]
) -> None:
    right = {"attributeFilter": "queueId = 'Q1'", "description": "Made by Queue Ends"}
    held = genesys.subscriptions.seed(NAME, QUEUE_ARN, **(right | fields))
    answer = cloudformation.create()
    assert answer.data == {"SubscriptionId": held}
    assert genesys.operations.count("replace") == 1
    assert ours(genesys) == [held]
    assert genesys.subscriptions[held]["attributeFilter"] == "queueId = 'Q1'"
    assert genesys.subscriptions[held]["eventTypes"] == ["event:conversation:end"]


@pytest.mark.parametrize(
    ("destination", "named"),
    [
        ({"type": "aws_sqs", "awsSqs": {"arn": FOREIGN_ARN, "region": "eu-west-1"}}, FOREIGN_ARN),
        ({"type": "webhook", "url": "https://example.com"}, "no SQS queue"),
        (None, "no SQS queue"),
        ("?", "no SQS queue"),
    ],
)
@pytest.mark.parametrize("unique_names", [True, False])
def test_any_other_destination_of_its_name_is_somebody_else_s(
    *,
    cloudformation: CloudFormation,
    genesys: GenesysCloud,
    clock: Clock,
    destination: object,
    named: str,
    unique_names: bool,
) -> None:
    genesys.subscriptions.unique_names = unique_names
    held = genesys.subscriptions.seed(NAME, FOREIGN_ARN, destination=destination)
    before = dict(genesys.subscriptions[held])
    answer = cloudformation.create()
    assert answer.status == "FAILED"
    assert answer.physical_id.startswith("nothing-created/")
    for expected in (NAME, held, named, "another stage", "left as it is"):
        assert expected in answer.reason
    assert genesys.subscriptions == {held: before}
    assert genesys.operations == ["login", "list"]
    assert clock.now < 60

    assert cloudformation.delete().status == "SUCCESS"
    assert genesys.subscriptions == {held: before}


def test_a_conflict_with_its_own_that_appeared_meanwhile_ends_well(
    cloudformation: CloudFormation, genesys: GenesysCloud
) -> None:
    genesys.before("create", lambda: genesys.subscriptions.seed(NAME, QUEUE_ARN))
    answer = cloudformation.create()
    assert answer.status == "SUCCESS"
    assert ours(genesys) == ["sub-1"]
    assert genesys.subscriptions["sub-1"]["attributeFilter"] == "queueId = 'Q1'"


def test_a_conflict_with_its_own_that_lists_show_late_ends_well(
    cloudformation: CloudFormation, genesys: GenesysCloud, clock: Clock
) -> None:
    genesys.instead("create", problem(409, "exists"))
    clock.schedule(5, lambda: genesys.subscriptions.seed(NAME, QUEUE_ARN))
    assert cloudformation.create().data == {"SubscriptionId": "sub-1"}


def test_a_conflict_with_somebody_elses_that_appeared_meanwhile_is_an_error(
    cloudformation: CloudFormation, genesys: GenesysCloud
) -> None:
    genesys.before("create", lambda: genesys.subscriptions.seed(NAME, FOREIGN_ARN))
    answer = cloudformation.create()
    assert answer.status == "FAILED"
    assert FOREIGN_ARN in answer.reason
    assert "another stage" in answer.reason
    assert answer.physical_id.startswith("nothing-created/")
    assert list(genesys.subscriptions) == ["sub-1"]


def test_a_conflict_with_a_subscription_that_lists_never_show_is_an_error(
    cloudformation: CloudFormation, genesys: GenesysCloud, clock: Clock
) -> None:
    genesys.always("create", problem(409, "A subscription of that name exists."))
    answer = cloudformation.create()
    assert answer.status == "FAILED"
    assert "exists already" in answer.reason
    assert "another stage" in answer.reason
    assert answer.physical_id.startswith("nothing-created/")
    assert clock.now < 60


@pytest.mark.parametrize("visible_after", [3, 5])
def test_a_lost_answer_and_a_name_that_is_unique_ends_well_however_late_lists_are(
    cloudformation: CloudFormation, genesys: GenesysCloud, visible_after: float
) -> None:
    genesys.subscriptions.visible_after = visible_after
    genesys.instead("create", LOST, carried_out=True)
    answer = cloudformation.create()
    assert answer.status == "SUCCESS", answer.reason
    assert len(ours(genesys)) == 1


def test_a_subscription_that_never_becomes_active_is_removed_again(
    cloudformation: CloudFormation, genesys: GenesysCloud, clock: Clock
) -> None:
    genesys.subscriptions.activation_reads = NEVER
    answer = cloudformation.create()
    assert answer.status == "FAILED"
    assert "status is 'pending' instead of 'active'" in answer.reason
    assert answer.physical_id.startswith("nothing-created/")
    assert not genesys.subscriptions
    assert 55 < clock.now < 90


def test_a_subscription_of_another_shape_is_removed_again(
    cloudformation: CloudFormation, genesys: GenesysCloud
) -> None:
    genesys.subscriptions.visible_after = 7
    genesys.always("read", Answer(200, {"eventTypes": 5}))
    answer = cloudformation.create()
    assert answer.status == "FAILED"
    assert answer.physical_id.startswith("nothing-created/")
    assert not genesys.subscriptions


def test_a_bad_filter_makes_nothing(
    cloudformation: CloudFormation, genesys: GenesysCloud, clock: Clock
) -> None:
    answer = cloudformation.create(AttributeFilter=BAD_FILTER)
    assert answer.status == "FAILED"
    assert answer.physical_id.startswith("nothing-created/")
    assert genesys.operations == ["login", "list", "create"]
    assert not clock.pauses
