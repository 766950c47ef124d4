"""A Create of an event source that fails leaves no integration, or an id to delete it by."""

from collections.abc import Callable

import pytest

from tests.fakes.aws.cloudformation import ACCOUNT, NAME, REGION, SUFFIX, TOPICS, CloudFormation
from tests.fakes.aws.partner_events import NEVER, FakePartnerEvents
from tests.fakes.clock import Clock
from tests.fakes.genesys import problem
from tests.fakes.genesys_integrations import ORGANIZATION_ID, FakeIntegrations
from tests.fakes.scripted_http import Answer, HttpServer

SOURCE = f"aws.partner/genesys.com/cloud/{ORGANIZATION_ID}/{SUFFIX}"
LOST = Answer(fate="lost")
FORBIDDEN = problem(403, "You are missing a permission.")
Spoil = Callable[[FakeIntegrations, FakePartnerEvents], object]


def test_a_source_that_never_appears_fails_in_time_and_leaves_nothing(
    stack: CloudFormation, org: FakeIntegrations, events: FakePartnerEvents, clock: Clock
) -> None:
    events.appears_after = NEVER
    answer = stack.create()
    assert answer.status == "FAILED"
    for expected in (SOURCE, ACCOUNT, REGION, "Check"):
        assert expected in answer.reason
    assert answer.physical_id.startswith("nothing-created/")
    assert not org.integrations
    assert 70 < clock.now < 130

    org.operations.clear()
    assert stack.delete().status == "SUCCESS"
    assert not org.operations


def test_time_is_kept_to_remove_what_was_made(
    stack: CloudFormation, org: FakeIntegrations, events: FakePartnerEvents, clock: Clock
) -> None:
    stack.seconds = 130
    events.appears_after = NEVER
    answer = stack.create()
    assert answer.physical_id.startswith("nothing-created/")
    assert not org.integrations
    assert 65 < clock.now < 95


def test_an_integration_in_error_is_removed_and_genesys_is_quoted(
    stack: CloudFormation, org: FakeIntegrations, clock: Clock
) -> None:
    org.error = "Account 111122223333 cannot be used."
    answer = stack.create()
    assert answer.status == "FAILED"
    assert "ERROR (Account 111122223333 cannot be used.)" in answer.reason
    assert answer.physical_id.startswith("nothing-created/")
    assert not org.integrations
    assert clock.now < 45, "an error that stays is not waited for"


def test_one_that_stays_activating_is_removed(
    stack: CloudFormation, org: FakeIntegrations, clock: Clock
) -> None:
    def stuck() -> None:
        org.moving_seconds = 1000
        org.before("switch", lambda: setattr(org, "moving_seconds", 1))

    org.before("switch", stuck)
    answer = stack.create()
    assert answer.status == "FAILED"
    assert "ACTIVATING" in answer.reason
    assert not org.integrations
    assert 50 < clock.now < 120


@pytest.mark.parametrize(
    "spoil",
    [
        lambda org, _: org.always("configure", FORBIDDEN),
        lambda org, _: org.always("configure", problem(409, "Conflict.")),
        lambda org, _: org.always("switch", FORBIDDEN),
        lambda org, _: org.always("switch", problem(409, "Conflict.")),
        lambda org, _: org.instead("switch", problem(500, "Oops."), carried_out=True),
        lambda org, _: org.instead("read", problem(500, "Oops.")),
        lambda org, _: org.instead("read", Answer(200, [])),
        lambda _, events: setattr(events, "failing", "AccessDeniedException"),
        lambda _, events: setattr(events, "failing", "ThrottlingException"),
        lambda _, events: setattr(events, "failing", RuntimeError("?")),
    ],
)
@pytest.mark.parametrize("unfinished", [True, False])
def test_whatever_fails_nothing_is_left(
    *,
    stack: CloudFormation,
    org: FakeIntegrations,
    events: FakePartnerEvents,
    clock: Clock,
    spoil: Spoil,
    unfinished: bool,
) -> None:
    org.visible_after = 7
    if unfinished:
        org.hold(NAME)
    spoil(org, events)
    answer = stack.create()
    assert answer.status == "FAILED"
    assert answer.reason.endswith(".")
    assert answer.physical_id.startswith("nothing-created/")
    assert not org.integrations
    assert clock.now < 205


