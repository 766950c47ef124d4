"""Delete removes our resources only, and does not block a stack without need."""

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError

from local.genesys.problems import problem
from local.http.messages import Answer
from tests.fakes.aws.cloudformation import CLOUDFORMATION_ID, NAME
from tests.fakes.aws.secrets_manager import FakeSecrets
from tests.fakes.clock import Clock
from tests.unit.provisioner.conftest import StackResource

LOST = Answer(fate="lost")


def test_a_delete_removes_our_resource(deployed: StackResource) -> None:
    physical_id = deployed.stack.physical_id
    response = deployed.stack.delete()
    assert (response.status, response.physical_id) == ("SUCCESS", physical_id)
    assert not deployed.entities
    assert deployed.genesys.operations[:2] == ["login", "list"], "a stored id is not trusted"


def test_a_delete_leaves_foreign_resources_alone(deployed: StackResource) -> None:
    foreign_ids = {
        deployed.delivery.seed_foreign(),
        deployed.delivery.seed(Name=f"{NAME}2"),
        deployed.delivery.seed(Name=NAME.upper()),
        deployed.delivery.seed(Name="other"),
    }
    assert deployed.stack.delete().status == "SUCCESS"
    assert set(deployed.entities) == foreign_ids


def test_a_delete_removes_all_duplicates_of_ours(deployed: StackResource) -> None:
    for _ in range(4):
        deployed.seed()
    assert deployed.stack.delete().status == "SUCCESS"
    assert not deployed.entities


@pytest.mark.parametrize("operation", ["list", "read", "switch", "delete"])
def test_a_delete_of_a_resource_deleted_meanwhile_succeeds(
    deployed: StackResource, operation: str
) -> None:
    deployed.genesys.before(operation, deployed.entities.clear)
    assert deployed.stack.delete().status == "SUCCESS"


def test_a_delete_of_a_deleted_resource_succeeds(deployed: StackResource) -> None:
    assert deployed.stack.delete().status == "SUCCESS"
    assert deployed.stack.delete().status == "SUCCESS"


@pytest.mark.parametrize("operation", ["switch", "delete"])
@pytest.mark.parametrize("carried_out", [True, False])
@pytest.mark.parametrize("failure", [Answer(429), Answer(503), LOST], ids=str)
def test_a_lost_response_to_a_delete_does_no_harm(
    deployed: StackResource, operation: str, carried_out: bool, failure: Answer
) -> None:
    deployed.genesys.instead(operation, failure, failure, carried_out=carried_out)
    assert deployed.stack.delete().status == "SUCCESS"
    assert not deployed.entities


def test_a_delete_after_a_create_that_created_nothing_succeeds_without_a_call(
    resource: StackResource,
) -> None:
    stack = resource.stack
    assert stack.create(**resource.delivery.refused_properties).status == "FAILED"
    resource.genesys.calls.clear()
    stack.secrets.reads.clear()
    stack.secrets.held.clear()
    stack.properties = {"Name": 5, "LoginUrl": None}
    physical_id = stack.physical_id
    assert physical_id.startswith("nothing-created/")
    response = stack.delete()
    assert (response.status, response.physical_id) == ("SUCCESS", physical_id)
    assert not resource.genesys.operations
    assert not stack.secrets.reads


def test_a_delete_after_a_create_that_created_nothing_spares_another_stack(
    resource: StackResource,
) -> None:
    resource.stack.secrets.held.clear()
    resource.stack.create()
    existing_id = resource.seed()
    assert resource.stack.delete().status == "SUCCESS"
    assert list(resource.entities) == [existing_id]


@pytest.mark.parametrize("changes", [None, {"ApiUrl": "http://evil.example"}, {"Name": ""}])
def test_a_create_with_broken_properties_can_be_deleted(
    resource: StackResource, changes: dict[str, Any] | None
) -> None:
    resource.stack.properties = resource.stack.properties | changes if changes else {}
    response = resource.stack.create()
    assert response.status == "FAILED"
    assert response.physical_id.startswith("nothing-created/")
    assert resource.stack.delete().status == "SUCCESS"
    assert not resource.genesys.operations


