"""Create when Genesys Cloud does what was asked and the answer is lost: one subscription."""

import pytest

from local.genesys.stand_in import GenesysCloud
from local.http.messages import Answer
from tests.fakes.aws.cloudformation import QUEUE_ARN, CloudFormation

LOST = Answer(fate="lost")


def ours(genesys: GenesysCloud) -> list[str]:
    return [entity["id"] for entity in genesys.subscriptions.sending_to(QUEUE_ARN)]


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
    genesys: GenesysCloud,
    failure: Answer,
    times: int,
    visible_after: float,
    unique_names: bool,
) -> None:
    genesys.subscriptions.unique_names = unique_names
    genesys.subscriptions.visible_after = visible_after
    genesys.instead("create", *[failure] * times, carried_out=True)
    answer = cloudformation.create()
    assert answer.status == "SUCCESS", answer.reason
    assert len(ours(genesys)) == 1
    assert answer.data == {"SubscriptionId": ours(genesys)[0]}


@pytest.mark.parametrize("failure", [LOST, Answer(502), Answer(503)], ids=str)
def test_a_request_that_was_not_carried_out_is_made_again(
    cloudformation: CloudFormation, genesys: GenesysCloud, failure: Answer
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
    cloudformation: CloudFormation, genesys: GenesysCloud, visible_after: float
) -> None:
    genesys.subscriptions.visible_after = visible_after
    genesys.instead("create", LOST, carried_out=True)
    answer = cloudformation.create()
    assert answer.status == "SUCCESS", answer.reason
    assert len(ours(genesys)) == 1


def test_a_lost_answer_that_lists_show_after_the_repetition_still_leaves_one(
    cloudformation: CloudFormation, genesys: GenesysCloud
) -> None:
    genesys.subscriptions.unique_names = False
    genesys.subscriptions.visible_after = 1.2
    genesys.subscriptions.activation_reads = 3
    genesys.instead("create", LOST, carried_out=True)
    answer = cloudformation.create()
    assert answer.status == "SUCCESS"
    assert answer.data == {"SubscriptionId": ours(genesys)[0]}
    assert len(ours(genesys)) == 1
