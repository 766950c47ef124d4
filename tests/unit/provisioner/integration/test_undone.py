"""A failed Create leaves no integration, or an id whose Delete removes the integration."""

from collections.abc import Callable

import pytest

from local.genesys.problems import problem
from local.genesys.stand_in import GenesysCloud
from local.http.messages import Answer
from local.http.server import HttpServer
from tests.fakes.aws.cloudformation import ACCOUNT, NAME, REGION, SUFFIX, CloudFormation
from tests.fakes.aws.partner_events import NEVER, FakePartnerEventSources
from tests.fakes.clock import Clock
from tests.fakes.deliveries import OUR_PROPERTIES
from tests.unit.provisioner.conftest import SOURCE

LOST = Answer(fate="lost")
FORBIDDEN = problem(403, "You are missing a permission.")
Spoil = Callable[[GenesysCloud, FakePartnerEventSources], object]


def test_a_source_that_never_appears_fails_in_time_and_leaves_nothing(
    stack: CloudFormation, genesys: GenesysCloud, eventbridge: FakePartnerEventSources, clock: Clock
) -> None:
    eventbridge.appears_after_seconds = NEVER
    response = stack.create()
    assert response.status == "FAILED"
    for expected in (SOURCE, ACCOUNT, REGION, "Check"):
        assert expected in response.reason
    assert response.physical_id.startswith("nothing-created/")
    assert not genesys.integrations
    assert 70 < clock.now < 130

    genesys.calls.clear()
    assert stack.delete().status == "SUCCESS"
    assert not genesys.operations


def test_time_is_left_to_remove_a_created_integration(
    stack: CloudFormation, genesys: GenesysCloud, eventbridge: FakePartnerEventSources, clock: Clock
) -> None:
    stack.invocation_seconds = 130
    eventbridge.appears_after_seconds = NEVER
    response = stack.create()
    assert response.physical_id.startswith("nothing-created/")
    assert not genesys.integrations
    assert 65 < clock.now < 95


def test_an_integration_in_error_is_removed_and_genesys_is_quoted(
    stack: CloudFormation, genesys: GenesysCloud, clock: Clock
) -> None:
    genesys.integrations.error = "Account 111122223333 cannot be used."
    response = stack.create()
    assert response.status == "FAILED"
    assert "ERROR (Account 111122223333 cannot be used.)" in response.reason
    assert response.physical_id.startswith("nothing-created/")
    assert not genesys.integrations
    assert clock.now < 45, "a lasting error ends the wait"


def test_an_integration_that_remains_activating_is_removed(
    stack: CloudFormation, genesys: GenesysCloud, clock: Clock
) -> None:
    def get_stuck() -> None:
        genesys.integrations.state_seconds = 1000
        genesys.before("switch", lambda: setattr(genesys.integrations, "state_seconds", 1))

    genesys.before("switch", get_stuck)
    response = stack.create()
    assert response.status == "FAILED"
    assert "ACTIVATING" in response.reason
    assert not genesys.integrations
    assert 50 < clock.now < 120


@pytest.mark.parametrize(
    "spoil",
    [
        lambda genesys, _: genesys.always("configure", FORBIDDEN),
        lambda genesys, _: genesys.always("configure", problem(409, "Conflict.")),
        lambda genesys, _: genesys.always("switch", FORBIDDEN),
        lambda genesys, _: genesys.always("switch", problem(409, "Conflict.")),
        lambda genesys, _: genesys.instead("switch", problem(500, "Oops."), carried_out=True),
        lambda genesys, _: genesys.instead("read", problem(500, "Oops.")),
        lambda genesys, _: genesys.instead("read", Answer(200, [])),
        lambda _, eventbridge: setattr(eventbridge, "permanent_failure", "AccessDeniedException"),
        lambda _, eventbridge: setattr(eventbridge, "permanent_failure", "ThrottlingException"),
        lambda _, eventbridge: setattr(eventbridge, "permanent_failure", RuntimeError("?")),
    ],
)
@pytest.mark.parametrize("unfinished", [True, False])
def test_a_failing_create_leaves_no_integration_whatever_fails(
    *,
    stack: CloudFormation,
    genesys: GenesysCloud,
    eventbridge: FakePartnerEventSources,
    clock: Clock,
    spoil: Spoil,
    unfinished: bool,
) -> None:
    genesys.integrations.visible_after = 7
    if unfinished:
        genesys.integrations.seed(NAME, {})
    spoil(genesys, eventbridge)
    response = stack.create()
    assert response.status == "FAILED"
    assert response.reason.endswith(".")
    assert response.physical_id.startswith("nothing-created/")
    assert not genesys.integrations
    assert clock.now < 205


