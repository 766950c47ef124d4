"""Update changes a resource in place, and a roll-back restores it."""

import pytest

from local.genesys.login import CLIENT_ID, CLIENT_SECRET
from local.genesys.problems import problem
from local.http.messages import Answer
from local.http.server import HttpServer
from tests.unit.provisioner.conftest import CHANGE_OPERATIONS, StackResource


def test_a_change_is_made_in_place(deployed: StackResource) -> None:
    physical_id, existing_ids = deployed.stack.physical_id, list(deployed.entities)
    response = deployed.stack.update(**deployed.changed_properties)
    assert (response.status, response.physical_id) == ("SUCCESS", physical_id)
    assert [deployed.id_in(response.data)] == existing_ids == list(deployed.entities)
    assert deployed.is_as_specified()
    assert deployed.genesys.operations.count(deployed.delivery.change_operation) == 1
    assert not {"create", "delete"} & set(deployed.genesys.operations)


def test_another_secret_of_the_same_org_changes_nothing_in_genesys(deployed: StackResource) -> None:
    secrets = deployed.stack.secrets
    secrets.put("new", {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET})
    secrets.reads.clear()
    assert deployed.stack.update(SecretName="new").status == "SUCCESS"
    assert secrets.reads == ["new"]
    assert not CHANGE_OPERATIONS & set(deployed.genesys.operations)


def test_a_secret_that_was_rotated_since_the_last_request_is_used(deployed: StackResource) -> None:
    deployed.genesys.client_secret = "the-new-one"
    credentials = {"client_id": CLIENT_ID, "client_secret": "the-new-one"}
    deployed.stack.secrets.put(deployed.stack.properties["SecretName"], credentials)
    assert deployed.stack.update(**deployed.changed_properties).status == "SUCCESS"


def test_another_login_host_of_the_same_org_is_an_ordinary_update(
    deployed: StackResource, http: HttpServer
) -> None:
    assert deployed.stack.update(LoginUrl=f"{http.url}/").status == "SUCCESS"


def test_an_update_without_a_change_changes_nothing(deployed: StackResource) -> None:
    assert deployed.stack.update().status == "SUCCESS"
    assert deployed.is_as_specified()
    assert not CHANGE_OPERATIONS & set(deployed.genesys.operations)


def test_an_update_restores_a_resource_changed_by_hand(deployed: StackResource) -> None:
    (entity,) = deployed.entities.values()
    deployed.delivery.spoil(entity)
    assert deployed.stack.update().status == "SUCCESS"
    assert deployed.is_as_specified()


def test_an_update_creates_a_resource_deleted_by_hand_again(deployed: StackResource) -> None:
    physical_id, existing_ids = deployed.stack.physical_id, set(deployed.entities)
    deployed.entities.clear()
    response = deployed.stack.update(**deployed.changed_properties)
    assert (response.status, response.physical_id) == ("SUCCESS", physical_id)
    (created_id,) = deployed.entities
    assert created_id in (response.data or {}).values()
    assert created_id not in existing_ids


def test_an_update_to_another_org_is_refused_and_the_rollback_after_it_succeeds(
    deployed: StackResource, http: HttpServer
) -> None:
    stack, physical_id = deployed.stack, deployed.stack.physical_id
    response = stack.update(
        LoginUrl="https://login.mypurecloud.ie", ApiUrl="https://api.mypurecloud.ie"
    )
    assert (response.status, response.physical_id) == ("FAILED", physical_id)
    for expected in (
        f"The {deployed.noun} is in another org",
        http.url.removeprefix("http://"),
        "api.mypurecloud.ie",
        "destroy the stack first, or use another stage",
    ):
        assert expected in response.reason
    assert not deployed.genesys.operations

    response = stack.roll_back()
    assert (response.status, response.physical_id) == ("SUCCESS", physical_id)
    assert not CHANGE_OPERATIONS & set(deployed.genesys.operations)


@pytest.mark.parametrize("was_deleted", [True, False])
def test_an_update_of_a_name_taken_meanwhile_is_an_error(
    deployed: StackResource, was_deleted: bool
) -> None:
    if was_deleted:
        deployed.entities.clear()
    deployed.delivery.seed_foreign()
    before = {
        key: deployed.delivery.visible_state(entity) for key, entity in deployed.entities.items()
    }
    physical_id = deployed.stack.physical_id
    response = deployed.stack.update(**deployed.changed_properties)
    assert (response.status, response.physical_id) == ("FAILED", physical_id)
    assert deployed.delivery.foreign_destination in response.reason
    assert "another stage" in response.reason
    assert not CHANGE_OPERATIONS & set(deployed.genesys.operations)
    assert {
        key: deployed.delivery.visible_state(entity) for key, entity in deployed.entities.items()
    } == before


