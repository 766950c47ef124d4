"""A deploy or a destroy at any moment of the watchdog's run does no harm, and takes none."""

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError

from local.genesys.problems import problem
from local.http.server import HttpServer
from tests.fakes.aws.cloudformation import NAME, CloudFormation
from tests.fakes.aws.stacks import GONE
from tests.unit.watchdog.conftest import SOURCE, Watchdog
from watchdog.watch import COMPARISON_PAUSE_SECONDS

WRITE_OPERATIONS = {"create", "annotate", "replace", "configure", "switch", "delete"}
NOT_SETTLED = (
    "CREATE_IN_PROGRESS",
    "CREATE_FAILED",
    "ROLLBACK_IN_PROGRESS",
    "ROLLBACK_COMPLETE",
    "ROLLBACK_FAILED",
    "DELETE_IN_PROGRESS",
    "DELETE_FAILED",
    "DELETE_COMPLETE",
    "UPDATE_IN_PROGRESS",
    "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS",
    "UPDATE_FAILED",
    "UPDATE_ROLLBACK_IN_PROGRESS",
    "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS",
    "UPDATE_ROLLBACK_FAILED",
    "REVIEW_IN_PROGRESS",
    "IMPORT_IN_PROGRESS",
    "IMPORT_ROLLBACK_IN_PROGRESS",
    GONE,
)
SETTLED = (
    "CREATE_COMPLETE",
    "UPDATE_COMPLETE",
    "UPDATE_ROLLBACK_COMPLETE",
    "IMPORT_COMPLETE",
    "IMPORT_ROLLBACK_COMPLETE",
)


@pytest.fixture(autouse=True)
def matched_at_once(healing_watchdog: Watchdog) -> None:
    """AWS matches a source with the bus of its name at once, whenever the source is created."""
    eventbridge = healing_watchdog.eventbridge

    def create(_suffix: str) -> None:
        eventbridge.create_source(SOURCE)
        eventbridge.create_bus(SOURCE)

    healing_watchdog.genesys.integrations.on_source_created = create


@pytest.fixture
def stack(healing_watchdog: Watchdog, http: HttpServer) -> CloudFormation:
    """The stack whose custom resource the watchdog watches."""
    stack = CloudFormation(
        http.url,
        healing_watchdog.clock,
        healing_watchdog.secrets,
        healing_watchdog.eventbridge,
        healing_watchdog.delivery.resource_type,
    )
    stack.physical_id = healing_watchdog.deployment.resource.physical_id
    return stack


def named_ours(watchdog: Watchdog) -> list[dict[str, Any]]:
    return watchdog.delivery.entities.find_by_name(NAME)


def delete_ours(watchdog: Watchdog) -> None:
    (entity,) = named_ours(watchdog)
    del watchdog.delivery.entities[entity["id"]]


def writes(watchdog: Watchdog) -> list[str]:
    return [one for one in watchdog.genesys.operations if one in WRITE_OPERATIONS]


def at_next_status_check(watchdog: Watchdog, action: Callable[[], object]) -> None:
    """Call an action right after the stack's status is read the next time."""
    original = watchdog.stacks.describe_stacks

    def describe_stacks(**parameters: str) -> dict[str, Any]:
        watchdog.stacks.describe_stacks = original  # type: ignore[method-assign]
        response = original(**parameters)
        action()
        return response

    watchdog.stacks.describe_stacks = describe_stacks  # type: ignore[method-assign]


def destroy(watchdog: Watchdog, stack: CloudFormation, status: str) -> Callable[[], None]:
    """Return a function that runs the custom resource's Delete and then sets the status."""

    def run() -> None:
        assert stack.delete().status == "SUCCESS"
        watchdog.stacks.status = status

    return run


def deploy(watchdog: Watchdog, stack: CloudFormation, status: str) -> Callable[[], None]:
    """Return a function that runs the custom resource's Update and then sets the status."""

    def run() -> None:
        response = stack.update(**watchdog.delivery.changed_properties)
        assert response.status == "SUCCESS", response.reason
        watchdog.stacks.status = status

    return run


