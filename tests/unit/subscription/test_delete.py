"""Delete: ours is gone afterwards, nothing else is, and the stack is not stuck without need."""

import pytest
from botocore.exceptions import EndpointConnectionError

from tests.fakes.aws.cloudformation import INVENTED_ID, NAME, QUEUE_ARN, CloudFormation
from tests.fakes.clock import Clock
from tests.fakes.genesys import BAD_FILTER, FakeGenesys, problem
from tests.fakes.scripted_http import Answer

FOREIGN_ARN = "arn:aws:sqs:eu-west-1:999988887777:somebody-elses"


def hold_ours(genesys: FakeGenesys, queue_arn: str = QUEUE_ARN) -> str:
    return genesys.hold(NAME, queue_arn, attributeFilter="queueId = 'Q1'")


def test_ours_is_deleted_at_once(
    cloudformation: CloudFormation, genesys: FakeGenesys, clock: Clock
) -> None:
    physical_id = cloudformation.create().physical_id
    genesys.operations.clear()
    clock.pauses.clear()
    answer = cloudformation.delete()
    assert (answer.status, answer.physical_id) == ("SUCCESS", physical_id)
    assert not genesys.subscriptions
    assert genesys.operations == ["login", "list", "delete"]
    assert not clock.pauses


def test_nothing_of_others_is_touched(cloudformation: CloudFormation, genesys: FakeGenesys) -> None:
    genesys.unique_names = False
    cloudformation.create()
    kept = {
        genesys.hold(NAME, FOREIGN_ARN),
        genesys.hold(NAME, FOREIGN_ARN, destination={"type": "webhook"}),
        genesys.hold(f"{NAME}2", QUEUE_ARN),
        genesys.hold(NAME.upper(), QUEUE_ARN),
        genesys.hold("other", FOREIGN_ARN),
    }
    # The fake's own look-up by destination cannot read a webhook's.
    assert cloudformation.delete().status == "SUCCESS"
    assert set(genesys.subscriptions) == kept


def test_all_duplicates_of_ours_are_deleted(
    cloudformation: CloudFormation, genesys: FakeGenesys
) -> None:
    genesys.unique_names = False
    cloudformation.create()
    for _ in range(8):
        hold_ours(genesys)
    assert cloudformation.delete().status == "SUCCESS"
    assert not genesys.subscriptions


def test_what_is_gone_is_deleted_already(
    cloudformation: CloudFormation, genesys: FakeGenesys
) -> None:
    cloudformation.create()
    genesys.subscriptions.clear()
    assert cloudformation.delete().status == "SUCCESS"


def test_what_goes_while_it_is_deleted_is_deleted(
    cloudformation: CloudFormation, genesys: FakeGenesys
) -> None:
    cloudformation.create()
    genesys.before("delete", genesys.subscriptions.clear)
    assert cloudformation.delete().status == "SUCCESS"


def test_deleting_twice_is_as_good_as_once(
    cloudformation: CloudFormation, genesys: FakeGenesys
) -> None:
    cloudformation.create()
    assert cloudformation.delete().status == "SUCCESS"
    assert cloudformation.delete().status == "SUCCESS"
    assert not genesys.subscriptions


@pytest.mark.parametrize("failure", [Answer(429), Answer(503), Answer(fate="lost")], ids=str)
def test_a_lost_answer_does_no_harm(
    cloudformation: CloudFormation, genesys: FakeGenesys, failure: Answer
) -> None:
    cloudformation.create()
    genesys.instead("delete", failure, failure, carried_out=failure.status != 429)
    assert cloudformation.delete().status == "SUCCESS"
    assert not genesys.subscriptions


def test_what_never_came_to_be_is_deleted_without_a_call(
    cloudformation: CloudFormation, genesys: FakeGenesys
) -> None:
    cloudformation.create(AttributeFilter=BAD_FILTER)
    genesys.operations.clear()
    cloudformation.secrets.reads.clear()
    cloudformation.secrets.held.clear()
    cloudformation.properties = {"Name": 5, "QueueArn": None}
    physical_id = cloudformation.physical_id
    assert physical_id.startswith("nothing-created/")
    answer = cloudformation.delete()
    assert (answer.status, answer.physical_id) == ("SUCCESS", physical_id)
    assert not genesys.operations
    assert not cloudformation.secrets.reads


def test_what_never_came_to_be_does_not_take_another_stacks_with_it(
    cloudformation: CloudFormation, genesys: FakeGenesys
) -> None:
    cloudformation.secrets.held.clear()
    cloudformation.create()
    held = hold_ours(genesys)
    assert cloudformation.delete().status == "SUCCESS"
    assert held in genesys.subscriptions


@pytest.mark.parametrize("properties", [{}, {"ApiUrl": "http://evil.example"}, {"Name": ""}])
def test_a_create_with_broken_properties_can_be_deleted(
    cloudformation: CloudFormation, genesys: FakeGenesys, properties: dict[str, str]
) -> None:
    cloudformation.properties = cloudformation.properties | properties if properties else {}
    answer = cloudformation.create()
    assert answer.status == "FAILED"
    assert answer.physical_id.startswith("nothing-created/")
    assert cloudformation.delete().status == "SUCCESS"
    assert not genesys.operations