def test_what_was_configured_before_is_not_removed(
    stack: CloudFormation, org: FakeIntegrations, events: FakePartnerEvents
) -> None:
    held = org.hold(
        NAME,
        awsAccountId=ACCOUNT,
        awsAccountRegion=REGION,
        eventSourceSuffix=SUFFIX,
        eventFilter=TOPICS,
    )
    events.appears_after = NEVER
    assert stack.create().status == "FAILED"
    assert list(org.integrations) == [held]


def test_nothing_is_made_where_the_org_cannot_be_asked_who_it_is(
    stack: CloudFormation, org: FakeIntegrations
) -> None:
    org.always("organization", FORBIDDEN)
    assert stack.create().status == "FAILED"
    assert org.operations == ["login", "organization"]


def test_a_refused_creation_makes_nothing_and_looks_for_nothing(
    stack: CloudFormation, org: FakeIntegrations, clock: Clock
) -> None:
    org.always("create", FORBIDDEN)
    answer = stack.create()
    assert answer.physical_id.startswith("nothing-created/")
    assert org.operations == ["login", "organization", "list", "create"]
    assert not clock.pauses


def test_after_a_lost_answer_a_refusal_does_not_mean_that_nothing_was_made(
    stack: CloudFormation, org: FakeIntegrations
) -> None:
    org.visible_after = 4
    org.instead("create", LOST, carried_out=True)
    org.instead("create", FORBIDDEN)
    answer = stack.create()
    assert answer.status == "FAILED"
    assert answer.physical_id.startswith("nothing-created/")
    assert not org.integrations


@pytest.mark.parametrize("operation", ["delete", "list", "configuration"])
@pytest.mark.parametrize("failure", [FORBIDDEN, problem(503, "no"), LOST], ids=str)
def test_what_cannot_be_removed_again_keeps_its_id_and_is_deleted_later(
    *,
    stack: CloudFormation,
    org: FakeIntegrations,
    http: HttpServer,
    operation: str,
    failure: Answer,
) -> None:
    org.error = "No such account."
    org.before("switch", lambda: org.always(operation, failure))
    answer = stack.create()
    assert answer.status == "FAILED"
    assert "No such account." in answer.reason
    assert "could not be removed again" in answer.reason
    host = http.url.removeprefix("http://")
    assert answer.physical_id == f"{host}/{NAME}/{ACCOUNT}/{REGION}/{SUFFIX}"
    if operation != "list":
        assert org.integrations

    org.always(operation, None)
    assert stack.delete().status == "SUCCESS"
    assert not org.integrations


def test_one_that_cannot_be_switched_off_in_time_is_deleted_later(
    stack: CloudFormation, org: FakeIntegrations, events: FakePartnerEvents, clock: Clock
) -> None:
    def stuck() -> None:
        org.before("switch", lambda: setattr(org, "moving_seconds", 90))

    org.before("switch", stuck)
    events.appears_after = NEVER
    answer = stack.create()
    assert answer.status == "FAILED"
    assert SOURCE in answer.reason
    assert not answer.physical_id.startswith("nothing-created/")
    assert clock.now < 225
    assert stack.delete().status == "SUCCESS"
    assert not org.integrations


def test_a_bus_that_never_gets_its_source_takes_the_integration_with_it(
    stack: CloudFormation, active: CloudFormation, org: FakeIntegrations, events: FakePartnerEvents
) -> None:
    events.active_after = NEVER
    made = stack.create()
    assert made.status == "SUCCESS"
    events.make_bus(SOURCE)
    answer = active.create(EventSourceName=(made.data or {})["EventSourceName"])
    assert answer.status == "FAILED"
    assert "stays PENDING" in answer.reason

    # As CloudFormation rolls back: in the reverse order.
    assert active.delete().status == "SUCCESS"
    events.delete_bus(SOURCE)
    assert stack.delete().status == "SUCCESS"
    assert not org.integrations
    assert not events.sources


@pytest.mark.parametrize("answer", [problem(500, "Oops."), Answer(200, [])])
@pytest.mark.parametrize("unfinished", [True, False])
def test_one_whose_configuration_cannot_be_read_is_removed_only_if_it_was_made_here(
    stack: CloudFormation, org: FakeIntegrations, answer: Answer, unfinished: bool
) -> None:
    """A list that shows no configuration does not prove that it feeds nobody."""
    before = {org.hold(NAME)} if unfinished else set()
    org.instead("configuration", answer)
    created = stack.create()
    assert created.status == "FAILED"
    assert created.physical_id.startswith("nothing-created/")
    assert org.integrations.keys() == before
