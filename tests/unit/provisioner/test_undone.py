"""A failed Create leaves no resource, or an id whose Delete removes the resource."""

import pytest

from local.genesys.problems import problem
from local.http.messages import Answer
from local.http.server import HttpServer
from tests.fakes.aws.cloudformation import NAME
from tests.fakes.clock import Clock
from tests.unit.provisioner.conftest import StackResource

LOST = Answer(fate="lost")


def test_a_resource_that_never_becomes_active_is_removed(
    resource: StackResource, clock: Clock
) -> None:
    resource.delivery.set_activation(succeeds=False)
    response = resource.stack.create()
    assert response.status == "FAILED"
    assert f"The {resource.noun} did not become active" in response.reason
    assert response.physical_id.startswith("nothing-created/")
    assert not resource.entities
    assert clock.now < 90


@pytest.mark.parametrize(
    "failure",
    [
        problem(403, "You may not read."),
        problem(500, "Oops."),
        Answer(200, b"garbage"),
        Answer(200, None),
        Answer(200, []),
    ],
    ids=str,
)
def test_a_resource_that_cannot_be_read_back_is_removed(
    resource: StackResource, failure: Answer
) -> None:
    resource.entities.visible_after = 7
    resource.genesys.instead("read", failure)
    response = resource.stack.create()
    assert response.status == "FAILED"
    assert response.physical_id.startswith("nothing-created/")
    assert not resource.entities


@pytest.mark.parametrize(
    "failure", [problem(403, "no"), problem(409, "in use"), problem(503, "no"), LOST], ids=str
)
@pytest.mark.parametrize("operation", ["delete", "list"])
def test_a_resource_that_cannot_be_removed_is_deleted_later(
    resource: StackResource, http: HttpServer, failure: Answer, operation: str
) -> None:
    resource.delivery.set_activation(
        succeeds=False, meanwhile=lambda: resource.genesys.always(operation, failure)
    )
    response = resource.stack.create()
    assert response.status == "FAILED"
    assert f"The {resource.noun} did not become active" in response.reason
    assert "what was created may remain" in response.reason
    assert response.physical_id.startswith(f"{http.url.removeprefix('http://')}/{NAME}")

    resource.genesys.always(operation, None)
    assert resource.stack.delete().status == "SUCCESS"
    assert not resource.entities


def test_a_refused_creation_creates_nothing_and_searches_for_nothing(
    resource: StackResource, clock: Clock
) -> None:
    resource.genesys.always("create", problem(403, "You may not create."))
    response = resource.stack.create()
    assert response.status == "FAILED"
    assert response.physical_id.startswith("nothing-created/")
    assert resource.genesys.operations == [*resource.delivery.operations_before_creation, "create"]
    assert not clock.pauses
