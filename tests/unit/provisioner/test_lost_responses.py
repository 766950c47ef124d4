"""A Create whose response from Genesys Cloud is lost leaves exactly one resource."""

import pytest

from local.genesys.problems import problem
from local.http.messages import Answer
from tests.unit.provisioner.conftest import StackResource

LOST = Answer(fate="lost")


@pytest.mark.parametrize(("times", "visible_after"), [(1, 0), (1, 0.4), (2, 0.4)])
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
@pytest.mark.parametrize("unique_names", [True, False])
def test_a_lost_response_leaves_exactly_one_resource(
    *,
    resource: StackResource,
    failure: Answer,
    times: int,
    visible_after: float,
    unique_names: bool,
) -> None:
    resource.genesys.subscriptions.unique_names = unique_names
    resource.entities.visible_after = visible_after
    resource.genesys.instead("create", *[failure] * times, carried_out=True)
    response = resource.stack.create()
    assert response.status == "SUCCESS", response.reason
    assert resource.is_as_specified()
    assert list(resource.entities) == [resource.id_in(response.data)]


@pytest.mark.parametrize("failure", [LOST, Answer(502), Answer(503)], ids=str)
def test_a_request_that_was_not_carried_out_is_retried(
    resource: StackResource, failure: Answer
) -> None:
    resource.genesys.instead("create", failure, failure)
    assert resource.stack.create().status == "SUCCESS"
    assert resource.is_as_specified()
    # A search precedes each retry.
    operations = [name for name in resource.genesys.operations if name in ("create", "list")]
    assert operations[:6] == ["list", "create", "list", "create", "list", "create"]
    assert "create" not in operations[6:]


def test_a_resource_that_lists_show_after_the_retry_still_leaves_one(
    resource: StackResource,
) -> None:
    resource.genesys.subscriptions.unique_names = False
    resource.genesys.subscriptions.activation_reads = 3
    resource.entities.visible_after = 1.2
    resource.genesys.instead("create", LOST, carried_out=True)
    response = resource.stack.create()
    assert response.status == "SUCCESS"
    assert resource.genesys.operations.count("create") == 2
    assert list(resource.entities) == [resource.id_in(response.data)]


def test_a_refusal_after_a_lost_response_still_removes_the_resource(
    resource: StackResource,
) -> None:
    resource.entities.visible_after = 4
    resource.genesys.instead("create", LOST, carried_out=True)
    resource.genesys.instead("create", problem(403, "no more"))
    response = resource.stack.create()
    assert response.status == "FAILED"
    assert "403" in response.reason
    assert response.physical_id.startswith("nothing-created/")
    assert not resource.entities
