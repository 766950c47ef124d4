"""Create: exactly one thing as specified, ours found again, nobody else's touched."""

import pytest

from local.genesys.problems import problem
from local.http.messages import Answer
from local.http.server import HttpServer
from tests.fakes.aws.cloudformation import NAME
from tests.fakes.clock import Clock
from tests.unit.provisioner.conftest import CHANGING, Resource

LOST = Answer(fate="lost")
BUSY = problem(429, "Rate limit exceeded.", **{"Retry-After": "2"})


def test_one_is_made_and_read_back(resource: Resource, http: HttpServer) -> None:
    response = resource.stack.create()
    assert (response.status, response.reason) == ("SUCCESS", "")
    assert resource.is_right()
    assert list(resource.entities) == [resource.kept(response.data)]
    assert response.physical_id.startswith(f"{http.url.removeprefix('http://')}/{NAME}")
    operations = resource.genesys.operations
    assert operations[: len(resource.delivery.before_creation) + 1] == [
        *resource.delivery.before_creation,
        "create",
    ]
    assert "read" in operations[operations.index("create") :]


@pytest.mark.parametrize("others", [0, 1, 7])
@pytest.mark.parametrize("page_count", [True, False])
def test_things_of_other_names_are_left_alone(
    resource: Resource, others: int, page_count: bool
) -> None:
    resource.entities.page_count = page_count
    for number in range(others):
        resource.delivery.seed(Name=f"other-{number}")
        resource.delivery.seed(Name=f"{NAME}-{number}")
    before = dict(resource.entities)
    assert resource.stack.create().status == "SUCCESS"
    assert len(resource.entities) == 2 * others + 1
    assert before.items() <= resource.entities.items()


def test_a_create_that_finds_its_own_as_it_should_be_changes_nothing(deployed: Resource) -> None:
    held = list(deployed.entities)
    assert deployed.stack.create().status == "SUCCESS"
    assert list(deployed.entities) == held
    assert not CHANGING & set(deployed.genesys.operations)


def test_its_own_that_differs_is_changed_in_place(resource: Resource) -> None:
    held = resource.delivery.seed(**resource.change)
    assert resource.kept(resource.stack.create().data) == held
    assert resource.genesys.operations.count(resource.delivery.changing) == 1
    assert "create" not in resource.genesys.operations
    assert resource.is_right()


def test_its_own_on_a_later_page_is_found(resource: Resource) -> None:
    for number in range(10):
        resource.delivery.seed(Name=f"other-{number}")
    held = resource.seed()
    assert resource.kept(resource.stack.create().data) == held
    assert "create" not in resource.genesys.operations


def test_duplicates_become_one_and_the_right_one_stays(resource: Resource) -> None:
    resource.delivery.seed(**resource.change)
    right = resource.seed()
    resource.delivery.seed(**resource.change)
    assert resource.kept(resource.stack.create().data) == right
    assert list(resource.entities) == [right]
    assert resource.delivery.changing not in resource.genesys.operations


@pytest.mark.parametrize("beside_ours", [False, True])
def test_a_name_that_is_taken_is_an_error_that_names_the_taker(
    resource: Resource, clock: Clock, beside_ours: bool
) -> None:
    held = resource.delivery.seed_foreign()
    before = [dict(resource.entities[held])]
    if beside_ours:
        before += [dict(resource.entities[resource.seed()])]
    response = resource.stack.create()
    assert response.status == "FAILED"
    assert response.physical_id.startswith("nothing-created/")
    for expected in (NAME, held, resource.delivery.foreign, "another stage", "left as it is"):
        assert expected in response.reason
    assert list(resource.entities.values()) == before
    assert not CHANGING & set(resource.genesys.operations)
    assert not clock.pauses

    assert resource.stack.delete().status == "SUCCESS"
    assert list(resource.entities.values()) == before


def test_a_busy_genesys_only_takes_longer(resource: Resource, clock: Clock) -> None:
    resource.genesys.instead("create", BUSY, BUSY, Answer(503))
    assert resource.stack.create().status == "SUCCESS"
    assert resource.is_right()
    assert clock.pauses[:2] == [2, 2]


@pytest.mark.parametrize(
    "operation", ["login", "organization", "list", "create", "configuration", "read"]
)
def test_a_create_rides_out_a_busy_answer(resource: Resource, operation: str) -> None:
    resource.genesys.instead(operation, BUSY, Answer(503), LOST)
    assert resource.stack.create().status == "SUCCESS"
    assert resource.is_right()


def test_a_secret_that_the_new_role_may_not_read_yet_is_waited_for(resource: Resource) -> None:
    resource.stack.secrets.denied = 4
    assert resource.stack.create().status == "SUCCESS"
    assert resource.is_right()


def test_a_slow_start_is_waited_for(resource: Resource, clock: Clock) -> None:
    resource.genesys.subscriptions.activation_seconds = 45
    resource.genesys.integrations.state_seconds = 45
    assert resource.stack.create().status == "SUCCESS"
    assert resource.is_right()
    assert clock.now > 45


def test_one_that_takes_a_moment_to_be_readable_is_waited_for(resource: Resource) -> None:
    resource.genesys.instead("read", *[problem(404, "There is none.")] * 4)
    assert resource.stack.create().status == "SUCCESS"
    assert resource.is_right()


def test_the_physical_id_does_not_depend_on_genesys_id(resource: Resource) -> None:
    first = resource.stack.create()
    resource.entities.clear()
    second = resource.stack.create()
    assert second.physical_id == first.physical_id
    assert resource.kept(second.data) != resource.kept(first.data)
