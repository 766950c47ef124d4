"""Create of an event source: one integration as asked for, active, its source shown by AWS."""

import pytest
from botocore.exceptions import EndpointConnectionError

from local.genesys.problems import problem
from local.genesys.stand_in import ORG_ID, GenesysCloud
from local.http.messages import Answer
from local.http.server import HttpServer
from tests.fakes.aws.cloudformation import ACCOUNT, NAME, REGION, SUFFIX, CloudFormation
from tests.fakes.aws.partner_events import FakePartnerEvents
from tests.fakes.clock import Clock
from tests.fakes.deliveries import OURS
from tests.unit.provisioner.conftest import SOURCE

LOST = Answer(fate="lost")


def test_an_integration_is_made_and_its_source_awaited(
    stack: CloudFormation, genesys: GenesysCloud, http: HttpServer, events: FakePartnerEvents
) -> None:
    answer = stack.create()

    assert (answer.status, answer.reason) == ("SUCCESS", "")
    assert answer.data == {
        "EventSourceName": SOURCE,
        "IntegrationId": "int-1",
        "OrgId": ORG_ID,
    }
    host = http.url.removeprefix("http://")
    assert answer.physical_id == f"{host}/{NAME}/{ACCOUNT}/{REGION}/{SUFFIX}"
    assert list(genesys.integrations) == ["int-1"]
    assert genesys.integrations["int-1"]["integrationType"] == {"id": "amazon-eventbridge-source"}
    assert genesys.integrations.state("int-1") == "ACTIVE"
    configuration = genesys.integrations.configuration("int-1")
    assert configuration["properties"] == OURS
    assert (configuration["name"], configuration["notes"]) == (NAME, "Made by Queue Ends")
    assert genesys.operations[:8] == [
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


def test_other_integrations_are_left_alone(stack: CloudFormation, genesys: GenesysCloud) -> None:
    for number in range(4):
        genesys.integrations.seed(f"other-{number}", OURS)
        genesys.integrations.seed(NAME, {}, type_id="webhook")
    before = dict(genesys.integrations)
    assert stack.create().status == "SUCCESS"
    assert len(genesys.integrations) == 9
    assert before.items() <= genesys.integrations.items()


@pytest.mark.parametrize("expands", [True, False])
def test_an_integration_that_is_right_already_is_left_as_it_is(
    stack: CloudFormation, genesys: GenesysCloud, expands: bool
) -> None:
    genesys.integrations.expands = expands
    first = stack.create()
    genesys.calls.clear()
    assert stack.create() == first
    assert not {"create", "configure", "switch"} & set(genesys.operations)


@pytest.mark.parametrize("state", [("DISABLED", "INACTIVE"), ("ENABLED", "ACTIVATING")])
def test_its_own_integration_that_is_not_active_is_switched_on_and_awaited(
    stack: CloudFormation, genesys: GenesysCloud, clock: Clock, state: tuple[str, str]
) -> None:
    held = genesys.integrations.seed(NAME, OURS)
    entity = genesys.integrations[held]
    entity |= {"intendedState": state[0], "reportedState": {"code": state[1]}}
    clock.schedule(5, lambda: entity.update(reportedState={"code": "ACTIVE"}))
    stack.events.partner_makes(SOURCE)
    assert stack.create().status == "SUCCESS"
    assert entity["intendedState"] == "ENABLED"
    assert genesys.integrations.state(held) == "ACTIVE"


def test_an_integration_that_a_creation_left_without_configuration_is_completed(
    stack: CloudFormation, genesys: GenesysCloud
) -> None:
    kept, superfluous = genesys.integrations.seed(NAME, {}), genesys.integrations.seed(NAME, {})
    assert (stack.create().data or {})["IntegrationId"] == kept
    assert superfluous not in genesys.integrations
    assert genesys.integrations.configuration(kept)["properties"] == OURS


@pytest.mark.parametrize("first", [{}, OURS])
def test_duplicate_integrations_become_one_and_the_right_one_stays(
    stack: CloudFormation, genesys: GenesysCloud, first: dict[str, object]
) -> None:
    genesys.integrations.seed(NAME, first and first | {"eventFilter": ["v2.other"]})
    right = genesys.integrations.seed(NAME, OURS)
    genesys.integrations.seed(NAME, {})
    assert (stack.create().data or {})["IntegrationId"] == right
    assert list(genesys.integrations) == [right]


def test_a_configured_integration_stays_rather_than_an_active_one_without_a_target(
    stack: CloudFormation, genesys: GenesysCloud
) -> None:
    states = {"intendedState": "ENABLED", "reportedState": {"code": "ACTIVE"}}
    genesys.integrations[genesys.integrations.seed(NAME, {})].update(states)
    configured = genesys.integrations.seed(NAME, OURS)
    states = {"intendedState": "DISABLED", "reportedState": {"code": "INACTIVE"}}
    genesys.integrations[configured].update(states)
    assert stack.create().status == "SUCCESS"
    assert list(genesys.integrations) == [configured]


def test_an_integration_that_is_being_deleted_is_not_taken(
    stack: CloudFormation, genesys: GenesysCloud
) -> None:
    going = genesys.integrations.seed(NAME, OURS)
    genesys.integrations[going]["intendedState"] = "DELETED"
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
def test_an_integration_that_feeds_somebody_else_is_an_error_that_names_it(
    stack: CloudFormation, genesys: GenesysCloud, expands: bool, key: str, value: str
) -> None:
    genesys.integrations.expands = expands
    held = genesys.integrations.seed(NAME, OURS | {key: value})
    before = dict(genesys.integrations[held])
    answer = stack.create()
    assert answer.status == "FAILED"
    for expected in (NAME, held, value, "another stage", "left as it is"):
        assert expected in answer.reason
    assert answer.physical_id.startswith("nothing-created/")
    assert stack.delete().status == "SUCCESS"
    assert genesys.integrations == {held: before}


def test_an_integration_that_somebody_else_configures_first_is_left_to_them(
    stack: CloudFormation, genesys: GenesysCloud
) -> None:
    theirs = OURS | {"awsAccountId": "999988887777"}
    held = genesys.integrations.seed(NAME, {})
    configuration = genesys.integrations.configuration(held)

    def take() -> None:
        genesys.before("configuration", lambda: configuration["properties"].update(theirs))

    genesys.before("configuration", take)  # it was found without a target
    answer = stack.create()
    assert answer.status == "FAILED"
    assert "999988887777" in answer.reason
    assert genesys.integrations.configuration(held)["properties"] == theirs


@pytest.mark.parametrize("operation", ["configure", "switch"])
@pytest.mark.parametrize("carried_out", [True, False])
@pytest.mark.parametrize("failure", [LOST, Answer(503), problem(408, "Timeout.")], ids=str)
def test_a_lost_answer_to_a_change_does_no_harm(
    *,
    stack: CloudFormation,
    genesys: GenesysCloud,
    operation: str,
    carried_out: bool,
    failure: Answer,
) -> None:
    genesys.instead(operation, failure, carried_out=carried_out)
    answer = stack.create()
    assert answer.status == "SUCCESS", answer.reason
    assert genesys.integrations.configuration("int-1")["properties"] == OURS
    assert genesys.integrations.configuration("int-1")["version"] == 2


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
    stack: CloudFormation, genesys: GenesysCloud, failure: Answer
) -> None:
    def change() -> None:
        genesys.integrations.configuration("int-1").update(version=7, notes="mine")

    genesys.before("configure", change)
    genesys.instead("configure", failure)
    assert stack.create().status == "SUCCESS"
    assert genesys.integrations.configuration("int-1")["version"] == 8
    assert genesys.integrations.configuration("int-1")["notes"] == "Made by Queue Ends"


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


def test_a_slow_genesys_and_a_slow_aws_are_waited_for(
    stack: CloudFormation, genesys: GenesysCloud, events: FakePartnerEvents, clock: Clock
) -> None:
    genesys.integrations.state_seconds, events.appears_after = 45, 60
    assert stack.create().status == "SUCCESS"
    assert 105 < clock.now < 180


def test_a_source_that_was_deleted_before_may_come_back(
    stack: CloudFormation, events: FakePartnerEvents
) -> None:
    events.partner_makes(SOURCE)
    events.sources[SOURCE].deleted = True
    assert stack.create().status == "SUCCESS"