def test_a_delete_with_an_id_of_cloudformation_deletes_our_resource(
    deployed: StackResource,
) -> None:
    response = deployed.stack.delete(CLOUDFORMATION_ID)
    assert (response.status, response.physical_id) == ("SUCCESS", CLOUDFORMATION_ID)
    assert not deployed.entities


@pytest.mark.parametrize("moment", [0.5, 2, 5, 7.9])
def test_a_delete_with_an_id_of_cloudformation_waits_for_a_late_resource(
    resource: StackResource, clock: Clock, moment: float
) -> None:
    clock.schedule(moment, resource.seed)
    response = resource.stack.delete(CLOUDFORMATION_ID)
    assert (response.status, response.physical_id) == ("SUCCESS", CLOUDFORMATION_ID)
    assert "delete" in resource.genesys.operations
    assert not resource.entities
    assert clock.now < 20


def test_a_delete_with_an_id_of_cloudformation_spares_a_foreign_resource(
    resource: StackResource,
) -> None:
    existing_id = resource.delivery.seed_foreign()
    assert resource.stack.delete(CLOUDFORMATION_ID).status == "SUCCESS"
    assert list(resource.entities) == [existing_id]


def test_a_create_that_is_still_running_during_the_delete_leaves_nothing(
    resource: StackResource, clock: Clock
) -> None:
    stack = resource.stack

    def delete_meanwhile() -> None:
        state_of_create = dict(stack.__dict__)
        assert stack.delete(CLOUDFORMATION_ID).status == "SUCCESS"
        stack.__dict__.update(state_of_create)

    # CloudFormation gives up while the Create waits, after the creation of the resource.
    resource.delivery.set_activation(succeeds=False)
    clock.schedule(3, delete_meanwhile)
    assert stack.create().status == "FAILED"
    assert not resource.entities


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
def test_a_delete_that_cannot_log_in_fails_with_advice(
    deployed: StackResource, secrets: FakeSecrets, spoil: Callable[[FakeSecrets], object]
) -> None:
    physical_id, working_secrets = deployed.stack.physical_id, dict(secrets.held)
    spoil(secrets)
    response = deployed.stack.delete()
    assert (response.status, response.physical_id) == ("FAILED", physical_id)
    for expected in (
        "'queue-ends/genesys'",
        "retained",
        f"remove the {deployed.noun} '{NAME}' in Genesys Cloud by hand",
    ):
        assert expected in response.reason
    assert deployed.entities

    secrets.held, secrets.denied, secrets.failure = working_secrets, 0, None
    assert deployed.stack.delete().status == "SUCCESS"
    assert not deployed.entities


@pytest.mark.parametrize(
    ("operation", "failure"),
    [
        ("list", problem(403, "You may not list.")),
        ("list", problem(500, "Oops.")),
        ("list", LOST),
        ("list", Answer(200, {"entities": None})),
        ("delete", problem(403, "You may not delete.")),
        ("delete", problem(409, "In use.")),
        ("delete", problem(429, "Slow down.")),
        ("delete", LOST),
    ],
    ids=str,
)
def test_a_refused_delete_fails_and_can_be_retried(
    deployed: StackResource, operation: str, failure: Answer
) -> None:
    physical_id = deployed.stack.physical_id
    deployed.genesys.always(operation, failure)
    response = deployed.stack.delete()
    assert (response.status, response.physical_id) == ("FAILED", physical_id)
    assert f"remove the {deployed.noun} '{NAME}' in Genesys Cloud by hand" in response.reason
    deployed.genesys.always(operation, None)
    assert deployed.stack.delete().status == "SUCCESS"
    assert not deployed.entities
