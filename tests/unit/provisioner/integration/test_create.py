"""Create of an integration leaves one active integration, with a source that AWS shows."""

import pytest
from botocore.exceptions import EndpointConnectionError

from local.genesys.problems import problem
from local.genesys.stand_in import ORG_ID, GenesysCloud
from local.http.messages import Answer
from local.http.server import HttpServer
from tests.fakes.aws.cloudformation import ACCOUNT, NAME, REGION, SUFFIX, CloudFormation
from tests.fakes.aws.partner_events import FakePartnerEventSources
from tests.fakes.clock import Clock
from tests.fakes.deliveries import OUR_PROPERTIES
from tests.unit.provisioner.conftest import SOURCE

LOST = Answer(fate="lost")


def test_a_create_creates_an_integration_and_waits_for_its_source(
    stack: CloudFormation,
    genesys: GenesysCloud,
    http: HttpServer,
    eventbridge: FakePartnerEventSources,
) -> None:
    response = stack.create()

    assert (response.status, response.reason) == ("SUCCESS", "")
    assert response.data == {
        "EventSourceName": SOURCE,
        "IntegrationId": "int-1",
        "OrgId": ORG_ID,
    }
    host = http.url.removeprefix("http://")
    assert response.physical_id == f"{host}/{NAME}/{ACCOUNT}/{REGION}/{SUFFIX}"
    assert list(genesys.integrations) == ["int-1"]
    assert genesys.integrations["int-1"]["integrationType"] == {"id": "amazon-eventbridge-source"}
    assert genesys.integrations.state("int-1") == "ACTIVE"
    configuration = genesys.integrations.configuration("int-1")
    assert configuration["properties"] == OUR_PROPERTIES
    assert (configuration["name"], configuration["notes"]) == (NAME, "Made by Queue Ends")
    assert genesys.operations[:9] == [
        *("login", "organization", "list", "create", "annotate"),
        *("configuration", "configure", "read", "switch"),
    ]
    assert set(eventbridge.requested_names) == {SOURCE}
    assert len(eventbridge.requested_names) > 1, "AWS did not show the source at first"


def test_no_scopes_are_requested_that_the_org_may_not_know(
    stack: CloudFormation, http: HttpServer
) -> None:
    stack.create()
    [login] = http.requests_for("/oauth/token")
    assert "scope" not in login.form


def test_other_integrations_are_left_alone(stack: CloudFormation, genesys: GenesysCloud) -> None:
    for number in range(4):
        genesys.integrations.seed(f"other-{number}", OUR_PROPERTIES)
        genesys.integrations.seed(NAME, {}, type_id="webhook")
    before = dict(genesys.integrations)
    assert stack.create().status == "SUCCESS"
    assert len(genesys.integrations) == 9
    assert before.items() <= genesys.integrations.items()


@pytest.mark.parametrize("expands", [True, False])
def test_a_matching_integration_is_not_changed(
    stack: CloudFormation, genesys: GenesysCloud, expands: bool
) -> None:
    genesys.integrations.expands = expands
    first = stack.create()
    genesys.calls.clear()
    assert stack.create() == first
    assert not {"create", "configure", "switch"} & set(genesys.operations)


@pytest.mark.parametrize("state", [("DISABLED", "INACTIVE"), ("ENABLED", "ACTIVATING")])
def test_our_inactive_integration_is_switched_on(
    stack: CloudFormation, genesys: GenesysCloud, clock: Clock, state: tuple[str, str]
) -> None:
    existing_id = genesys.integrations.seed(NAME, OUR_PROPERTIES)
    entity = genesys.integrations[existing_id]
    entity |= {"intendedState": state[0], "reportedState": {"code": state[1]}}
    clock.schedule(5, lambda: entity.update(reportedState={"code": "ACTIVE"}))
    stack.eventbridge.create_source(SOURCE)
    assert stack.create().status == "SUCCESS"
    assert entity["intendedState"] == "ENABLED"
    assert genesys.integrations.state(existing_id) == "ACTIVE"


def test_an_integration_without_a_configuration_is_completed(
    stack: CloudFormation, genesys: GenesysCloud
) -> None:
    kept_id, duplicate_id = genesys.integrations.seed(NAME, {}), genesys.integrations.seed(NAME, {})
    assert (stack.create().data or {})["IntegrationId"] == kept_id
    assert duplicate_id not in genesys.integrations
    assert genesys.integrations.configuration(kept_id)["properties"] == OUR_PROPERTIES


