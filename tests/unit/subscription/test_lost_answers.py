"""Create when Genesys Cloud does what was asked and the answer is lost: one subscription."""

import pytest

from tests.fakes.aws.cloudformation import QUEUE_ARN, CloudFormation
from tests.fakes.genesys import FakeGenesys
from tests.fakes.scripted_http import Answer

FOREIGN_ARN = "arn:aws:sqs:eu-west-1:999988887777:somebody-elses"
LOST = Answer(fate="lost")


def ours(genesys: FakeGenesys) -> list[str]:
    return [entity["id"] for entity in genesys.sending_to(QUEUE_ARN)]


@pytest.mark.parametrize(
    ("times", "visible_after", "unique_names"), [(1, 0, False), (2, 0.4, True)]
)
@pytest.mark.parametrize(
    "failure",
    [
        LOST,
        Answer(500),
        Answer(503),
        Answer(201, b"garbage"),
        Answer(201, {"id": None}),
        Answer(201, []),
        Answer(201, fate="cut"),
    ],
    ids=str,
)
def test_a_lost_answer_leaves_exactly_one_subscription(
    *,
    cloudformation: CloudFormation,
    genesys: FakeGenesys,
    failure: Answer,
    times: int,
    visible_after: float,
    unique_names: bool,
) -> None:
    genesys.unique_names = unique_names
    genesys.visible_after = visible_after
    genesys.instead("create", *[failure] * times, carried_out=True)
    answer = cloudformation.create()
    assert answer.status == "SUCCESS", answer.reason
    assert len(ours(genesys)) == 1
    assert answer.data == {"SubscriptionId": ours(genesys)[0]}


@pytest.mark.parametrize("failure", [LOST, Answer(502), Answer(503)], ids=str)
def test_a_request_that_was_not_carried_out_is_made_again(
    cloudformation: CloudFormation, genesys: FakeGenesys, failure: Answer
) -> None:
    genesys.instead("create", failure, failure)
    assert cloudformation.create().status == "SUCCESS"
    assert len(ours(genesys)) == 1
    # Each repetition came after a look.
    looks = [operation for operation in genesys.operations if operation in ("create", "list")]
    assert looks == ["list", "create", "list", "create", "list", "create"] + ["list"] * (
        len(looks) - 6
    )


@pytest.mark.parametrize("visible_after", [3, 5])
def test_a_lost_answer_and_a_name_that_is_unique_ends_well_however_late_lists_are(
    cloudformation: CloudFormation, genesys: FakeGenesys, visible_after: float
) -> None:
    genesys.visible_after = visible_after
    genesys.instead("create", LOST, carried_out=True)
    answer = cloudformation.create()
    assert answer.status == "SUCCESS", answer.reason
    assert len(ours(genesys)) == 1


def test_a_lost_answer_that_lists_show_after_the_repetition_still_leaves_one(
    cloudformation: CloudFormation, genesys: FakeGenesys
) -> None:
    genesys.unique_names = False
    genesys.visible_after = 1.2
    genesys.reads_until_active = 3
    genesys.instead("create", LOST, carried_out=True)
    answer = cloudformation.create()
    assert answer.status == "SUCCESS"
    assert answer.data == {"SubscriptionId": ours(genesys)[0]}
    assert len(ours(genesys)) == 1
