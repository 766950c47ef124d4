"""A Create that CloudFormation has given up leaves nothing in Genesys Cloud, whenever that was."""

from contextlib import suppress
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError

from genesys.errors import CreationUnwanted
from local.genesys.problems import problem, too_many_requests
from local.http.messages import Answer
from provisioner.creation_check import make_creation_check
from provisioner.request import Kind, Request
from tests.fakes.aws.stacks import GONE, STACK_ID, STACK_NAME, FakeStacks
from tests.fakes.clock import Clock
from tests.unit.provisioner.conftest import CHANGE_OPERATIONS, StackResource

LOST = Answer(fate="lost")
# Longer than a Delete searches: only the id tells where the new resource is.
HIDDEN_SECONDS = 60


def creations(resource: StackResource) -> list[int]:
    """Return the statuses of the answers to the requests that create."""
    return [call.status for call in resource.genesys.calls if call.operation == "create"]


def check_nothing_is_left(resource: StackResource, response: Any) -> None:
    assert response.status == "FAILED"
    assert response.physical_id.startswith("nothing-created/")
    assert not resource.entities


# The interleavings of a Create and the Delete that comes while the Create runs


def test_a_create_that_waits_out_a_rate_limit_creates_nothing_after_the_delete(
    resource: StackResource, clock: Clock
) -> None:
    resource.genesys.instead("create", too_many_requests(60))
    deletes: list[Any] = []
    clock.schedule(10, lambda: deletes.append(resource.stack.cancel()))

    response = resource.stack.create()

    assert [delete.status for delete in deletes] == ["SUCCESS"]
    check_nothing_is_left(resource, response)
    assert creations(resource) == [429], "no second attempt"
    assert f"stack {STACK_NAME} is in the state ROLLBACK_IN_PROGRESS" in response.reason
    assert clock.now > 60


@pytest.mark.parametrize("status", ["ROLLBACK_IN_PROGRESS", "DELETE_IN_PROGRESS", GONE])
def test_a_create_that_begins_after_the_delete_creates_nothing(
    resource: StackResource, clock: Clock, status: str
) -> None:
    def give_up() -> None:
        resource.stack.cancel()
        resource.stack.stacks.status = status

    resource.genesys.before("login", give_up)
    check_nothing_is_left(resource, resource.stack.create())
    assert creations(resource) == []


def test_a_create_does_not_touch_the_resource_of_a_new_stack_with_the_same_name(
    resource: StackResource, clock: Clock
) -> None:
    new_ids: list[str] = []

    def replace_stack() -> None:
        resource.stack.stacks.status = GONE
        new_ids.append(resource.seed())

    resource.genesys.instead("create", too_many_requests(60))
    clock.schedule(30, replace_stack)
    response = resource.stack.create()
    assert response.status == "FAILED"
    assert "is in the state DELETE_COMPLETE" in response.reason
    assert list(resource.entities) == new_ids
    assert resource.is_as_specified()


@pytest.mark.parametrize("hidden_seconds", [0, 5, HIDDEN_SECONDS])
def test_a_delete_between_the_creation_and_the_check_after_it_leaves_nothing(
    resource: StackResource, hidden_seconds: float
) -> None:
    resource.entities.visible_after = hidden_seconds
    created: list[str] = []

    def give_up() -> None:
        created.extend(resource.entities)
        assert resource.stack.cancel().status == "SUCCESS"

    resource.stack.stacks.before_call(2, give_up)
    check_nothing_is_left(resource, resource.stack.create())
    assert len(created) == 1, "the Delete came after the creation"
    assert resource.delivery.operations_after_creation[0] not in resource.genesys.operations


@pytest.mark.parametrize("hidden_seconds", [0, HIDDEN_SECONDS])
def test_a_delete_after_the_check_leaves_nothing(
    resource: StackResource, hidden_seconds: float
) -> None:
    resource.entities.visible_after = hidden_seconds
    for operation in resource.delivery.operations_after_creation:
        resource.genesys.before(operation, resource.stack.cancel)
        check_nothing_is_left(resource, resource.stack.create())