@pytest.mark.parametrize("status", NOT_SETTLED)
def test_nothing_is_changed_while_the_stack_is_not_settled(
    healing_watchdog: Watchdog, status: str
) -> None:
    delete_ours(healing_watchdog)
    healing_watchdog.stacks.status = status
    assert healing_watchdog.run()
    assert writes(healing_watchdog) == []
    (line,) = healing_watchdog.lines("Could not heal")
    assert (status if status != GONE else "DELETE_COMPLETE") in line["detail"]
    assert healing_watchdog.healthy == [0]


@pytest.mark.parametrize("status", SETTLED)
def test_a_settled_stack_is_healed(healing_watchdog: Watchdog, status: str) -> None:
    delete_ours(healing_watchdog)
    healing_watchdog.stacks.status = status
    assert healing_watchdog.run() == []
    assert len(named_ours(healing_watchdog)) == 1


@pytest.mark.parametrize("code", ["AccessDenied", "Throttling", "InternalFailure"])
def test_nothing_is_changed_if_the_stack_s_status_cannot_be_read(
    healing_watchdog: Watchdog, code: str
) -> None:
    delete_ours(healing_watchdog)
    healing_watchdog.stacks.failure = code
    assert healing_watchdog.run()
    assert writes(healing_watchdog) == []
    (line,) = healing_watchdog.lines("Could not heal")
    assert "did not report the status" in line["detail"]
    assert code in line["detail"]


def test_a_status_that_is_late_is_asked_for_again(healing_watchdog: Watchdog) -> None:
    delete_ours(healing_watchdog)
    failures = healing_watchdog.stacks.next_failures
    failures += ["Throttling", EndpointConnectionError(endpoint_url="https://x.example")]
    assert healing_watchdog.run() == []


def test_a_deploy_before_the_check_of_the_status_is_left_alone(
    healing_watchdog: Watchdog, stack: CloudFormation
) -> None:
    delete_ours(healing_watchdog)
    moment = COMPARISON_PAUSE_SECONDS - 1
    healing_watchdog.clock.schedule(
        moment, lambda: setattr(healing_watchdog.stacks, "status", "UPDATE_IN_PROGRESS")
    )
    assert healing_watchdog.run()
    assert writes(healing_watchdog) == []
    deploy(healing_watchdog, stack, "UPDATE_COMPLETE")()
    assert len(named_ours(healing_watchdog)) == 1


@pytest.mark.parametrize("status", ["UPDATE_IN_PROGRESS", "UPDATE_COMPLETE"])
def test_a_deploy_between_the_check_and_the_change_ends_with_one_resource(
    healing_watchdog: Watchdog, stack: CloudFormation, status: str
) -> None:
    delete_ours(healing_watchdog)
    at_next_status_check(healing_watchdog, deploy(healing_watchdog, stack, status))
    healing_watchdog.run()
    _check_that_the_next_run_has_the_last_word(healing_watchdog, stack)


@pytest.mark.parametrize("unique_names", [True, False])
@pytest.mark.parametrize("status", ["UPDATE_IN_PROGRESS", "UPDATE_COMPLETE"])
def test_a_deploy_right_before_the_creation_ends_with_one_resource(
    healing_watchdog: Watchdog, stack: CloudFormation, status: str, unique_names: bool
) -> None:
    healing_watchdog.genesys.subscriptions.unique_names = unique_names
    delete_ours(healing_watchdog)
    healing_watchdog.genesys.before("create", deploy(healing_watchdog, stack, status))
    healing_watchdog.run()
    _check_that_the_next_run_has_the_last_word(healing_watchdog, stack)


def test_a_deploy_after_the_change_has_the_last_word(
    healing_watchdog: Watchdog, stack: CloudFormation
) -> None:
    delete_ours(healing_watchdog)
    begin = deploy(healing_watchdog, stack, "UPDATE_IN_PROGRESS")
    at_next_status_check(healing_watchdog, lambda: at_next_status_check(healing_watchdog, begin))
    healing_watchdog.run()
    (entity,) = named_ours(healing_watchdog)
    expected = healing_watchdog.delivery.expected_state(stack.properties)
    assert healing_watchdog.delivery.visible_state(entity) == expected


