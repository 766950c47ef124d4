"""A Create that fails leaves nothing, or an id by which what it left is deleted."""

import pytest

from local.genesys.problems import problem
from local.genesys.stand_in import GenesysCloud
from local.http.messages import Answer
from local.http.server import HttpServer
from tests.fakes.aws.cloudformation import NAME, CloudFormation
from tests.fakes.aws.partner_events import NEVER
from tests.fakes.clock import Clock
from tests.unit.provisioner.conftest import BAD_FILTER

LOST = Answer(fate="lost")


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
def test_a_subscription_that_cannot_be_read_back_is_removed_again(
    cloudformation: CloudFormation, genesys: GenesysCloud, failure: Answer
) -> None:
    genesys.subscriptions.visible_after = 7
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
def test_a_subscription_that_cannot_be_removed_again_is_deleted_later(
    cloudformation: CloudFormation,
    genesys: GenesysCloud,
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
    cloudformation: CloudFormation, genesys: GenesysCloud, clock: Clock
) -> None:
    answer = cloudformation.create(AttributeFilter=BAD_FILTER)
    assert answer.status == "FAILED"
    assert answer.physical_id.startswith("nothing-created/")
    assert genesys.operations == ["login", "list", "create"]
    assert not clock.pauses
