"""The requests for integrations, the parsing of entities, and the retries of changes."""

from collections.abc import Mapping
from typing import Any

import pytest

from genesys.client import GenesysClient
from genesys.errors import GenesysError, NotAsSpecified
from genesys.integration_spec import AwsTarget, IntegrationSpec, parse_target
from genesys.integrations import ORGANIZATION_PATH, PATH, Integrations, NotDeleted
from local.http.messages import Answer
from tests.fakes.clock import Clock
from tests.unit.genesys.conftest import Api

TARGET = AwsTarget("111122223333", "eu-west-1", "QueueEnds-dev")
TOPIC = "v2.detail.events.conversation.{id}.customer.end"
SPEC = IntegrationSpec("queue-ends-dev", "Made by Queue Ends", TARGET, (TOPIC,))
PROPERTIES = {
    "awsAccountId": "111122223333",
    "awsAccountRegion": "eu-west-1",
    "eventSourceSuffix": "QueueEnds-dev",
    "eventFilter": [TOPIC],
}
CONFIGURED = {"version": 4, "properties": PROPERTIES, "notes": "Made by Queue Ends"}
UNCONFIGURED = {"version": 4, "properties": {}}
TYPE = {"id": "amazon-eventbridge-source"}
GONE = Answer(404, {"message": "Gone."})


def entity(
    name: object = "queue-ends-dev",
    *,
    type_id: object = TYPE,
    intended: object = "ENABLED",
    code: object = "ACTIVE",
    **fields: object,
) -> dict[str, Any]:
    return {
        "id": "i-1",
        "name": name,
        "integrationType": type_id,
        "intendedState": intended,
        "reportedState": {"code": code},
        **fields,
    }


def expanded(configuration: object) -> dict[str, object]:
    return {"config": {"current": configuration}}


@pytest.fixture
def integrations(client: GenesysClient) -> Integrations:
    return Integrations(client)


def sent_requests(api: Api) -> list[tuple[str, str]]:
    return [(request.method, request.path) for request in api.requests]


def test_the_bodies_that_create_and_configure_an_integration_match_the_api() -> None:
    assert SPEC.creation_body() == {"name": "queue-ends-dev", "integrationType": TYPE}
    assert SPEC.configuration_body(7) == {
        "name": "queue-ends-dev",
        "version": 7,
        "properties": PROPERTIES,
        "advanced": {},
        "notes": "Made by Queue Ends",
        "credentials": {},
    }


def test_integrations_are_listed_with_their_configurations(
    integrations: Integrations, api: Api
) -> None:
    ours = entity(**expanded(CONFIGURED)) | {"id": "i-2"}
    others = [
        entity("another"),
        entity(type_id={"id": "webhook"}),
        entity(type_id=None),
        entity(type_id="amazon-eventbridge-source"),
        entity(None),
    ]
    api.script(
        Answer(200, {"entities": [*others, ours], "pageCount": 2}),
        Answer(200, {"entities": [ours, ours | {"id": "i-3"}], "pageCount": 2}),
    )
    found = integrations.find_by_name("queue-ends-dev")
    assert [integration.target for integration in found] == [TARGET, TARGET]
    assert [dict(request.query) for request in api.requests] == [
        {"expand": "config.current", "pageNumber": number, "pageSize": "100"} for number in "12"
    ]


@pytest.mark.parametrize("shown", [{}, {"config": None}, {"config": {}}, expanded({"id": "7"})])
def test_the_configuration_is_read_if_a_list_lacks_the_target(
    integrations: Integrations, api: Api, shown: dict[str, object]
) -> None:
    api.script(
        Answer(200, {"entities": [entity(**shown)], "pageCount": 1}), Answer(200, CONFIGURED)
    )
    [found] = integrations.find_by_name("queue-ends-dev")
    assert found.target == TARGET
    assert sent_requests(api) == [("GET", PATH), ("GET", f"{PATH}/i-1/config/current")]


@pytest.mark.parametrize(
    ("intended", "code", "is_active", "is_being_deleted"),
    [
        ("ENABLED", "ACTIVE", True, False),
        ("ENABLED", "ACTIVATING", False, False),
        ("ENABLED", None, False, False),
        ("DISABLED", "ACTIVE", False, False),
        ("DELETED", "INACTIVE", False, True),
        (None, "ACTIVE", False, False),
    ],
)
def test_an_integration_is_active_only_if_it_is_enabled_and_reported_as_active(
    *,
    integrations: Integrations,
    api: Api,
    intended: object,
    code: object,
    is_active: bool,
    is_being_deleted: bool,
) -> None:
    api.script(Answer(200, entity(intended=intended, code=code, **expanded(CONFIGURED))))
    found = integrations.get("i-1")
    assert found is not None
    assert (found.is_active, found.is_being_deleted) == (is_active, is_being_deleted)