@pytest.mark.parametrize("first", [{}, OUR_PROPERTIES])
def test_duplicate_integrations_are_removed_and_the_matching_one_remains(
    stack: CloudFormation, genesys: GenesysCloud, first: dict[str, object]
) -> None:
    genesys.integrations.seed(NAME, first and first | {"eventFilter": ["v2.other"]})
    matching_id = genesys.integrations.seed(NAME, OUR_PROPERTIES)
    genesys.integrations.seed(NAME, {})
    assert (stack.create().data or {})["IntegrationId"] == matching_id
    assert list(genesys.integrations) == [matching_id]


def test_a_configured_integration_is_kept_rather_than_an_active_one_without_a_target(
    stack: CloudFormation, genesys: GenesysCloud
) -> None:
    states = {"intendedState": "ENABLED", "reportedState": {"code": "ACTIVE"}}
    genesys.integrations[genesys.integrations.seed(NAME, {})].update(states)
    configured_id = genesys.integrations.seed(NAME, OUR_PROPERTIES)
    states = {"intendedState": "DISABLED", "reportedState": {"code": "INACTIVE"}}
    genesys.integrations[configured_id].update(states)
    assert stack.create().status == "SUCCESS"
    assert list(genesys.integrations) == [configured_id]


def test_an_integration_that_is_being_deleted_is_not_reused(
    stack: CloudFormation, genesys: GenesysCloud
) -> None:
    deleted_id = genesys.integrations.seed(NAME, OUR_PROPERTIES)
    genesys.integrations[deleted_id]["intendedState"] = "DELETED"
    assert (stack.create().data or {})["IntegrationId"] != deleted_id


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("awsAccountId", "999988887777"),
        ("awsAccountRegion", "us-east-1"),
        ("eventSourceSuffix", "QueueEnds-other"),
    ],
)
@pytest.mark.parametrize("expands", [True, False])
def test_an_integration_with_another_target_is_an_error_that_names_it(
    stack: CloudFormation, genesys: GenesysCloud, expands: bool, key: str, value: str
) -> None:
    genesys.integrations.expands = expands
    existing_id = genesys.integrations.seed(NAME, OUR_PROPERTIES | {key: value})
    before = dict(genesys.integrations[existing_id])
    response = stack.create()
    assert response.status == "FAILED"
    for expected in (NAME, existing_id, value, "another stage", "left as it is"):
        assert expected in response.reason
    assert response.physical_id.startswith("nothing-created/")
    assert stack.delete().status == "SUCCESS"
    assert genesys.integrations == {existing_id: before}


def test_an_integration_that_another_stack_configures_first_is_left_alone(
    stack: CloudFormation, genesys: GenesysCloud
) -> None:
    theirs = OUR_PROPERTIES | {"awsAccountId": "999988887777"}
    existing_id = genesys.integrations.seed(NAME, {})
    configuration = genesys.integrations.configuration(existing_id)

    def take() -> None:
        genesys.before("configuration", lambda: configuration["properties"].update(theirs))

    genesys.before("configuration", take)  # after a list showed no target
    response = stack.create()
    assert response.status == "FAILED"
    assert "999988887777" in response.reason
    assert genesys.integrations.configuration(existing_id)["properties"] == theirs


@pytest.mark.parametrize("operation", ["configure", "switch"])
@pytest.mark.parametrize("carried_out", [True, False])
@pytest.mark.parametrize("failure", [LOST, Answer(503), problem(408, "Timeout.")], ids=str)
def test_a_lost_response_to_a_change_does_no_harm(
    *,
    stack: CloudFormation,
    genesys: GenesysCloud,
    operation: str,
    carried_out: bool,
    failure: Answer,
) -> None:
    genesys.instead(operation, failure, carried_out=carried_out)
    response = stack.create()
    assert response.status == "SUCCESS", response.reason
    assert genesys.integrations.configuration("int-1")["properties"] == OUR_PROPERTIES
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
    stack: CloudFormation, eventbridge: FakePartnerEventSources, failures: list[str | Exception]
) -> None:
    eventbridge.next_failures.extend(failures)
    assert stack.create().status == "SUCCESS"
    assert len(eventbridge.requested_names) > len(failures)


def test_a_create_waits_for_a_slow_genesys_and_a_slow_aws(
    stack: CloudFormation, genesys: GenesysCloud, eventbridge: FakePartnerEventSources, clock: Clock
) -> None:
    genesys.integrations.state_seconds, eventbridge.appears_after_seconds = 45, 60
    assert stack.create().status == "SUCCESS"
    assert 105 < clock.now < 180


def test_a_deleted_source_may_return(
    stack: CloudFormation, eventbridge: FakePartnerEventSources
) -> None:
    eventbridge.create_source(SOURCE)
    eventbridge.sources[SOURCE].deleted = True
    assert stack.create().status == "SUCCESS"