def test_a_stack_that_is_being_updated_after_the_change_is_only_logged(
    healing_watchdog: Watchdog,
) -> None:
    delete_ours(healing_watchdog)
    at_next_status_check(
        healing_watchdog,
        lambda: setattr(healing_watchdog.stacks, "status", "UPDATE_IN_PROGRESS"),
    )
    assert healing_watchdog.run() == []
    (line,) = healing_watchdog.lines("The stack has begun to change")
    assert (line["level"], line["status"]) == ("INFO", "UPDATE_IN_PROGRESS")
    assert len(named_ours(healing_watchdog)) == 1


def _check_that_the_next_run_has_the_last_word(watchdog: Watchdog, stack: CloudFormation) -> None:
    """Run the watchdog that the deploy has left; its resource must be the only one."""
    watchdog.deploy_anew(stack.properties)
    watchdog.stacks.status = "UPDATE_COMPLETE"
    assert watchdog.run() == []
    (entity,) = named_ours(watchdog)
    expected = watchdog.delivery.expected_state(stack.properties)
    assert watchdog.delivery.visible_state(entity) == expected


@pytest.mark.parametrize("status", ["DELETE_IN_PROGRESS", "DELETE_FAILED", GONE])
def test_a_destroy_between_the_check_and_the_change_leaves_nothing_behind(
    healing_watchdog: Watchdog, stack: CloudFormation, status: str
) -> None:
    delete_ours(healing_watchdog)
    at_next_status_check(healing_watchdog, destroy(healing_watchdog, stack, status))
    (difference,) = healing_watchdog.run()
    assert "is being deleted, so the watchdog removed the" in difference
    assert named_ours(healing_watchdog) == []
    assert healing_watchdog.healthy == [0]
    assert healing_watchdog.healed[0].startswith("POST ")
    assert healing_watchdog.healed[-1].startswith("DELETE ")


@pytest.mark.parametrize("status", ["DELETE_IN_PROGRESS", GONE])
def test_a_destroy_right_before_the_creation_leaves_nothing_behind(
    healing_watchdog: Watchdog, stack: CloudFormation, status: str
) -> None:
    delete_ours(healing_watchdog)
    healing_watchdog.delivery.entities.visible_after = 5
    healing_watchdog.genesys.before("create", destroy(healing_watchdog, stack, status))
    assert healing_watchdog.run()
    assert named_ours(healing_watchdog) == []


def test_a_destroy_after_the_change_finds_what_was_made(
    healing_watchdog: Watchdog, stack: CloudFormation
) -> None:
    delete_ours(healing_watchdog)
    healing_watchdog.delivery.entities.visible_after = 5
    begin = destroy(healing_watchdog, stack, "DELETE_IN_PROGRESS")
    at_next_status_check(healing_watchdog, lambda: at_next_status_check(healing_watchdog, begin))
    healing_watchdog.run()
    assert named_ours(healing_watchdog) == []


def test_a_destroy_that_took_the_watchdog_s_role_leaves_nothing_behind(
    healing_watchdog: Watchdog, stack: CloudFormation
) -> None:
    delete_ours(healing_watchdog)

    def destroy_with_role() -> None:
        destroy(healing_watchdog, stack, "DELETE_IN_PROGRESS")()
        healing_watchdog.stacks.failure = "InvalidClientTokenId"

    at_next_status_check(healing_watchdog, destroy_with_role)
    assert healing_watchdog.run()
    assert named_ours(healing_watchdog) == []
    assert healing_watchdog.lines("Could not read the stack's status")


def test_what_was_made_stays_if_cloudformation_is_down_afterwards(
    healing_watchdog: Watchdog,
) -> None:
    delete_ours(healing_watchdog)
    at_next_status_check(
        healing_watchdog, lambda: setattr(healing_watchdog.stacks, "failure", "InternalFailure")
    )
    assert healing_watchdog.run() == []
    assert len(named_ours(healing_watchdog)) == 1
    assert healing_watchdog.lines("Could not read the stack's status")


def test_a_removal_that_fails_says_what_to_remove_by_hand(healing_watchdog: Watchdog) -> None:
    delete_ours(healing_watchdog)

    def begin() -> None:
        healing_watchdog.stacks.status = "DELETE_IN_PROGRESS"
        healing_watchdog.genesys.always("delete", problem(500, "not now"))

    at_next_status_check(healing_watchdog, begin)
    (difference,) = healing_watchdog.run()
    assert NAME in difference
    assert "Remove it in Genesys Cloud by hand" in difference
    assert healing_watchdog.clock.now < 240
