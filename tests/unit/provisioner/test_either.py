"""The promises of both custom resources, whichever way events arrive."""

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from local.genesys.login import CLIENT_SECRET
from local.genesys.problems import problem
from local.genesys.stand_in import GenesysCloud
from local.http.messages import Answer, Request
from local.http.server import HttpServer
from tests.fakes.aws.cloudformation import (
    EVENT_SOURCE,
    INVENTED_ID,
    NAME,
    RESPONSE_URL,
    SUBSCRIPTION,
    CloudFormation,
)
from tests.fakes.aws.partner_events import NEVER, FakePartnerEvents
from tests.fakes.aws.secrets_manager import FakeSecrets
from tests.fakes.clock import Clock
from tests.unit.provisioner.conftest import CHANGING, Resource

LOST = Answer(fate="lost")


@pytest.fixture
def deployed(resource: Resource) -> Resource:
    """A resource that is there already."""
    assert resource.stack.create().status == "SUCCESS"
    resource.genesys.calls.clear()
    return resource


def test_a_create_that_finds_its_own_as_it_should_be_changes_nothing(deployed: Resource) -> None:
    held = list(deployed.entities)
    assert deployed.stack.create().status == "SUCCESS"
    assert list(deployed.entities) == held
    assert not CHANGING & set(deployed.genesys.operations)


def test_a_refusal_after_a_lost_answer_does_not_mean_that_nothing_was_made(
    resource: Resource,
) -> None:
    resource.entities.visible_after = 4
    resource.genesys.instead("create", LOST, carried_out=True)
    resource.genesys.instead("create", problem(403, "no more"))
    answer = resource.stack.create()
    assert answer.status == "FAILED"
    assert "403" in answer.reason
    assert answer.physical_id.startswith("nothing-created/")
    assert not resource.entities


def test_an_update_finds_its_own_deleted_by_hand_and_makes_it_anew(deployed: Resource) -> None:
    physical_id, former = deployed.stack.physical_id, set(deployed.entities)
    deployed.entities.clear()
    answer = deployed.stack.update(**deployed.change)
    assert (answer.status, answer.physical_id) == ("SUCCESS", physical_id)
    (made,) = deployed.entities
    assert made in (answer.data or {}).values()
    assert made not in former


def test_an_update_to_another_org_is_refused_and_the_rollback_after_it_succeeds(
    deployed: Resource, http: HttpServer
) -> None:
    stack, physical_id = deployed.stack, deployed.stack.physical_id
    answer = stack.update(
        LoginUrl="https://login.mypurecloud.ie", ApiUrl="https://api.mypurecloud.ie"
    )
    assert (answer.status, answer.physical_id) == ("FAILED", physical_id)
    for expected in (
        f"The {deployed.word} is in another org",
        http.url.removeprefix("http://"),
        "api.mypurecloud.ie",
        "destroy the stack first, or use another stage",
    ):
        assert expected in answer.reason
    assert not deployed.genesys.operations

    answer = stack.roll_back()
    assert (answer.status, answer.physical_id) == ("SUCCESS", physical_id)
    assert not CHANGING & set(deployed.genesys.operations)


def test_a_delete_removes_all_duplicates_of_ours(deployed: Resource) -> None:
    for _ in range(4):
        deployed.seed()
    assert deployed.stack.delete().status == "SUCCESS"
    assert not deployed.entities


@pytest.mark.parametrize("operation", ["list", "read", "switch", "delete"])
def test_a_delete_of_one_that_goes_meanwhile_succeeds(deployed: Resource, operation: str) -> None:
    deployed.genesys.before(operation, deployed.entities.clear)
    assert deployed.stack.delete().status == "SUCCESS"


def test_a_delete_of_one_that_is_gone_succeeds(deployed: Resource) -> None:
    assert deployed.stack.delete().status == "SUCCESS"
    assert deployed.stack.delete().status == "SUCCESS"


@pytest.mark.parametrize("operation", ["switch", "delete"])
@pytest.mark.parametrize("carried_out", [True, False])
@pytest.mark.parametrize("failure", [Answer(429), Answer(503), LOST], ids=str)
def test_a_lost_answer_to_a_delete_does_no_harm(
    deployed: Resource, operation: str, carried_out: bool, failure: Answer
) -> None:
    deployed.genesys.instead(operation, failure, failure, carried_out=carried_out)
    assert deployed.stack.delete().status == "SUCCESS"
    assert not deployed.entities


@pytest.mark.parametrize("moment", [0.5, 2, 5, 7.9])
def test_a_delete_by_an_id_that_cloudformation_invented_waits_for_what_appears(
    resource: Resource, clock: Clock, moment: float
) -> None:
    clock.at(moment, resource.seed)
    answer = resource.stack.delete(INVENTED_ID)
    assert (answer.status, answer.physical_id) == ("SUCCESS", INVENTED_ID)
    assert "delete" in resource.genesys.operations
    assert not resource.entities
    assert clock.now < 20