def test_an_unknown_integration_is_none(integrations: Integrations, api: Api) -> None:
    api.script(GONE)
    assert integrations.get("i-1") is None


@pytest.mark.parametrize(
    ("properties", "target"),
    [
        (PROPERTIES, TARGET),
        (PROPERTIES | {"awsAccountId": 111122223333}, TARGET),
        (PROPERTIES | {"eventFilter": None, "more": 1}, TARGET),
        ({"awsAccountId": "444455556666"}, AwsTarget("444455556666", "", "")),
        ({"awsAccountRegion": "us-east-1", "eventFilter": []}, None),
        ({"awsAccountId": None}, None),
        ({}, None),
        (None, None),
        ("?", None),
    ],
)
def test_the_target_is_parsed_from_a_configuration_of_any_shape(
    properties: object, target: AwsTarget | None
) -> None:
    assert parse_target({"properties": properties}) == target


@pytest.mark.parametrize(
    ("changes", "has_no_difference", "matches"),
    [
        ({}, True, True),
        ({"notes": "other"}, True, False),
        ({"notes": None}, True, False),
        ({"properties": PROPERTIES | {"eventFilter": [TOPIC, TOPIC + "2"]}}, False, False),
        ({"properties": PROPERTIES | {"eventFilter": None}}, False, False),
        ({"properties": PROPERTIES | {"awsAccountRegion": "us-east-1"}}, False, False),
        ({"properties": {}}, False, False),
    ],
)
def test_differences_do_not_include_the_notes(
    changes: Mapping[str, object], has_no_difference: bool, matches: bool
) -> None:
    configuration = {**CONFIGURED, **changes}
    assert (not SPEC.differences(configuration)) is has_no_difference
    assert SPEC.matches(configuration) is matches


def test_the_order_of_topics_does_not_matter() -> None:
    spec = IntegrationSpec("n", "", TARGET, ("a", "b"))
    assert not spec.differences({"properties": PROPERTIES | {"eventFilter": ["b", "a"]}})


def test_a_configuration_is_replaced_with_the_version_just_read(
    integrations: Integrations, api: Api
) -> None:
    checked_configurations: list[Mapping[str, Any]] = []
    api.script(
        Answer(200, UNCONFIGURED),
        Answer(409, {"message": "Conflict."}),
        Answer(200, UNCONFIGURED | {"version": 9}),
        Answer(200, {}),
    )
    integrations.configure("i-1", SPEC, checked_configurations.append)
    assert [request.json["version"] for request in api.requests if request.method == "PUT"] == [
        4,
        9,
    ]
    assert [configuration["version"] for configuration in checked_configurations] == [4, 9]


def test_a_matching_configuration_is_not_replaced(integrations: Integrations, api: Api) -> None:
    api.script(Answer(200, UNCONFIGURED), Answer(408, {}), Answer(200, CONFIGURED))
    integrations.configure("i-1", SPEC, lambda _: None)
    assert [method for method, _ in sent_requests(api)] == ["GET", "PUT", "GET"]


def test_a_configuration_that_fails_the_check_is_not_replaced(
    integrations: Integrations, api: Api
) -> None:
    def check(_: object) -> None:
        raise LookupError

    api.script(Answer(200, UNCONFIGURED))
    with pytest.raises(LookupError):
        integrations.configure("i-1", SPEC, check)
    assert [method for method, _ in sent_requests(api)] == ["GET"]


@pytest.mark.parametrize(
    ("status", "message", "is_retried"),
    [
        (409, "Conflict.", True),
        (408, "Timeout.", True),
        (400, "The VERSION does not match.", True),
        (400, "No such region.", False),
        (403, "The version is secret.", False),
        (404, "Gone.", False),
        (500, "Oops.", False),
    ],
)
def test_a_refused_change_is_retried_only_if_that_may_help(
    *,
    integrations: Integrations,
    api: Api,
    clock: Clock,
    status: int,
    message: str,
    is_retried: bool,
) -> None:
    refusal = Answer(status, {"message": message})
    api.script(*[Answer(200, UNCONFIGURED), refusal] * 20)
    with pytest.raises(GenesysError, match=message):
        integrations.configure("i-1", SPEC, lambda _: None)
    assert (sent_requests(api).count(("PUT", f"{PATH}/i-1/config/current")) > 1) is is_retried
    assert clock.now <= 30


