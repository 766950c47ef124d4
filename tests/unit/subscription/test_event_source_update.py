"""Update of an event source: topics in place, another account or region beside the old one."""

import pytest

from tests.fakes.aws.cloudformation import SUFFIX, TOPICS, CloudFormation
from tests.fakes.aws.partner_events import NEVER, FakePartnerEvents
from tests.fakes.clock import Clock
from tests.fakes.genesys import CLIENT_ID, CLIENT_SECRET, problem
from tests.fakes.genesys_integrations import BAD_TOPIC, ORGANIZATION_ID, FakeIntegrations
from tests.fakes.scripted_http import Answer, HttpServer

SOURCE = f"aws.partner/genesys.com/cloud/{ORGANIZATION_ID}/{SUFFIX}"
NEW_TOPICS = ["v2.detail.events.conversation.{id}.user.end"]
CHANGES = {"create", "configure", "switch", "delete"}


@pytest.fixture
def deployed(
    stack: CloudFormation, org: FakeIntegrations, events: FakePartnerEvents
) -> CloudFormation:
    """A stack whose integration is there already, with id int-1, and its bus too."""
    assert stack.create().status == "SUCCESS"
    events.make_bus(SOURCE)
    stack.clock.sleep(60)
    org.operations.clear()
    events.asked.clear()
    return stack


@pytest.mark.parametrize("switches_off", [True, False])
@pytest.mark.parametrize("expands", [True, False])
def test_topics_are_changed_in_place_and_it_is_active_afterwards(
    deployed: CloudFormation, org: FakeIntegrations, switches_off: bool, expands: bool
) -> None:
    org.configuring_switches_off, org.expands = switches_off, expands
    physical_id = deployed.physical_id
    answer = deployed.update(Topics=NEW_TOPICS)
    assert (answer.status, answer.physical_id) == ("SUCCESS", physical_id)
    assert answer.data == {
        "EventSourceName": SOURCE,
        "IntegrationId": "int-1",
        "OrgId": ORGANIZATION_ID,
    }
    assert org.configuration("int-1")["properties"]["eventFilter"] == NEW_TOPICS
    assert org.configuration("int-1")["version"] == 3
    assert org.state("int-1") == "ACTIVE"
    assert org.operations.count("switch") == (1 if switches_off else 0)


def test_notes_are_changed_in_place(deployed: CloudFormation, org: FakeIntegrations) -> None:
    assert deployed.update(Notes="Another one").status == "SUCCESS"
    assert org.configuration("int-1")["notes"] == "Another one"


@pytest.mark.parametrize("changes", [{}, {"Topics": TOPICS[::-1]}, {"SecretName": "new"}])
def test_nothing_to_change_changes_nothing(
    deployed: CloudFormation, org: FakeIntegrations, changes: dict[str, object]
) -> None:
    deployed.secrets.put("new", {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET})
    assert deployed.update(**changes).status == "SUCCESS"
    assert not CHANGES & set(org.operations)


def test_one_deleted_by_hand_is_made_anew(
    deployed: CloudFormation, org: FakeIntegrations, events: FakePartnerEvents
) -> None:
    physical_id = deployed.physical_id
    org.integrations.clear()
    answer = deployed.update(Topics=NEW_TOPICS)
    assert (answer.status, answer.physical_id) == ("SUCCESS", physical_id)
    assert list(org.integrations) == ["int-2"]
    assert (answer.data or {})["IntegrationId"] == "int-2"
    assert events.asked


def test_one_changed_or_switched_off_by_hand_is_put_right(
    deployed: CloudFormation, org: FakeIntegrations
) -> None:
    org.configuration("int-1")["properties"]["eventFilter"] = ["v2.other"]
    org.integrations["int-1"] |= {
        "intendedState": "DISABLED",
        "reportedState": {"code": "INACTIVE"},
    }
    assert deployed.update(Notes="x").status == "SUCCESS"
    assert org.configuration("int-1")["properties"]["eventFilter"] == TOPICS
    assert org.state("int-1") == "ACTIVE"


@pytest.mark.parametrize(
    ("seen", "told"), [("missing", "deleted under the stack"), ("deleted", "has deleted")]
)
def test_a_source_that_is_gone_is_reported_before_anything_is_changed_and_the_rollback_succeeds(
    deployed: CloudFormation,
    org: FakeIntegrations,
    events: FakePartnerEvents,
    seen: str,
    told: str,
) -> None:
    if seen == "missing":
        del events.sources[SOURCE]
    else:
        events.partner_deletes(SOURCE)
    physical_id = deployed.physical_id
    answer = deployed.update(Topics=NEW_TOPICS)
    assert (answer.status, answer.physical_id) == ("FAILED", physical_id)
    for expected in (SOURCE, told, "Destroy the stack and deploy it again"):
        assert expected in answer.reason
    assert not CHANGES & set(org.operations)

    answer = deployed.roll_back()
    assert (answer.status, answer.physical_id) == ("SUCCESS", physical_id)
    assert not CHANGES & set(org.operations)


def test_a_refused_change_fails_and_the_rollback_restores(
    deployed: CloudFormation, org: FakeIntegrations
) -> None:
    physical_id = deployed.physical_id
    answer = deployed.update(Topics=[*TOPICS, BAD_TOPIC])
    assert (answer.status, answer.physical_id) == ("FAILED", physical_id)
    assert BAD_TOPIC in answer.reason
    assert deployed.roll_back().status == "SUCCESS"
    assert org.configuration("int-1")["properties"]["eventFilter"] == TOPICS