def test_an_id_that_cloudformation_invented_deletes_what_is_there(
    cloudformation: CloudFormation, genesys: FakeGenesys
) -> None:
    cloudformation.create()
    answer = cloudformation.delete(INVENTED_ID)
    assert (answer.status, answer.physical_id) == ("SUCCESS", INVENTED_ID)
    assert not genesys.subscriptions


@pytest.mark.parametrize("moment", [0.5, 2, 5, 7.9])
def test_an_id_that_cloudformation_invented_deletes_what_appears_a_moment_later(
    cloudformation: CloudFormation, genesys: FakeGenesys, clock: Clock, moment: float
) -> None:
    clock.at(moment, lambda: hold_ours(genesys))
    assert cloudformation.delete(INVENTED_ID).status == "SUCCESS"
    assert not genesys.subscriptions
    assert "delete" in genesys.operations
    assert clock.now <= 10


def test_an_id_that_cloudformation_invented_deletes_each_that_appears(
    cloudformation: CloudFormation, genesys: FakeGenesys, clock: Clock
) -> None:
    for moment in (0, 3, 6):
        clock.at(moment, lambda: hold_ours(genesys))
    assert cloudformation.delete(INVENTED_ID).status == "SUCCESS"
    assert not genesys.subscriptions


def test_an_invented_id_and_nothing_there_succeeds_and_spares_the_namesake(
    cloudformation: CloudFormation, genesys: FakeGenesys
) -> None:
    held = hold_ours(genesys, FOREIGN_ARN)
    assert cloudformation.delete(INVENTED_ID).status == "SUCCESS"
    assert list(genesys.subscriptions) == [held]


def test_a_create_that_is_under_way_while_it_is_deleted_leaves_nothing(
    cloudformation: CloudFormation, genesys: FakeGenesys
) -> None:
    def delete_meanwhile() -> None:
        creating = dict(cloudformation.__dict__)
        assert cloudformation.delete(INVENTED_ID).status == "SUCCESS"
        cloudformation.__dict__.update(creating)

    # CloudFormation gives up while Create, with its subscription made, still waits.
    genesys.reads_until_active = None
    cloudformation.clock.at(3, delete_meanwhile)
    answer = cloudformation.create()
    assert answer.status == "FAILED"
    assert not genesys.subscriptions


@pytest.mark.parametrize(
    "spoil",
    [
        lambda secrets: secrets.held.clear(),
        lambda secrets: secrets.put("queue-ends/genesys", None),
        lambda secrets: secrets.put("queue-ends/genesys", "{}"),
        lambda secrets: secrets.put("queue-ends/genesys", {"client_id": "a", "client_secret": "b"}),
        lambda secrets: setattr(secrets, "denied", 1000),
        lambda secrets: setattr(secrets, "failure", EndpointConnectionError(endpoint_url="x")),
    ],
    ids=["missing", "deleted", "empty", "wrong", "denied", "unreachable"],
)
def test_a_delete_that_cannot_log_in_fails_and_says_how_to_get_out(
    cloudformation: CloudFormation, genesys: FakeGenesys, spoil: object
) -> None:
    physical_id = cloudformation.create().physical_id
    held = dict(cloudformation.secrets.held)
    spoil(cloudformation.secrets)  # type: ignore[operator]
    answer = cloudformation.delete()
    assert (answer.status, answer.physical_id) == ("FAILED", physical_id)
    assert "'queue-ends/genesys'" in answer.reason
    assert "retained" in answer.reason
    assert f"remove the subscription '{NAME}' in Genesys Cloud by hand" in answer.reason
    assert genesys.subscriptions

    cloudformation.secrets.held, cloudformation.secrets.denied = held, 0
    cloudformation.secrets.failure = None
    assert cloudformation.delete().status == "SUCCESS"
    assert not genesys.subscriptions


@pytest.mark.parametrize(
    ("operation", "failure"),
    [
        ("delete", problem(403, "You may not delete.")),
        ("delete", problem(409, "In use.")),
        ("list", problem(403, "You may not list.")),
        ("list", problem(500, "Oops.")),
        ("list", Answer(fate="lost")),
        ("list", Answer(200, {"entities": None})),
        ("delete", problem(429, "Slow down.")),
    ],
    ids=str,
)
def test_a_delete_that_is_refused_fails_and_can_be_tried_again(
    cloudformation: CloudFormation, genesys: FakeGenesys, operation: str, failure: Answer
) -> None:
    physical_id = cloudformation.create().physical_id
    genesys.always(operation, failure)
    answer = cloudformation.delete()
    assert (answer.status, answer.physical_id) == ("FAILED", physical_id)
    assert "retained" in answer.reason
    genesys.always(operation, None)
    assert cloudformation.delete().status == "SUCCESS"
    assert not genesys.subscriptions
