"""Create leaves exactly one resource as specified, and does not change foreign resources."""

import pytest

from local.genesys.problems import problem
from local.http.messages import Answer
from local.http.server import HttpServer
from tests.fakes.aws.cloudformation import NAME
from tests.fakes.clock import Clock
from tests.unit.provisioner.conftest import CHANGE_OPERATIONS, StackResource

LOST = Answer(fate="lost")
BUSY = problem(429, "Rate limit exceeded.", **{"Retry-After": "2"})


def test_a_create_creates_one_resource_and_reads_it_back(
    resource: StackResource, http: HttpServer
) -> None:
    response = resource.stack.create()
    assert (response.status, response.reason) == ("SUCCESS", "")
    assert resource.is_as_specified()
    assert list(resource.entities) == [resource.id_in(response.data)]
    assert response.physical_id.startswith(f"{http.url.removeprefix('http://')}/{NAME}")
    operations = resource.genesys.operations
    assert operations[: len(resource.delivery.operations_before_creation) + 1] == [
        *resource.delivery.operations_before_creation,
        "create",
    ]
    assert "read" in operations[operations.index("create") :]


@pytest.mark.parametrize("others", [0, 1, 7])
@pytest.mark.parametrize("page_count", [True, False])
def test_resources_with_other_names_are_left_alone(
    resource: StackResource, others: int, page_count: bool
) -> None:
    resource.entities.page_count = page_count
    for number in range(others):
        resource.delivery.seed(Name=f"other-{number}")
        resource.delivery.seed(Name=f"{NAME}-{number}")
    before = dict(resource.entities)
    assert resource.stack.create().status == "SUCCESS"
    assert len(resource.entities) == 2 * others + 1
    assert before.items() <= resource.entities.items()


def test_a_create_that_finds_a_matching_resource_changes_nothing(deployed: StackResource) -> None:
    existing_ids = list(deployed.entities)
    assert deployed.stack.create().status == "SUCCESS"
    assert list(deployed.entities) == existing_ids
    assert not CHANGE_OPERATIONS & set(deployed.genesys.operations)


def test_our_resource_that_differs_is_changed_in_place(resource: StackResource) -> None:
    existing_id = resource.delivery.seed(**resource.changed_properties)
    assert resource.id_in(resource.stack.create().data) == existing_id
    assert resource.genesys.operations.count(resource.delivery.change_operation) == 1
    assert "create" not in resource.genesys.operations
    assert resource.is_as_specified()


def test_our_resource_on_a_later_page_is_found(resource: StackResource) -> None:
    for number in range(10):
        resource.delivery.seed(Name=f"other-{number}")
    existing_id = resource.seed()
    assert resource.id_in(resource.stack.create().data) == existing_id
    assert "create" not in resource.genesys.operations


def test_duplicates_are_removed_and_the_matching_resource_remains(resource: StackResource) -> None:
    resource.delivery.seed(**resource.changed_properties)
    matching_id = resource.seed()
    resource.delivery.seed(**resource.changed_properties)
    assert resource.id_in(resource.stack.create().data) == matching_id
    assert list(resource.entities) == [matching_id]
    assert resource.delivery.change_operation not in resource.genesys.operations


@pytest.mark.parametrize("beside_ours", [False, True])
def test_a_taken_name_is_an_error_that_names_its_owner(
    resource: StackResource, clock: Clock, beside_ours: bool
) -> None:
    existing_id = resource.delivery.seed_foreign()
    before = [dict(resource.entities[existing_id])]
    if beside_ours:
        before += [dict(resource.entities[resource.seed()])]
    response = resource.stack.create()
    assert response.status == "FAILED"
    assert response.physical_id.startswith("nothing-created/")
    for expected in (
        NAME,
        existing_id,
        resource.delivery.foreign_destination,
        "another stage",
        "left as it is",
    ):
        assert expected in response.reason
    assert list(resource.entities.values()) == before
    assert not CHANGE_OPERATIONS & set(resource.genesys.operations)
    assert not clock.pauses

    assert resource.stack.delete().status == "SUCCESS"
    assert list(resource.entities.values()) == before


def test_a_busy_genesys_only_takes_longer(resource: StackResource, clock: Clock) -> None:
    resource.genesys.instead("create", BUSY, BUSY, Answer(503))
    assert resource.stack.create().status == "SUCCESS"
    assert resource.is_as_specified()
    assert clock.pauses[:2] == [2, 2]


@pytest.mark.parametrize(
    "operation", ["login", "organization", "list", "create", "configuration", "read"]
)
def test_a_create_succeeds_after_busy_responses(resource: StackResource, operation: str) -> None:
    resource.genesys.instead(operation, BUSY, Answer(503), LOST)
    assert resource.stack.create().status == "SUCCESS"
    assert resource.is_as_specified()


def test_a_create_waits_until_a_new_role_may_read_the_secret(resource: StackResource) -> None:
    resource.stack.secrets.denied = 4
    assert resource.stack.create().status == "SUCCESS"
    assert resource.is_as_specified()


def test_a_create_waits_for_a_slow_activation(resource: StackResource, clock: Clock) -> None:
    resource.delivery.delay_activation(45)
    assert resource.stack.create().status == "SUCCESS"
    assert resource.is_as_specified()
    assert clock.now > 45


def test_a_create_waits_for_a_resource_that_cannot_be_read_yet(resource: StackResource) -> None:
    resource.genesys.instead("read", *[problem(404, "There is none.")] * 4)
    assert resource.stack.create().status == "SUCCESS"
    assert resource.is_as_specified()


def test_the_physical_id_does_not_depend_on_genesys_id(resource: StackResource) -> None:
    first = resource.stack.create()
    resource.entities.clear()
    second = resource.stack.create()
    assert second.physical_id == first.physical_id
    assert resource.id_in(second.data) != resource.id_in(first.data)
