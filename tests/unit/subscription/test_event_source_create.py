"""Create of an event source: one integration as asked for, active, its source shown by AWS."""

import pytest
from botocore.exceptions import EndpointConnectionError

from tests.fakes.aws.cloudformation import ACCOUNT, NAME, REGION, SUFFIX, TOPICS, CloudFormation
from tests.fakes.aws.partner_events import FakePartnerEvents
from tests.fakes.clock import Clock
from tests.fakes.genesys import problem
from tests.fakes.genesys_integrations import ORGANIZATION_ID, FakeIntegrations
from tests.fakes.scripted_http import Answer, HttpServer

OURS = {
    "awsAccountId": ACCOUNT,
    "awsAccountRegion": REGION,
    "eventSourceSuffix": SUFFIX,
    "eventFilter": TOPICS,
}
SOURCE = f"aws.partner/genesys.com/cloud/{ORGANIZATION_ID}/{SUFFIX}"
LOST = Answer(fate="lost")


def test_an_integration_is_made_and_its_source_awaited(
    stack: CloudFormation, org: FakeIntegrations, http: HttpServer, events: FakePartnerEvents
) -> None:
    answer = stack.create()

    assert (answer.status, answer.reason) == ("SUCCESS", "")
    assert answer.data == {
        "EventSourceName": SOURCE,
        "IntegrationId": "int-1",
        "OrgId": ORGANIZATION_ID,
    }
    host = http.url.removeprefix("http://")
    assert answer.physical_id == f"{host}/{NAME}/{ACCOUNT}/{REGION}/{SUFFIX}"
    assert list(org.integrations) == ["int-1"]
    assert org.integrations["int-1"]["integrationType"] == {"id": "amazon-eventbridge-source"}
    assert org.state("int-1") == "ACTIVE"
    configuration = org.configuration("int-1")
    assert configuration["properties"] == OURS
    assert (configuration["name"], configuration["notes"]) == (NAME, "Made by Queue Ends")
    assert org.operations[:8] == [
        *("login", "organization", "list", "create"),
        *("configuration", "configure", "read", "switch"),
    ]
    assert set(events.asked) == {SOURCE}
    assert len(events.asked) > 1, "the source was not there at first"


def test_no_scopes_are_asked_for_that_the_org_may_not_know(
    stack: CloudFormation, http: HttpServer
) -> None:
    stack.create()
    [login] = http.asked_for("/oauth/token")
    assert "scope" not in login.form


def test_other_integrations_are_left_alone(stack: CloudFormation, org: FakeIntegrations) -> None:
    for number in range(4):
        org.hold(f"other-{number}", **OURS)
        org.hold(NAME, type_id="webhook")
    before = dict(org.integrations)
    assert stack.create().status == "SUCCESS"
    assert len(org.integrations) == 9
    assert before.items() <= org.integrations.items()


@pytest.mark.parametrize("expands", [True, False])
def test_its_own_that_is_right_already_is_taken_as_it_is(
    stack: CloudFormation, org: FakeIntegrations, expands: bool
) -> None:
    org.expands = expands
    first = stack.create()
    org.operations.clear()
    assert stack.create() == first
    assert not {"create", "configure", "switch"} & set(org.operations)


def test_its_own_on_a_later_page_is_found_and_made_right(
    stack: CloudFormation, org: FakeIntegrations
) -> None:
    for number in range(7):
        org.hold(f"other-{number}", **OURS)
    held = org.hold(NAME, **(OURS | {"eventFilter": ["v2.other"]}))
    answer = stack.create()
    assert (answer.data or {})["IntegrationId"] == held
    assert org.configuration(held)["properties"] == OURS
    assert "create" not in org.operations


@pytest.mark.parametrize("state", [("DISABLED", "INACTIVE"), ("ENABLED", "ACTIVATING")])
def test_its_own_that_is_not_on_is_switched_on(
    stack: CloudFormation, org: FakeIntegrations, clock: Clock, state: tuple[str, str]
) -> None:
    held = org.hold(NAME, **OURS)
    entity = org.integrations[held]
    entity |= {"intendedState": state[0], "reportedState": {"code": state[1]}}
    clock.at(5, lambda: entity.update(reportedState={"code": "ACTIVE"}))
    stack.events.partner_makes(SOURCE)
    assert stack.create().status == "SUCCESS"
    assert entity["intendedState"] == "ENABLED"
    assert org.state(held) == "ACTIVE"


def test_one_that_a_creation_left_without_configuration_is_completed(
    stack: CloudFormation, org: FakeIntegrations
) -> None:
    kept, superfluous = org.hold(NAME), org.hold(NAME)
    assert (stack.create().data or {})["IntegrationId"] == kept
    assert superfluous not in org.integrations
    assert org.configuration(kept)["properties"] == OURS


@pytest.mark.parametrize("first", [{}, OURS])
def test_duplicates_of_its_own_become_one_and_the_right_one_stays(
    stack: CloudFormation, org: FakeIntegrations, first: dict[str, object]
) -> None:
    org.hold(NAME, **(first and first | {"eventFilter": ["v2.other"]}))
    right = org.hold(NAME, **OURS)
    org.hold(NAME)
    assert (stack.create().data or {})["IntegrationId"] == right
    assert list(org.integrations) == [right]