def test_a_refused_change_fails_and_the_rollback_restores(deployed: StackResource) -> None:
    physical_id, existing_ids = deployed.stack.physical_id, list(deployed.entities)
    response = deployed.stack.update(**deployed.delivery.refused_properties)
    assert (response.status, response.physical_id) == ("FAILED", physical_id)
    assert "Genesys Cloud refused the " in response.reason
    assert "may still exist" not in response.reason, "only a Delete says so"
    assert deployed.stack.roll_back().status == "SUCCESS"
    assert deployed.is_as_specified()
    assert list(deployed.entities) == existing_ids


def test_a_change_that_never_becomes_active_fails_and_the_rollback_restores(
    deployed: StackResource,
) -> None:
    existing_ids = list(deployed.entities)
    deployed.genesys.integrations.configuring_switches_off = True
    deployed.delivery.set_activation(succeeds=False)
    assert deployed.stack.update(**deployed.changed_properties).status == "FAILED"
    assert list(deployed.entities) == existing_ids, "the existing resource is not removed"

    deployed.delivery.set_activation(succeeds=True)
    response = deployed.stack.roll_back()
    assert (response.status, deployed.id_in(response.data)) == ("SUCCESS", existing_ids[0])
    assert deployed.is_as_specified()


@pytest.mark.parametrize("carried_out", [True, False])
@pytest.mark.parametrize("failing_request", ["login", "list", "change", "read"])
def test_a_rollback_restores_the_resource_whichever_request_failed(
    deployed: StackResource, failing_request: str, carried_out: bool
) -> None:
    existing_ids = list(deployed.entities)
    operation = (
        deployed.delivery.change_operation if failing_request == "change" else failing_request
    )
    deployed.genesys.instead(operation, problem(500, "Oops."), carried_out=carried_out)
    assert deployed.stack.update(**deployed.changed_properties).status == "FAILED"
    assert list(deployed.entities) == existing_ids, "the existing resource is not removed"
    assert deployed.stack.roll_back().status == "SUCCESS"
    assert deployed.is_as_specified()
    assert list(deployed.entities) == existing_ids


def test_a_resource_created_by_a_failed_update_is_removed_and_created_by_the_rollback(
    deployed: StackResource,
) -> None:
    deployed.entities.clear()
    deployed.delivery.set_activation(succeeds=False)
    physical_id = deployed.stack.physical_id
    response = deployed.stack.update(**deployed.changed_properties)
    assert (response.status, response.physical_id) == ("FAILED", physical_id)
    assert not deployed.entities
    deployed.delivery.set_activation(succeeds=True)
    assert deployed.stack.roll_back().status == "SUCCESS"
    assert deployed.is_as_specified()


def test_an_invalid_secret_fails_and_the_rollback_uses_the_old_secret(
    deployed: StackResource,
) -> None:
    deployed.stack.secrets.put("new", {"client_id": "x", "client_secret": "y"})
    response = deployed.stack.update(SecretName="new", **deployed.changed_properties)
    assert response.status == "FAILED"
    assert "'new'" in response.reason
    assert deployed.stack.roll_back().status == "SUCCESS"
    assert deployed.is_as_specified()


def test_another_name_creates_another_resource_and_then_the_old_one_is_deleted(
    deployed: StackResource,
) -> None:
    stack = deployed.stack
    old_id, old_properties = stack.physical_id, stack.properties
    response = stack.update(Name="queue-ends-renamed")
    assert response.status == "SUCCESS"
    assert response.physical_id != old_id
    stack.properties = old_properties
    assert stack.delete(old_id).status == "SUCCESS"
    assert [entity["name"] for entity in deployed.entities.values()] == ["queue-ends-renamed"]


@pytest.mark.parametrize("failure", [Answer(429), Answer(503), Answer(fate="lost")], ids=str)
def test_a_change_with_a_lost_response_is_retried(deployed: StackResource, failure: Answer) -> None:
    deployed.genesys.instead(
        deployed.delivery.change_operation, failure, failure, carried_out=failure.status != 429
    )
    assert deployed.stack.update(**deployed.changed_properties).status == "SUCCESS"
    assert deployed.is_as_specified()


def test_an_update_of_a_resource_removed_just_before_fails_and_can_be_retried(
    deployed: StackResource,
) -> None:
    deployed.genesys.before(deployed.delivery.change_operation, deployed.entities.clear)
    assert deployed.stack.update(**deployed.changed_properties).status == "FAILED"
    assert deployed.stack.roll_back().status == "SUCCESS"
    assert deployed.is_as_specified()