def test_a_create_that_is_under_way_while_its_stack_is_deleted_leaves_nothing(
    resource: Resource, clock: Clock
) -> None:
    stack = resource.stack

    def delete_meanwhile() -> None:
        creating = dict(stack.__dict__)
        assert stack.delete(INVENTED_ID).status == "SUCCESS"
        stack.__dict__.update(creating)

    # CloudFormation gives up while Create, which has made something, still waits.
    resource.genesys.subscriptions.activation_reads = NEVER
    clock.at(3, delete_meanwhile)
    assert stack.create().status == "FAILED"
    assert not resource.entities


@pytest.mark.parametrize(
    "spoil",
    [
        lambda secrets: secrets.held.clear(),
        lambda secrets: secrets.put("queue-ends/genesys", None),
        lambda secrets: secrets.put("queue-ends/genesys", "{}"),
        lambda secrets: secrets.put("queue-ends/genesys", {"client_id": "a", "client_secret": "b"}),
        lambda secrets: setattr(secrets, "denied", 1000),
        lambda secrets: setattr(secrets, "failure", EndpointConnectionError(endpoint_url="x")),
    ],
    ids=["missing", "deleted", "empty", "wrong", "denied", "unreachable"],
)
def test_a_delete_that_cannot_log_in_fails_and_says_how_to_get_out(
    deployed: Resource, secrets: FakeSecrets, spoil: Callable[[FakeSecrets], object]
) -> None:
    physical_id, held = deployed.stack.physical_id, dict(secrets.held)
    spoil(secrets)
    answer = deployed.stack.delete()
    assert (answer.status, answer.physical_id) == ("FAILED", physical_id)
    for expected in (
        "'queue-ends/genesys'",
        "retained",
        f"remove the {deployed.word} '{NAME}' in Genesys Cloud by hand",
    ):
        assert expected in answer.reason
    assert deployed.entities

    secrets.held, secrets.denied, secrets.failure = held, 0, None
    assert deployed.stack.delete().status == "SUCCESS"
    assert not deployed.entities


@pytest.mark.parametrize(
    ("operation", "failure"),
    [
        ("list", problem(403, "You may not list.")),
        ("list", problem(500, "Oops.")),
        ("list", LOST),
        ("list", Answer(200, {"entities": None})),
        ("delete", problem(403, "You may not delete.")),
        ("delete", problem(409, "In use.")),
        ("delete", problem(429, "Slow down.")),
        ("delete", LOST),
    ],
    ids=str,
)
def test_a_delete_that_is_refused_fails_and_can_be_tried_again(
    deployed: Resource, operation: str, failure: Answer
) -> None:
    physical_id = deployed.stack.physical_id
    deployed.genesys.always(operation, failure)
    answer = deployed.stack.delete()
    assert (answer.status, answer.physical_id) == ("FAILED", physical_id)
    assert f"remove the {deployed.word} '{NAME}' in Genesys Cloud by hand" in answer.reason
    deployed.genesys.always(operation, None)
    assert deployed.stack.delete().status == "SUCCESS"
    assert not deployed.entities


@given(
    resource_type=st.sampled_from([SUBSCRIPTION, EVENT_SOURCE]),
    operation=st.sampled_from(["login", "list", "create", "configuration", "read", "delete"]),
    status=st.sampled_from([200, 302, 400, 401, 403, 404, 409, 500]),
    text=st.text(max_size=20),
    key=st.sampled_from(["message", "description", "error", "status", "eventTypes"]),
)
@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_neither_an_answer_nor_the_log_shows_a_secret(
    *,
    secrets: FakeSecrets,
    http: HttpServer,
    resource_type: str,
    operation: str,
    status: int,
    text: str,
    key: str,
) -> None:
    clock = Clock()
    genesys = GenesysCloud(clock=clock)

    def respond(asked: Request) -> Answer:
        if genesys.operation_of(asked) != operation:
            return genesys(asked)
        echo = f"{text}{CLIENT_SECRET}{text}{asked.headers.get('Authorization')}"
        return Answer(status, {key: echo}, {"ININ-Correlation-Id": CLIENT_SECRET})

    http.respond = respond
    events = FakePartnerEvents(clock)
    stack = CloudFormation(http.url, clock, secrets, events, resource_type)
    answers: list[Any] = [stack.create(), stack.delete()]
    shown = repr(answers) + stack.log + str([answer.body({}) for answer in answers])
    for hidden in (CLIENT_SECRET, RESPONSE_URL, *genesys.tokens):
        assert hidden not in shown
