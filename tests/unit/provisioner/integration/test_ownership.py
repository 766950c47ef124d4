"""An integration without a target is ours, unless its notes name another stack."""

from typing import Any

import pytest

from genesys.integration_spec import make_notes
from local.genesys.problems import problem
from local.genesys.stand_in import GenesysCloud
from local.http.messages import Answer
from tests.fakes.aws.cloudformation import (
    ACCOUNT,
    CLOUDFORMATION_ID,
    NAME,
    REGION,
    CloudFormation,
)
from tests.fakes.aws.stacks import STACK_NAME
from tests.fakes.deliveries import OUR_PROPERTIES

OTHER_ACCOUNT = "999988887777"
OUR_NOTES = make_notes(STACK_NAME, ACCOUNT, REGION)
NOTES_WITHOUT_ACCOUNT = f"Conversation events for the AWS stack {STACK_NAME}"
NOT_OURS = (
    make_notes(STACK_NAME, OTHER_ACCOUNT, REGION),
    make_notes(STACK_NAME, ACCOUNT, "us-east-1"),
    make_notes("QueueEnds-two", ACCOUNT, REGION),
    "Conversation events for the AWS stack QueueEnds-two",
)


@pytest.fixture
def stack(stack: CloudFormation) -> CloudFormation:
    """A stack with notes as the template has them."""
    stack.properties["Notes"] = OUR_NOTES
    return stack


def seed_unfinished(genesys: GenesysCloud, notes: str, *, in_configuration: bool = False) -> str:
    """Create an integration with our name and without a target, and return its id."""
    integration_id = genesys.integrations.seed(NAME, {})
    place: dict[str, Any] = genesys.integrations[integration_id]
    if in_configuration:
        place = genesys.integrations.configuration(integration_id)
    place["notes"] = notes
    return integration_id


@pytest.mark.parametrize("in_configuration", [True, False])
@pytest.mark.parametrize("notes", NOT_OURS)
def test_an_unfinished_integration_of_another_stack_is_an_error_that_quotes_its_notes(
    stack: CloudFormation, genesys: GenesysCloud, notes: str, in_configuration: bool
) -> None:
    existing_id = seed_unfinished(genesys, notes, in_configuration=in_configuration)
    before = dict(genesys.integrations[existing_id])
    response = stack.create()
    assert response.status == "FAILED"
    for expected in (
        NAME,
        existing_id,
        "feeds nobody yet",
        notes,
        ACCOUNT,
        REGION,
        "another stage",
        "left as it is",
    ):
        assert expected in response.reason
    assert stack.delete(CLOUDFORMATION_ID).status == "SUCCESS"
    assert genesys.integrations == {existing_id: before}


@pytest.mark.parametrize("in_configuration", [True, False])
@pytest.mark.parametrize(
    "notes",
    [
        "",
        OUR_NOTES,
        f"{OUR_NOTES}\nAsk Kim before you change it.",
        NOTES_WITHOUT_ACCOUNT,
        "Sends events to Amazon EventBridge.",
    ],
)
def test_an_unfinished_integration_that_names_no_other_stack_is_completed(
    stack: CloudFormation, genesys: GenesysCloud, notes: str, in_configuration: bool
) -> None:
    existing_id = seed_unfinished(genesys, notes, in_configuration=in_configuration)
    assert (stack.create().data or {})["IntegrationId"] == existing_id
    configuration = genesys.integrations.configuration(existing_id)
    assert (configuration["properties"], configuration["notes"]) == (OUR_PROPERTIES, OUR_NOTES)


def test_a_new_integration_has_its_notes_before_its_target(
    stack: CloudFormation, genesys: GenesysCloud
) -> None:
    shown: list[tuple[str, dict[str, Any]]] = []

    def look() -> None:
        (entity,) = genesys.integrations.values()
        shown.append((entity["notes"], dict(entity["config"]["current"]["properties"])))

    genesys.before("configure", look)
    assert stack.create().status == "SUCCESS"
    assert shown == [(OUR_NOTES, {})]


@pytest.mark.parametrize(
    "answer", [problem(400, "No."), problem(409, "Busy."), Answer(fate="lost")], ids=str
)
def test_notes_that_genesys_refuses_to_write_early_are_written_with_the_target(
    stack: CloudFormation, genesys: GenesysCloud, answer: Answer
) -> None:
    genesys.always("annotate", answer)
    assert stack.create().status == "SUCCESS"
    assert genesys.integrations.configuration("int-1")["notes"] == OUR_NOTES
    assert genesys.integrations.state("int-1") == "ACTIVE"


def test_a_stack_in_another_account_leaves_an_integration_that_is_being_created(
    stack: CloudFormation, genesys: GenesysCloud
) -> None:
    """Two stacks with the same stage create their integrations in the same org at the same time."""
    other = CloudFormation("", stack.clock, stack.secrets, stack.eventbridge, stack.resource_type)
    other.properties = stack.properties | {
        "AccountId": OTHER_ACCOUNT,
        "Notes": make_notes(STACK_NAME, OTHER_ACCOUNT, REGION),
    }
    others: list[Any] = []
    genesys.before("configure", lambda: others.append(other.create()))

    assert stack.create().status == "SUCCESS"

    (response,) = others
    assert response.status == "FAILED"
    assert OUR_NOTES in response.reason
    assert genesys.integrations.configuration("int-1")["properties"] == OUR_PROPERTIES


def test_an_upgrade_changes_only_the_notes_in_place(
    stack: CloudFormation, genesys: GenesysCloud
) -> None:
    assert stack.create(Notes=NOTES_WITHOUT_ACCOUNT).status == "SUCCESS"
    genesys.calls.clear()
    physical_id = stack.physical_id
    response = stack.update(Notes=OUR_NOTES)
    assert (response.status, response.physical_id) == ("SUCCESS", physical_id)
    assert list(genesys.integrations) == ["int-1"]
    assert genesys.integrations.configuration("int-1")["notes"] == OUR_NOTES
    assert genesys.operations.count("configure") == 1
    assert not {"create", "annotate", "switch", "delete"} & set(genesys.operations)
