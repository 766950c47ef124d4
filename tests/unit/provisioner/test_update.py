"""Update: in place, whatever changed; and back again when it failed."""

import pytest

from local.genesys.login import CLIENT_ID, CLIENT_SECRET
from local.genesys.problems import problem
from local.http.messages import Answer
from local.http.server import HttpServer
from tests.unit.provisioner.conftest import CHANGING, Resource


def test_a_change_is_made_in_place(deployed: Resource) -> None:
    physical_id, held = deployed.stack.physical_id, list(deployed.entities)
    response = deployed.stack.update(**deployed.change)
    assert (response.status, response.physical_id) == ("SUCCESS", physical_id)
    assert [deployed.kept(response.data)] == held == list(deployed.entities)
    assert deployed.is_right()
    assert deployed.genesys.operations.count(deployed.delivery.changing) == 1
    assert not {"create", "delete"} & set(deployed.genesys.operations)


def test_another_secret_of_the_same_org_changes_nothing_in_genesys(deployed: Resource) -> None:
    secrets = deployed.stack.secrets
    secrets.put("new", {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET})
    secrets.reads.clear()
    assert deployed.stack.update(SecretName="new").status == "SUCCESS"
    assert secrets.reads == ["new"]
    assert not CHANGING & set(deployed.genesys.operations)


def test_another_login_host_of_the_same_org_is_an_update_like_another(
    deployed: Resource, http: HttpServer
) -> None:
    assert deployed.stack.update(LoginUrl=f"{http.url}/").status == "SUCCESS"


def test_an_update_without_a_change_leaves_it_as_it_is(deployed: Resource) -> None:
    assert deployed.stack.update().status == "SUCCESS"
    assert deployed.is_right()
    assert not CHANGING & set(deployed.genesys.operations)


def test_one_that_was_changed_by_hand_is_put_right(deployed: Resource) -> None:
    (entity,) = deployed.entities.values()
    deployed.delivery.spoil(entity)
    assert deployed.stack.update().status == "SUCCESS"
    assert deployed.is_right()


def test_an_update_finds_its_own_deleted_by_hand_and_makes_it_anew(deployed: Resource) -> None:
    physical_id, former = deployed.stack.physical_id, set(deployed.entities)
    deployed.entities.clear()
    response = deployed.stack.update(**deployed.change)
    assert (response.status, response.physical_id) == ("SUCCESS", physical_id)
    (made,) = deployed.entities
    assert made in (response.data or {}).values()
    assert made not in former


def test_an_update_to_another_org_is_refused_and_the_rollback_after_it_succeeds(
    deployed: Resource, http: HttpServer
) -> None:
    stack, physical_id = deployed.stack, deployed.stack.physical_id
    response = stack.update(
        LoginUrl="https://login.mypurecloud.ie", ApiUrl="https://api.mypurecloud.ie"
    )
    assert (response.status, response.physical_id) == ("FAILED", physical_id)
    for expected in (
        f"The {deployed.word} is in another org",
        http.url.removeprefix("http://"),
        "api.mypurecloud.ie",
        "destroy the stack first, or use another stage",
    ):
        assert expected in response.reason
    assert not deployed.genesys.operations

    response = stack.roll_back()
    assert (response.status, response.physical_id) == ("SUCCESS", physical_id)
    assert not CHANGING & set(deployed.genesys.operations)


@pytest.mark.parametrize("gone", [True, False])
def test_a_name_that_is_somebody_elses_by_now_is_an_error(deployed: Resource, gone: bool) -> None:
    if gone:
        deployed.entities.clear()
    deployed.delivery.seed_foreign()
    before = {key: deployed.delivery.shown(one) for key, one in deployed.entities.items()}
    physical_id = deployed.stack.physical_id
    response = deployed.stack.update(**deployed.change)
    assert (response.status, response.physical_id) == ("FAILED", physical_id)
    assert deployed.delivery.foreign in response.reason
    assert "another stage" in response.reason
    assert not CHANGING & set(deployed.genesys.operations)
    assert {key: deployed.delivery.shown(one) for key, one in deployed.entities.items()} == before