def test_one_that_is_just_being_deleted_is_not_taken(
    stack: CloudFormation, org: FakeIntegrations
) -> None:
    going = org.hold(NAME, **OURS)
    org.integrations[going]["intendedState"] = "DELETED"
    assert (stack.create().data or {})["IntegrationId"] != going


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("awsAccountId", "999988887777"),
        ("awsAccountRegion", "us-east-1"),
        ("eventSourceSuffix", "QueueEnds-other"),
    ],
)
@pytest.mark.parametrize("expands", [True, False])
def test_one_that_feeds_somebody_else_is_an_error_that_names_it(
    stack: CloudFormation, org: FakeIntegrations, expands: bool, key: str, value: str
) -> None:
    org.expands = expands
    held = org.hold(NAME, **(OURS | {key: value}))
    before = dict(org.integrations[held])
    answer = stack.create()
    assert answer.status == "FAILED"
    for expected in (NAME, held, value, "another stage", "left as it is"):
        assert expected in answer.reason
    assert answer.physical_id.startswith("nothing-created/")
    assert stack.delete().status == "SUCCESS"
    assert org.integrations == {held: before}


def test_one_that_somebody_else_configures_first_is_left_to_them(
    stack: CloudFormation, org: FakeIntegrations
) -> None:
    theirs = OURS | {"awsAccountId": "999988887777"}
    held = org.hold(NAME)
    org.before("configuration", lambda: org.configuration(held)["properties"].update(theirs))
    answer = stack.create()
    assert answer.status == "FAILED"
    assert "999988887777" in answer.reason
    assert org.configuration(held)["properties"] == theirs


@pytest.mark.parametrize(
    "failure",
    [LOST, Answer(500), Answer(503), Answer(200, b"garbage"), Answer(200, {"id": None})],
    ids=str,
)
@pytest.mark.parametrize("visible_after", [0, 0.4])
def test_a_lost_answer_leaves_exactly_one_integration(
    stack: CloudFormation, org: FakeIntegrations, failure: Answer, visible_after: float
) -> None:
    org.visible_after = visible_after
    org.instead("create", failure, carried_out=True)
    answer = stack.create()
    assert answer.status == "SUCCESS", answer.reason
    assert list(org.integrations) == [(answer.data or {})["IntegrationId"]]


def test_a_creation_that_was_not_carried_out_is_made_again(
    stack: CloudFormation, org: FakeIntegrations
) -> None:
    org.instead("create", LOST, Answer(503), problem(429, "Slow.", **{"Retry-After": "2"}))
    assert stack.create().status == "SUCCESS"
    assert list(org.integrations) == ["int-1"]


@pytest.mark.parametrize("operation", ["configure", "switch"])
@pytest.mark.parametrize("carried_out", [True, False])
@pytest.mark.parametrize("failure", [LOST, Answer(503), problem(408, "Timeout.")], ids=str)
def test_a_lost_answer_to_a_change_does_no_harm(
    *,
    stack: CloudFormation,
    org: FakeIntegrations,
    operation: str,
    carried_out: bool,
    failure: Answer,
) -> None:
    org.instead(operation, failure, carried_out=carried_out)
    answer = stack.create()
    assert answer.status == "SUCCESS", answer.reason
    assert org.configuration("int-1")["properties"] == OURS
    assert org.configuration("int-1")["version"] == 2


@pytest.mark.parametrize(
    "failure",
    [
        problem(409, "Conflict."),
        problem(408, "Timeout."),
        problem(400, "The version of the configuration does not match."),
    ],
    ids=str,
)
def test_a_configuration_that_somebody_else_changed_is_read_again(
    stack: CloudFormation, org: FakeIntegrations, failure: Answer
) -> None:
    def change() -> None:
        org.configuration("int-1").update(version=7, notes="mine")

    org.before("configure", change)
    org.instead("configure", failure)
    assert stack.create().status == "SUCCESS"
    assert org.configuration("int-1")["version"] == 8
    assert org.configuration("int-1")["notes"] == "Made by Queue Ends"


@pytest.mark.parametrize(
    "failures",
    [
        ["ResourceNotFoundException"] * 3,
        ["ThrottlingException", "InternalException"],
        ["AccessDeniedException"] * 3,
        [EndpointConnectionError(endpoint_url="x")] * 2,
    ],
    ids=str,
)
def test_aws_may_take_a_moment_to_show_the_source(
    stack: CloudFormation, events: FakePartnerEvents, failures: list[str | Exception]
) -> None:
    events.failures.extend(failures)
    assert stack.create().status == "SUCCESS"
    assert len(events.asked) > len(failures)


def test_everything_may_be_slow(
    stack: CloudFormation, org: FakeIntegrations, events: FakePartnerEvents, clock: Clock
) -> None:
    org.moving_seconds, events.appears_after = 45, 60
    assert stack.create().status == "SUCCESS"
    assert 105 < clock.now < 180


def test_a_source_that_was_deleted_before_may_come_back(
    stack: CloudFormation, events: FakePartnerEvents
) -> None:
    events.partner_makes(SOURCE)
    events.sources[SOURCE].deleted = True
    assert stack.create().status == "SUCCESS"


@pytest.mark.parametrize("operation", ["organization", "list", "configuration", "read"])
def test_every_reading_meets_busyness_first_and_it_still_ends_well(
    stack: CloudFormation, org: FakeIntegrations, operation: str
) -> None:
    busy = problem(429, "Rate limit exceeded.", **{"Retry-After": "2"})
    org.instead(operation, busy, Answer(503), LOST)
    assert stack.create().status == "SUCCESS"