def test_a_failing_create_does_not_remove_an_integration_configured_before(
    stack: CloudFormation, genesys: GenesysCloud, eventbridge: FakePartnerEventSources
) -> None:
    existing_id = genesys.integrations.seed(NAME, OUR_PROPERTIES)
    eventbridge.appears_after_seconds = NEVER
    response = stack.create()
    assert response.status == "FAILED"
    assert "has not created it yet" in response.reason
    assert list(genesys.integrations) == [existing_id]


def test_nothing_is_created_if_the_org_id_cannot_be_read(
    stack: CloudFormation, genesys: GenesysCloud
) -> None:
    genesys.always("organization", FORBIDDEN)
    assert stack.create().status == "FAILED"
    assert genesys.operations == ["login", "organization"]


@pytest.mark.parametrize("failure", [FORBIDDEN, problem(503, "no"), LOST], ids=str)
def test_an_integration_whose_target_cannot_be_read_is_deleted_later(
    *,
    stack: CloudFormation,
    genesys: GenesysCloud,
    http: HttpServer,
    failure: Answer,
) -> None:
    genesys.integrations.error = "No such account."
    genesys.before("switch", lambda: genesys.always("configuration", failure))
    response = stack.create()
    assert response.status == "FAILED"
    assert "No such account." in response.reason
    assert "what was created may remain" in response.reason
    host = http.url.removeprefix("http://")
    assert response.physical_id == f"{host}/{NAME}/{ACCOUNT}/{REGION}/{SUFFIX}"
    assert genesys.integrations

    genesys.always("configuration", None)
    assert stack.delete().status == "SUCCESS"
    assert not genesys.integrations


def test_an_integration_that_cannot_be_switched_off_in_time_is_deleted_later(
    stack: CloudFormation, genesys: GenesysCloud, eventbridge: FakePartnerEventSources, clock: Clock
) -> None:
    def get_stuck() -> None:
        genesys.before("switch", lambda: setattr(genesys.integrations, "state_seconds", 90))

    genesys.before("switch", get_stuck)
    eventbridge.appears_after_seconds = NEVER
    response = stack.create()
    assert response.status == "FAILED"
    assert SOURCE in response.reason
    assert not response.physical_id.startswith("nothing-created/")
    assert clock.now < 225
    assert stack.delete().status == "SUCCESS"
    assert not genesys.integrations


def test_an_inactive_source_rolls_back_the_bus_and_the_integration(
    stack: CloudFormation,
    source_active: CloudFormation,
    genesys: GenesysCloud,
    eventbridge: FakePartnerEventSources,
) -> None:
    eventbridge.active_after_seconds = NEVER
    create_response = stack.create()
    assert create_response.status == "SUCCESS"
    eventbridge.create_bus(SOURCE)
    response = source_active.create(EventSourceName=(create_response.data or {})["EventSourceName"])
    assert response.status == "FAILED"
    assert "stays PENDING" in response.reason

    # CloudFormation rolls back in reverse order.
    assert source_active.delete().status == "SUCCESS"
    eventbridge.delete_bus(SOURCE)
    assert stack.delete().status == "SUCCESS"
    assert not genesys.integrations
    assert not eventbridge.sources


@pytest.mark.parametrize("response", [problem(500, "Oops."), Answer(200, [])])
@pytest.mark.parametrize("unfinished", [True, False])
def test_an_integration_with_an_unreadable_configuration_is_removed_only_if_this_call_created_it(
    stack: CloudFormation, genesys: GenesysCloud, response: Answer, unfinished: bool
) -> None:
    """A list without a configuration does not prove that the integration has no target."""
    before = {genesys.integrations.seed(NAME, {})} if unfinished else set()
    genesys.instead("configuration", response)
    created = stack.create()
    assert created.status == "FAILED"
    assert created.physical_id.startswith("nothing-created/")
    assert genesys.integrations.keys() == before


def test_an_interrupted_creation_is_not_completed_for_a_stack_that_is_gone(
    stack: CloudFormation, genesys: GenesysCloud
) -> None:
    genesys.integrations.seed(NAME, {})
    genesys.before("list", lambda: setattr(stack.stacks, "status", "ROLLBACK_IN_PROGRESS"))
    response = stack.create()
    assert response.status == "FAILED"
    assert "is in the state ROLLBACK_IN_PROGRESS" in response.reason
    assert not {"create", "annotate", "configure"} & set(genesys.operations)
    assert not genesys.integrations