def test_a_create_ends_when_a_delete_would_find_the_resource(resource: StackResource) -> None:
    resource.entities.visible_after = 5
    assert resource.stack.create().status == "SUCCESS"
    assert resource.stack.delete().status == "SUCCESS"
    assert not resource.entities


def test_a_list_that_cannot_be_read_after_the_creation_does_not_fail_the_create(
    resource: StackResource,
) -> None:
    resource.genesys.before(
        resource.delivery.operations_after_creation[0],
        lambda: resource.genesys.always("list", problem(500, "No.")),
    )
    assert resource.stack.create().status == "SUCCESS"
    assert resource.is_as_specified()


@pytest.mark.parametrize("carried_out", [True, False])
def test_a_creation_with_a_lost_response_is_searched_for_if_the_stack_is_gone(
    resource: StackResource, carried_out: bool
) -> None:
    # The Delete searches for less than ten seconds, and the Create does so after it.
    resource.entities.visible_after = 12
    resource.genesys.instead("create", LOST, carried_out=carried_out)
    resource.stack.stacks.before_call(2, resource.stack.cancel)
    check_nothing_is_left(resource, resource.stack.create())
    assert creations(resource) == [0]


def test_what_cannot_be_removed_for_a_stack_that_is_gone_is_said(
    resource: StackResource,
) -> None:
    def give_up() -> None:
        resource.stack.stacks.status = "ROLLBACK_IN_PROGRESS"
        resource.genesys.always("delete", problem(403, "You may not delete."))

    resource.stack.stacks.before_call(2, give_up)
    response = resource.stack.create()
    assert "is in the state ROLLBACK_IN_PROGRESS" in response.reason
    assert "what was created may remain" in response.reason
    assert response.physical_id == resource.parsed.physical_id


# An Update


def test_an_update_that_changes_a_resource_in_place_needs_no_status(
    deployed: StackResource,
) -> None:
    deployed.stack.stacks.failure = "AccessDenied"
    assert deployed.stack.update(**deployed.changed_properties).status == "SUCCESS"
    assert deployed.is_as_specified()


def test_a_rollback_creates_a_resource_deleted_by_hand_again(deployed: StackResource) -> None:
    assert deployed.stack.update(**deployed.changed_properties).status == "SUCCESS"
    deployed.entities.clear()
    assert deployed.stack.roll_back().status == "SUCCESS"
    assert deployed.is_as_specified()


def test_an_update_that_the_stack_has_rolled_back_meanwhile_creates_nothing(
    deployed: StackResource, clock: Clock
) -> None:
    deployed.entities.clear()
    rolled_back: list[Any] = []

    def roll_back() -> None:
        state_of_update = deployed.stack.__dict__.copy()
        rolled_back.append(deployed.stack.roll_back())
        deployed.stack.__dict__.update(state_of_update)

    deployed.genesys.instead("create", too_many_requests(60))
    clock.schedule(clock.now + 10, roll_back)
    properties = deployed.stack.properties
    response = deployed.stack.update(**deployed.changed_properties)

    assert [one.status for one in rolled_back] == ["SUCCESS"]
    assert response.status == "FAILED"
    assert deployed.delivery.visible_states() == [deployed.delivery.expected_state(properties)]


# The stack's status


