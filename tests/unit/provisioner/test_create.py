"""Create: exactly one subscription as asked for, ours found again, nobody else's touched."""

import pytest

from genesys.subscriptions import PATH
from local.genesys.problems import problem
from local.genesys.stand_in import GenesysCloud
from local.http.messages import Answer
from local.http.server import HttpServer
from tests.fakes.aws.cloudformation import NAME, QUEUE_ARN, CloudFormation
from tests.fakes.clock import Clock
from tests.unit.provisioner.conftest import FOREIGN_ARN

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


@pytest.mark.parametrize("others", [0, 1, 7])
@pytest.mark.parametrize("page_count", [True, False])
def test_other_subscriptions_are_left_alone(
    cloudformation: CloudFormation, genesys: GenesysCloud, others: int, page_count: bool
) -> None:
    genesys.subscriptions.page_count = page_count
    for number in range(others):
        genesys.subscriptions.seed(f"other-{number}", FOREIGN_ARN)
        # Of our queue, but of another name: another stack's business.
        genesys.subscriptions.seed(f"{NAME}-{number}", QUEUE_ARN)
    before = dict(genesys.subscriptions)
    answer = cloudformation.create()
    assert answer.status == "SUCCESS"
    assert len(genesys.subscriptions) == 2 * others + 1
    assert before.items() <= genesys.subscriptions.items()


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


def test_its_own_subscription_on_a_later_page_is_found(
    cloudformation: CloudFormation, genesys: GenesysCloud
) -> None:
    for number in range(10):
        genesys.subscriptions.seed(f"other-{number}", FOREIGN_ARN)
    held = genesys.subscriptions.seed(NAME, QUEUE_ARN)
    assert cloudformation.create().data == {"SubscriptionId": held}
    assert "create" not in genesys.operations


def test_duplicate_subscriptions_become_one_and_the_right_one_stays(
    cloudformation: CloudFormation, genesys: GenesysCloud
) -> None:
    genesys.subscriptions.unique_names = False
    for queue in ("Q9", "Q1", "Q8"):
        genesys.subscriptions.seed(
            NAME,
            QUEUE_ARN,
            attributeFilter=f"queueId = '{queue}'",
            description="Made by Queue Ends",
        )
    answer = cloudformation.create()
    assert answer.data == {"SubscriptionId": "sub-2"}
    assert ours(genesys) == ["sub-2"]
    assert "replace" not in genesys.operations


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
def test_a_name_that_is_taken_is_an_error_that_names_the_taker(
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


def test_somebody_elses_subscription_of_its_name_beside_its_own_is_an_error(
    cloudformation: CloudFormation, genesys: GenesysCloud
) -> None:
    genesys.subscriptions.unique_names = False
    genesys.subscriptions.seed(NAME, QUEUE_ARN)
    genesys.subscriptions.seed(NAME, FOREIGN_ARN)
    assert "another stage" in cloudformation.create().reason
    assert len(genesys.subscriptions) == 2


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
    clock.at(5, lambda: genesys.subscriptions.seed(NAME, QUEUE_ARN))
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


def test_a_busy_genesys_only_takes_longer(
    cloudformation: CloudFormation, genesys: GenesysCloud, clock: Clock
) -> None:
    busy = problem(429, "Rate limit exceeded.", **{"Retry-After": "2"})
    genesys.instead("create", busy, busy, Answer(503))
    answer = cloudformation.create()
    assert answer.status == "SUCCESS"
    assert len(ours(genesys)) == 1
    assert clock.pauses[:2] == [2, 2]


def test_a_create_rides_out_a_busy_answer_to_each_request(
    cloudformation: CloudFormation, genesys: GenesysCloud
) -> None:
    busy = problem(429, "Rate limit exceeded.", **{"Retry-After": "2"})
    for operation in ("login", "list", "create", "read"):
        genesys.instead(operation, busy, Answer(503), LOST)
    assert cloudformation.create().status == "SUCCESS"
    assert len(ours(genesys)) == 1


def test_a_secret_that_the_new_role_may_not_read_yet_is_waited_for(
    cloudformation: CloudFormation, genesys: GenesysCloud
) -> None:
    cloudformation.secrets.denied = 4
    assert cloudformation.create().status == "SUCCESS"
    assert len(ours(genesys)) == 1


def test_it_waits_until_the_subscription_is_active(
    cloudformation: CloudFormation, genesys: GenesysCloud
) -> None:
    genesys.subscriptions.activation_reads = 12
    assert cloudformation.create().status == "SUCCESS"
    [made] = genesys.subscriptions.values()
    assert made["status"] == "active"


def test_a_subscription_that_takes_a_moment_to_be_readable_is_waited_for(
    cloudformation: CloudFormation, genesys: GenesysCloud
) -> None:
    genesys.instead("read", *[problem(404, "There is no such subscription.")] * 4)
    assert cloudformation.create().status == "SUCCESS"


def test_the_physical_id_does_not_depend_on_the_subscription_s_id(
    cloudformation: CloudFormation, genesys: GenesysCloud
) -> None:
    first = cloudformation.create()
    genesys.subscriptions.clear()
    second = cloudformation.create()
    assert second.physical_id == first.physical_id
    assert second.data != first.data
