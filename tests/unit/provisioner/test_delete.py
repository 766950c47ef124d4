"""Delete: ours is gone afterwards, nothing else is, and no stack is stuck without need."""

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError

from local.genesys.problems import problem
from local.http.messages import Answer
from tests.fakes.aws.cloudformation import INVENTED_ID, NAME
from tests.fakes.aws.secrets_manager import FakeSecrets
from tests.fakes.clock import Clock
from tests.unit.provisioner.conftest import Resource

LOST = Answer(fate="lost")


def test_a_delete_removes_ours(deployed: Resource) -> None:
    physical_id = deployed.stack.physical_id
    answer = deployed.stack.delete()
    assert (answer.status, answer.physical_id) == ("SUCCESS", physical_id)
    assert not deployed.entities
    assert deployed.genesys.operations[:2] == ["login", "list"], "a stored id is not trusted"


def test_a_delete_leaves_things_of_others_alone(deployed: Resource) -> None:
    kept = {
        deployed.delivery.seed_foreign(),
        deployed.delivery.seed(Name=f"{NAME}2"),
        deployed.delivery.seed(Name=NAME.upper()),
        deployed.delivery.seed(Name="other"),
    }
    assert deployed.stack.delete().status == "SUCCESS"
    assert set(deployed.entities) == kept


def test_a_delete_removes_all_duplicates_of_ours(deployed: Resource) -> None:
    for _ in range(4):
        deployed.seed()
    assert deployed.stack.delete().status == "SUCCESS"
    assert not deployed.entities


@pytest.mark.parametrize("operation", ["list", "read", "switch", "delete"])
def test_a_delete_of_one_that_goes_meanwhile_succeeds(deployed: Resource, operation: str) -> None:
    deployed.genesys.before(operation, deployed.entities.clear)
    assert deployed.stack.delete().status == "SUCCESS"


def test_a_delete_of_one_that_is_gone_succeeds(deployed: Resource) -> None:
    assert deployed.stack.delete().status == "SUCCESS"
    assert deployed.stack.delete().status == "SUCCESS"


@pytest.mark.parametrize("operation", ["switch", "delete"])
@pytest.mark.parametrize("carried_out", [True, False])
@pytest.mark.parametrize("failure", [Answer(429), Answer(503), LOST], ids=str)
def test_a_lost_answer_to_a_delete_does_no_harm(
    deployed: Resource, operation: str, carried_out: bool, failure: Answer
) -> None:
    deployed.genesys.instead(operation, failure, failure, carried_out=carried_out)
    assert deployed.stack.delete().status == "SUCCESS"
    assert not deployed.entities


def test_a_delete_after_a_create_that_made_nothing_succeeds_without_a_call(
    resource: Resource,
) -> None:
    stack = resource.stack
    assert stack.create(**resource.delivery.refused).status == "FAILED"
    resource.genesys.calls.clear()
    stack.secrets.reads.clear()
    stack.secrets.held.clear()
    stack.properties = {"Name": 5, "LoginUrl": None}
    physical_id = stack.physical_id
    assert physical_id.startswith("nothing-created/")
    answer = stack.delete()
    assert (answer.status, answer.physical_id) == ("SUCCESS", physical_id)
    assert not resource.genesys.operations
    assert not stack.secrets.reads


def test_a_delete_after_a_create_that_made_nothing_spares_another_stack_s(
    resource: Resource,
) -> None:
    resource.stack.secrets.held.clear()
    resource.stack.create()
    held = resource.seed()
    assert resource.stack.delete().status == "SUCCESS"
    assert list(resource.entities) == [held]


@pytest.mark.parametrize("changes", [None, {"ApiUrl": "http://evil.example"}, {"Name": ""}])
def test_a_create_with_broken_properties_can_be_deleted(
    resource: Resource, changes: dict[str, Any] | None
) -> None:
    resource.stack.properties = resource.stack.properties | changes if changes else {}
    answer = resource.stack.create()
    assert answer.status == "FAILED"
    assert answer.physical_id.startswith("nothing-created/")
    assert resource.stack.delete().status == "SUCCESS"
    assert not resource.genesys.operations


def test_an_id_that_cloudformation_invented_deletes_what_is_there(deployed: Resource) -> None:
    answer = deployed.stack.delete(INVENTED_ID)
    assert (answer.status, answer.physical_id) == ("SUCCESS", INVENTED_ID)
    assert not deployed.entities


@pytest.mark.parametrize("moment", [0.5, 2, 5, 7.9])
def test_a_delete_by_an_id_that_cloudformation_invented_waits_for_what_appears(
    resource: Resource, clock: Clock, moment: float
) -> None:
    clock.schedule(moment, resource.seed)
    answer = resource.stack.delete(INVENTED_ID)
    assert (answer.status, answer.physical_id) == ("SUCCESS", INVENTED_ID)
    assert "delete" in resource.genesys.operations
    assert not resource.entities
    assert clock.now < 20


def test_an_invented_id_and_nothing_there_succeeds_and_spares_the_namesake(
    resource: Resource,
) -> None:
    held = resource.delivery.seed_foreign()
    assert resource.stack.delete(INVENTED_ID).status == "SUCCESS"
    assert list(resource.entities) == [held]


def test_a_create_that_is_under_way_while_its_stack_is_deleted_leaves_nothing(
    resource: Resource, clock: Clock
) -> None:
    stack = resource.stack

    def delete_meanwhile() -> None:
        creating = dict(stack.__dict__)
        assert stack.delete(INVENTED_ID).status == "SUCCESS"
        stack.__dict__.update(creating)

    # CloudFormation gives up while Create, which has made something, still waits.
    resource.delivery.starts(well=False)
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
def test_a_delete_that_cannot_log_in_fails_and_says_how_to_get_out(
    deployed: Resource, secrets: FakeSecrets, spoil: Callable[[FakeSecrets], object]
) -> None:
    physical_id, held = deployed.stack.physical_id, dict(secrets.held)
    spoil(secrets)
    answer = deployed.stack.delete()
    assert (answer.status, answer.physical_id) == ("FAILED", physical_id)
    for expected in (
        "'queue-ends/genesys'",
        "retained",
        f"remove the {deployed.word} '{NAME}' in Genesys Cloud by hand",
    ):
        assert expected in answer.reason
    assert deployed.entities

    secrets.held, secrets.denied, secrets.failure = held, 0, None
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
def test_a_delete_that_is_refused_fails_and_can_be_tried_again(
    deployed: Resource, operation: str, failure: Answer
) -> None:
    physical_id = deployed.stack.physical_id
    deployed.genesys.always(operation, failure)
    answer = deployed.stack.delete()
    assert (answer.status, answer.physical_id) == ("FAILED", physical_id)
    assert f"remove the {deployed.word} '{NAME}' in Genesys Cloud by hand" in answer.reason
    deployed.genesys.always(operation, None)
    assert deployed.stack.delete().status == "SUCCESS"
    assert not deployed.entities