IN_PROGRESS = ("CREATE_IN_PROGRESS", "UPDATE_IN_PROGRESS", "IMPORT_IN_PROGRESS")
ROLLING_BACK = "UPDATE_ROLLBACK_IN_PROGRESS"
OTHERS = (
    "CREATE_COMPLETE",
    "CREATE_FAILED",
    "ROLLBACK_IN_PROGRESS",
    "ROLLBACK_COMPLETE",
    "ROLLBACK_FAILED",
    "UPDATE_COMPLETE",
    "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS",
    "UPDATE_FAILED",
    "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS",
    "UPDATE_ROLLBACK_COMPLETE",
    "UPDATE_ROLLBACK_FAILED",
    "DELETE_IN_PROGRESS",
    "DELETE_FAILED",
    "REVIEW_IN_PROGRESS",
    "IMPORT_COMPLETE",
    "IMPORT_ROLLBACK_IN_PROGRESS",
    "IMPORT_ROLLBACK_COMPLETE",
    "IMPORT_ROLLBACK_FAILED",
    GONE,
)


@pytest.mark.parametrize(
    ("kind", "status_at_start", "waiting"),
    [
        ("Create", "CREATE_IN_PROGRESS", IN_PROGRESS),
        # The stack's update adds the custom resource.
        ("Create", "UPDATE_IN_PROGRESS", IN_PROGRESS),
        # CloudFormation sends no Create while it rolls back: this one is late.
        ("Create", "ROLLBACK_IN_PROGRESS", IN_PROGRESS),
        ("Create", ROLLING_BACK, IN_PROGRESS),
        # Somebody has deleted the resource, or the Update moves it to another target.
        ("Update", "UPDATE_IN_PROGRESS", IN_PROGRESS),
        # A nested stack has a status of its own; that of its parent does not matter.
        ("Update", ROLLING_BACK, (ROLLING_BACK,)),
        # CloudFormation did not report the status when the Update began.
        ("Update", "", IN_PROGRESS),
    ],
)
def test_a_resource_may_be_created_only_while_the_stack_waits_for_it(
    resource: StackResource,
    clock: Clock,
    kind: Kind,
    status_at_start: str,
    waiting: tuple[str, ...],
) -> None:
    request = Request(kind, STACK_ID, "", resource.parsed, None)
    stacks: Any = FakeStacks()
    stacks.status = status_at_start
    stacks.failure = None if status_at_start else "AccessDenied"
    check = make_creation_check(request, stacks, clock.deadline(180))
    stacks.failure = None

    allowed = set()
    for status in (*IN_PROGRESS, ROLLING_BACK, *OTHERS):
        stacks.status = status
        with suppress(CreationUnwanted):
            check()
            allowed.add(status)

    assert allowed == set(waiting)


@pytest.mark.parametrize(
    ("failures", "lasts"),
    [
        (["AccessDenied"] * 3, False),
        (["Throttling"] * 6, False),
        (["Throttling", EndpointConnectionError(endpoint_url="https://x.example")], False),
        ([], True),
    ],
    ids=str,
)
def test_a_status_that_cannot_be_read_is_asked_for_again_and_then_nothing_is_created(
    resource: StackResource, clock: Clock, failures: list[str | Exception], lasts: bool
) -> None:
    stacks = resource.stack.stacks
    stacks.next_failures.extend(failures)
    stacks.failure = "AccessDenied" if lasts else None
    response = resource.stack.create()
    if not lasts:
        assert response.status == "SUCCESS", response.reason
        return
    check_nothing_is_left(resource, response)
    assert not CHANGE_OPERATIONS & set(resource.genesys.operations)
    for expected in (
        f"did not report the status of the stack {STACK_NAME} (AccessDenied)",
        "cloudformation:DescribeStacks",
        "deploy again",
    ):
        assert expected in response.reason
    assert clock.now < 30


def test_a_status_that_cannot_be_read_after_the_creation_undoes_it(
    resource: StackResource,
) -> None:
    resource.entities.visible_after = HIDDEN_SECONDS
    resource.stack.stacks.before_call(
        2, lambda: setattr(resource.stack.stacks, "failure", "Throttling")
    )
    response = resource.stack.create()
    check_nothing_is_left(resource, response)
    assert "(Throttling)" in response.reason
    assert creations(resource) in ([200], [201])