def test_a_refused_change_fails_and_the_rollback_restores(deployed: Resource) -> None:
    physical_id, held = deployed.stack.physical_id, list(deployed.entities)
    response = deployed.stack.update(**deployed.delivery.refused)
    assert (response.status, response.physical_id) == ("FAILED", physical_id)
    assert "Genesys Cloud refused the " in response.reason
    assert "may still exist" not in response.reason, "that is for a Delete"
    assert deployed.stack.roll_back().status == "SUCCESS"
    assert deployed.is_right()
    assert list(deployed.entities) == held


def test_a_change_that_never_gets_active_fails_and_the_rollback_restores(
    deployed: Resource,
) -> None:
    held = list(deployed.entities)
    deployed.genesys.integrations.configuring_switches_off = True
    deployed.delivery.starts(well=False)
    assert deployed.stack.update(**deployed.change).status == "FAILED"
    assert list(deployed.entities) == held, "what was there before is not removed"

    deployed.delivery.starts(well=True)
    response = deployed.stack.roll_back()
    assert (response.status, deployed.kept(response.data)) == ("SUCCESS", held[0])
    assert deployed.is_right()


@pytest.mark.parametrize("carried_out", [True, False])
@pytest.mark.parametrize("failing", ["login", "list", "change", "read"])
def test_a_rollback_restores_it_whichever_request_failed(
    deployed: Resource, failing: str, carried_out: bool
) -> None:
    held = list(deployed.entities)
    operation = deployed.delivery.changing if failing == "change" else failing
    deployed.genesys.instead(operation, problem(500, "Oops."), carried_out=carried_out)
    assert deployed.stack.update(**deployed.change).status == "FAILED"
    assert list(deployed.entities) == held, "what was there before is not removed"
    assert deployed.stack.roll_back().status == "SUCCESS"
    assert deployed.is_right()
    assert list(deployed.entities) == held


def test_one_made_anew_by_a_failing_update_is_removed_and_made_again_by_the_rollback(
    deployed: Resource,
) -> None:
    deployed.entities.clear()
    deployed.delivery.starts(well=False)
    physical_id = deployed.stack.physical_id
    response = deployed.stack.update(**deployed.change)
    assert (response.status, response.physical_id) == ("FAILED", physical_id)
    assert not deployed.entities
    deployed.delivery.starts(well=True)
    assert deployed.stack.roll_back().status == "SUCCESS"
    assert deployed.is_right()


def test_a_secret_that_is_wrong_fails_and_the_rollback_uses_the_old_one(
    deployed: Resource,
) -> None:
    deployed.stack.secrets.put("new", {"client_id": "x", "client_secret": "y"})
    response = deployed.stack.update(SecretName="new", **deployed.change)
    assert response.status == "FAILED"
    assert "'new'" in response.reason
    assert deployed.stack.roll_back().status == "SUCCESS"
    assert deployed.is_right()


def test_another_name_makes_another_resource_and_the_old_one_is_deleted_after_it(
    deployed: Resource,
) -> None:
    stack = deployed.stack
    old_id, old = stack.physical_id, stack.properties
    response = stack.update(Name="queue-ends-renamed")
    assert response.status == "SUCCESS"
    assert response.physical_id != old_id
    stack.properties = old
    assert stack.delete(old_id).status == "SUCCESS"
    assert [entity["name"] for entity in deployed.entities.values()] == ["queue-ends-renamed"]


@pytest.mark.parametrize("failure", [Answer(429), Answer(503), Answer(fate="lost")], ids=str)
def test_a_change_whose_answer_is_lost_is_made_again(deployed: Resource, failure: Answer) -> None:
    deployed.genesys.instead(
        deployed.delivery.changing, failure, failure, carried_out=failure.status != 429
    )
    assert deployed.stack.update(**deployed.change).status == "SUCCESS"
    assert deployed.is_right()


def test_one_removed_right_before_its_change_is_a_failure_that_can_be_tried_again(
    deployed: Resource,
) -> None:
    deployed.genesys.before(deployed.delivery.changing, deployed.entities.clear)
    assert deployed.stack.update(**deployed.change).status == "FAILED"
    assert deployed.stack.roll_back().status == "SUCCESS"
    assert deployed.is_right()