def test_an_inactive_integration_is_switched_on_and_read_until_it_is_active(
    integrations: Integrations, api: Api, clock: Clock
) -> None:
    api.script(
        Answer(200, entity(intended="DISABLED", code="INACTIVE")),
        Answer(200, {}),
        Answer(200, entity(code="ERROR")),  # from before the change
        Answer(200, entity(code="ACTIVATING")),
        Answer(200, entity()),
        Answer(200, UNCONFIGURED),  # from before the change
        Answer(200, entity()),
        Answer(200, CONFIGURED),
    )
    integrations.switch_on("i-1", SPEC, clock.deadline(60))
    [patch] = [request for request in api.requests if request.method == "PATCH"]
    assert (patch.path, patch.json) == (f"{PATH}/i-1", {"intendedState": "ENABLED"})
    assert not api.answers


def test_a_lasting_error_ends_the_wait(integrations: Integrations, api: Api, clock: Clock) -> None:
    detail = {"message": "No such account."}
    failed = entity() | {"reportedState": {"code": "ERROR", "detail": detail}}
    api.script(*[Answer(200, failed)] * 20)
    with pytest.raises(NotAsSpecified, match=r"ERROR \(No such account\.\)"):
        integrations.switch_on("i-1", SPEC, clock.deadline(60))
    assert 1 < clock.now < 10


@pytest.mark.parametrize("code", ["INACTIVE", "ERROR", "ACTIVE"])
def test_removing_an_inactive_integration_deletes_it_and_waits_for_the_deletion(
    integrations: Integrations, api: Api, code: str
) -> None:
    before = Answer(200, entity(intended="DISABLED", code=code))
    off = Answer(200, entity(intended="DISABLED", code="INACTIVE"))
    api.script(before, off, Answer(204), off, GONE)
    integrations.remove("i-1")
    assert [method for method, _ in sent_requests(api)] == ["GET", "GET", "DELETE", "GET", "GET"]


def test_removing_an_active_integration_waits_until_it_is_inactive(
    integrations: Integrations, api: Api
) -> None:
    api.script(
        Answer(200, entity()),
        Answer(200, {}),
        Answer(200, entity(intended="DISABLED", code="DEACTIVATING")),
        Answer(200, entity(intended="DISABLED", code="INACTIVE")),
        Answer(202),
        GONE,
    )
    integrations.remove("i-1")
    methods = [method for method, _ in sent_requests(api)]
    assert methods == ["GET", "PATCH", "GET", "GET", "DELETE", "GET"]
    assert api.requests[1].json == {"intendedState": "DISABLED"}


def test_an_integration_that_remains_after_its_deletion_is_an_error_at_the_deadline(
    integrations: Integrations, api: Api, clock: Clock
) -> None:
    off = Answer(200, entity(intended="DISABLED", code="INACTIVE"))
    api.script(off, off, Answer(204), *[off] * 100)
    with pytest.raises(NotDeleted, match="still shows the integration i-1"):
        integrations.remove("i-1")
    assert 90 < clock.now < 100


def test_the_id_of_the_org_is_read(integrations: Integrations, api: Api) -> None:
    api.script(Answer(200, {"id": "org-1", "name": "Example"}))
    assert integrations.read_organization_id() == "org-1"
    assert sent_requests(api) == [("GET", ORGANIZATION_PATH)]


@pytest.mark.parametrize("answer", [None, [], {}, {"id": ""}, {"id": 7}])
def test_an_org_without_an_id_is_an_error(
    integrations: Integrations, api: Api, answer: object
) -> None:
    api.script(Answer(200, answer))
    with pytest.raises(GenesysError, match=f"GET {ORGANIZATION_PATH} .*: the response has "):
        integrations.read_organization_id()


@pytest.mark.parametrize("read", ["get", "read_configuration"])
def test_a_response_that_is_no_object_is_an_error(
    integrations: Integrations, api: Api, read: str
) -> None:
    api.script(Answer(200, []))
    with pytest.raises(
        GenesysError, match="the response has another form: expected object, got array"
    ):
        getattr(integrations, read)("i-1")