@pytest.mark.parametrize("operation", ["organization", "list", "configuration", "configure"])
@pytest.mark.parametrize("carried_out", [True, False])
def test_wherever_a_change_fails_the_rollback_restores(
    deployed: CloudFormation, org: FakeIntegrations, operation: str, carried_out: bool
) -> None:
    org.instead(operation, problem(500, "Oops."), carried_out=carried_out)
    assert deployed.update(Topics=NEW_TOPICS).status == "FAILED"
    assert list(org.integrations) == ["int-1"], "what was there before is not removed"
    assert deployed.roll_back().status == "SUCCESS"
    assert org.configuration("int-1")["properties"]["eventFilter"] == TOPICS
    assert org.state("int-1") == "ACTIVE"


def test_a_change_that_ends_in_an_error_fails_and_the_rollback_restores(
    deployed: CloudFormation, org: FakeIntegrations
) -> None:
    org.error = "No."
    answer = deployed.update(Topics=NEW_TOPICS)
    assert "ERROR (No.)" in answer.reason
    org.error = ""
    assert deployed.roll_back().status == "SUCCESS"
    assert org.state("int-1") == "ACTIVE"


def test_one_made_anew_by_a_failing_update_is_removed_again(
    deployed: CloudFormation, org: FakeIntegrations
) -> None:
    org.integrations.clear()
    org.error = "No."
    assert deployed.update(Topics=NEW_TOPICS).status == "FAILED"
    assert not org.integrations


@pytest.mark.parametrize("failure", [problem(409, "x"), Answer(503), Answer(fate="lost")], ids=str)
def test_a_change_whose_answer_is_lost_is_made_once(
    deployed: CloudFormation, org: FakeIntegrations, failure: Answer
) -> None:
    org.instead("configure", failure, carried_out=True)
    assert deployed.update(Topics=NEW_TOPICS).status == "SUCCESS"
    assert org.configuration("int-1")["properties"]["eventFilter"] == NEW_TOPICS
    assert org.configuration("int-1")["version"] == 3


@pytest.mark.parametrize(
    "changes", [{"AccountId": "444455556666"}, {"Region": "eu-west-2"}, {"Suffix": "QueueEnds-two"}]
)
def test_another_target_is_another_integration_and_the_old_one_is_deleted_after_it(
    deployed: CloudFormation, org: FakeIntegrations, changes: dict[str, str]
) -> None:
    old_id, old = deployed.physical_id, deployed.properties
    answer = deployed.update(**changes)
    assert answer.status == "SUCCESS", answer.reason
    assert answer.physical_id != old_id
    assert set(org.integrations) == {"int-1", "int-2"}
    assert org.configuration("int-1")["properties"]["eventSourceSuffix"] == SUFFIX

    deployed.properties = old
    assert deployed.delete(old_id).status == "SUCCESS"
    assert list(org.integrations) == ["int-2"]


def test_another_target_that_fails_leaves_the_old_integration_alone(
    deployed: CloudFormation, org: FakeIntegrations, events: FakePartnerEvents
) -> None:
    events.appears_after = NEVER
    old_id = deployed.physical_id
    answer = deployed.update(Suffix="QueueEnds-two")
    assert (answer.status, answer.physical_id) == ("FAILED", old_id)
    assert "did not make it in time" in answer.reason
    assert list(org.integrations) == ["int-1"]
    assert deployed.roll_back().status == "SUCCESS"
    assert (org.state("int-1"), deployed.physical_id) == ("ACTIVE", old_id)


def test_one_that_feeds_somebody_else_by_now_is_an_error(
    deployed: CloudFormation, org: FakeIntegrations
) -> None:
    org.configuration("int-1")["properties"]["awsAccountId"] = "999988887777"
    answer = deployed.update(Topics=NEW_TOPICS)
    assert answer.status == "FAILED"
    assert "999988887777" in answer.reason
    assert "another stage" in answer.reason
    assert list(org.integrations) == ["int-1"]
    assert not CHANGES & set(org.operations)


def test_another_org_is_refused_and_the_rollback_after_it_succeeds(
    deployed: CloudFormation, org: FakeIntegrations, http: HttpServer
) -> None:
    physical_id = deployed.physical_id
    answer = deployed.update(
        LoginUrl="https://login.mypurecloud.ie", ApiUrl="https://api.mypurecloud.ie"
    )
    assert (answer.status, answer.physical_id) == ("FAILED", physical_id)
    for expected in (
        "The integration is in another org",
        http.url.removeprefix("http://"),
        "api.mypurecloud.ie",
        "destroy the stack first, or use another stage",
    ):
        assert expected in answer.reason
    assert not org.operations
    assert deployed.roll_back().status == "SUCCESS"


def test_an_update_ends_in_time_however_slow_everything_is(
    deployed: CloudFormation, org: FakeIntegrations, events: FakePartnerEvents, clock: Clock
) -> None:
    began = clock.now
    org.moving_seconds = 1000
    events.failing = "ThrottlingException"
    assert deployed.update(Topics=NEW_TOPICS).status == "FAILED"
    assert clock.now - began < 205
