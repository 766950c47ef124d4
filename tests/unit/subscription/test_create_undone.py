"""A Create that fails leaves nothing, or an id by which what it left is deleted."""

import pytest

from tests.fakes.aws.cloudformation import NAME, CloudFormation
from tests.fakes.clock import Clock
from tests.fakes.genesys import BAD_FILTER, FakeGenesys, problem
from tests.fakes.scripted_http import Answer, HttpServer

FOREIGN_ARN = "arn:aws:sqs:eu-west-1:999988887777:somebody-elses"
LOST = Answer(fate="lost")


def test_after_a_lost_answer_a_refusal_does_not_mean_that_nothing_was_made(
    cloudformation: CloudFormation, genesys: FakeGenesys
) -> None:
    genesys.visible_after = 4
    genesys.instead("create", LOST, carried_out=True)
    genesys.instead("create", problem(403, "no more"))
    answer = cloudformation.create()
    assert answer.status == "FAILED"
    assert "403" in answer.reason
    assert not genesys.subscriptions


def test_one_that_is_never_active_is_removed_again(
    cloudformation: CloudFormation, genesys: FakeGenesys, clock: Clock
) -> None:
    genesys.reads_until_active = None
    answer = cloudformation.create()
    assert answer.status == "FAILED"
    assert "status is 'pending' instead of 'active'" in answer.reason
    assert answer.physical_id.startswith("nothing-created/")
    assert not genesys.subscriptions
    assert 55 < clock.now < 90


@pytest.mark.parametrize(
    "failure",
    [
        problem(403, "You may not read."),
        problem(500, "Oops."),
        Answer(200, b"garbage"),
        Answer(200, None),
        Answer(200, []),
        Answer(200, {"eventTypes": 5}),
    ],
    ids=str,
)
def test_what_was_made_is_removed_when_reading_it_fails(
    cloudformation: CloudFormation, genesys: FakeGenesys, failure: Answer
) -> None:
    genesys.visible_after = 7
    genesys.always("read", failure)
    answer = cloudformation.create()
    assert answer.status == "FAILED"
    assert answer.physical_id.startswith("nothing-created/")
    assert not genesys.subscriptions


@pytest.mark.parametrize(
    "failure",
    [problem(403, "no"), problem(503, "no"), LOST, Answer(200, b"?")],
    ids=str,
)
@pytest.mark.parametrize("operation", ["delete", "list"])
def test_what_cannot_be_removed_again_keeps_its_id_and_is_deleted_later(
    cloudformation: CloudFormation,
    genesys: FakeGenesys,
    http: HttpServer,
    failure: Answer,
    operation: str,
) -> None:
    if (operation, failure.status) == ("delete", 200) and failure.fate == "sent":
        failure = problem(409, "in use")
    genesys.always("read", problem(403, "You may not read."))
    genesys.before("read", lambda: genesys.always(operation, failure))
    answer = cloudformation.create()
    assert answer.status == "FAILED"
    assert "You may not read." in answer.reason
    assert "could not be removed again" in answer.reason
    assert answer.physical_id == f"{http.url.removeprefix('http://')}/{NAME}"
    assert len(genesys.subscriptions) == 1

    genesys.always(operation, None)
    assert cloudformation.delete().status == "SUCCESS"
    assert not genesys.subscriptions


def test_a_bad_filter_makes_nothing(
    cloudformation: CloudFormation, genesys: FakeGenesys, clock: Clock
) -> None:
    answer = cloudformation.create(AttributeFilter=BAD_FILTER)
    assert answer.status == "FAILED"
    assert answer.physical_id.startswith("nothing-created/")
    assert genesys.operations == ["login", "list", "create"]
    assert not clock.pauses
