"""The stand-in's Integrations API, and the events of integrations."""

import math
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from local.genesys.integrations import INTEGRATIONS, PERMISSIONS, SOURCE_TYPE
from local.genesys.stand_in import GenesysCloud
from tests.fakes.clock import Clock
from tests.unit.local.genesys.conftest import Api

TOPIC = "v2.detail.events.conversation.{id}."
PROPERTIES = {
    "awsAccountId": "111122223333",
    "awsAccountRegion": "us-east-1",
    "eventSourceSuffix": "QueueEnds-dev",
    "eventFilter": [f"{TOPIC}customer.end", f"{TOPIC}acd.end"],
}
Delivered = list[tuple[str, str, str, Sequence[Any]]]


@pytest.fixture
def delivered() -> Delivered:
    """A list for the source, account, region and events of each call of the sender."""
    return []


@pytest.fixture
def genesys(clock: Clock, delivered: Delivered) -> Iterator[GenesysCloud]:
    """Run the stand-in; every event matches a rule, and states take no time."""

    def send(source: str, account: str, region: str, events: Sequence[Any]) -> list[list[str]]:
        delivered.append((source, account, region, events))
        return [["rule"] for _ in events]

    with GenesysCloud(send_partner_events=send, clock=clock) as running:
        running.integrations.state_seconds = 0
        yield running


def call(api: Api, method: str, path: str = "", **options: Any) -> Any:
    return api.call(method, INTEGRATIONS + path, **options)


def create(api: Api, name: str = "queue-ends-dev") -> str:
    """Make an integration and return its id."""
    answer = call(api, "POST", json={"name": name, "integrationType": {"id": SOURCE_TYPE}})
    assert answer.status_code == 200, answer.text
    made: str = answer.json()["id"]
    return made


def configure(api: Api, made: str, version: int = 1, **changes: Any) -> Any:
    body = {
        "name": "queue-ends-dev",
        "version": version,
        "properties": {**PROPERTIES, **changes},
        "advanced": {},
        "notes": "made by a test",
        "credentials": {},
    }
    return call(api, "PUT", f"/{made}/config/current", json=body)


def intend(api: Api, made: str, state: str) -> Any:
    return call(api, "PATCH", f"/{made}", json={"intendedState": state})


def state_of(api: Api, made: str) -> str:
    code: str = call(api, "GET", f"/{made}").json()["reportedState"]["code"]
    return code


def active(api: Api) -> str:
    """Make an active integration and return its id."""
    made = create(api)
    assert configure(api, made).ok
    assert intend(api, made, "ENABLED").ok
    return made


def event(topic: str) -> dict[str, Any]:
    return {"detail-type": TOPIC + topic, "detail": {"eventBody": {"conversationId": "c"}}}


def test_an_integration_can_be_made_configured_enabled_disabled_and_deleted(api: Api) -> None:
    made = create(api)
    assert call(api, "GET", f"/{made}").json()["intendedState"] == "DISABLED"
    assert call(api, "GET", f"/{made}/config/current").json()["properties"] == {}
    assert configure(api, made).json()["properties"] == PROPERTIES

    assert intend(api, made, "ENABLED").status_code == 200
    assert state_of(api, made) == "ACTIVE"
    assert intend(api, made, "DISABLED").status_code == 200
    assert state_of(api, made) == "INACTIVE"

    assert call(api, "DELETE", f"/{made}").status_code == 200
    assert call(api, "GET", f"/{made}").status_code == 404


def test_lists_come_in_pages_and_show_configurations_only_when_asked(
    genesys: GenesysCloud, api: Api
) -> None:
    for number in range(5):
        genesys.integrations.seed(f"foreign-{number}")

    pages = [
        call(api, "GET", f"?pageSize=2&pageNumber={number}&expand=config.current").json()
        for number in (1, 2, 3)
    ]

    entities = [one for page in pages for one in page["entities"]]
    assert [one["name"] for one in entities] == [f"foreign-{number}" for number in range(5)]
    suffixes = [one["config"]["current"]["properties"]["eventSourceSuffix"] for one in entities]
    assert suffixes == [one["name"] for one in entities]
    assert all("config" not in one for one in call(api, "GET").json()["entities"])


def test_several_integrations_may_share_a_name(api: Api) -> None:
    assert create(api) != create(api)


def test_a_configuration_is_replaced_only_with_its_present_version(api: Api) -> None:
    made = create(api)
    assert configure(api, made, version=1).json()["version"] == 2

    stale = configure(api, made, version=1, eventSourceSuffix="other")

    assert stale.status_code == 409
    current = call(api, "GET", f"/{made}/config/current").json()
    assert (current["version"], current["properties"]) == (2, PROPERTIES)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("awsAccountId", "1234"),
        ("awsAccountId", None),
        ("awsAccountRegion", "here"),
        ("eventSourceSuffix", "a b"),
        ("eventSourceSuffix", "x" * 65),
        ("eventFilter", []),
        ("eventFilter", "customer.end"),
        ("eventFilter", [f"{TOPIC}customer.end", "v2.users.{id}"]),
    ],
)
def test_a_bad_configuration_is_refused(api: Api, field: str, value: Any) -> None:
    made = create(api)

    assert configure(api, made, **{field: value}).status_code == 400
    assert call(api, "GET", f"/{made}/config/current").json()["version"] == 1


def test_an_integration_without_configuration_cannot_be_enabled(api: Api) -> None:
    made = create(api)
    assert intend(api, made, "ENABLED").status_code == 400
    assert state_of(api, made) == "INACTIVE"


def test_an_integration_that_is_enabled_cannot_be_deleted(api: Api) -> None:
    made = active(api)
    assert call(api, "DELETE", f"/{made}").status_code == 400
    assert state_of(api, made) == "ACTIVE"


def test_an_integration_that_is_not_inactive_yet_cannot_be_deleted(
    genesys: GenesysCloud, api: Api, clock: Clock
) -> None:
    made = active(api)
    genesys.integrations.state_seconds = 2
    intend(api, made, "DISABLED")
    assert call(api, "DELETE", f"/{made}").status_code == 409
    clock.now += 2
    assert call(api, "DELETE", f"/{made}").status_code == 200


def test_an_integration_that_is_being_deleted_cannot_be_switched_on(
    genesys: GenesysCloud, api: Api
) -> None:
    made = create(api)
    configure(api, made)
    genesys.integrations.state_seconds = 2
    call(api, "DELETE", f"/{made}")
    assert intend(api, made, "ENABLED").status_code == 400


def test_a_new_configuration_may_switch_it_off(genesys: GenesysCloud, api: Api) -> None:
    genesys.integrations.configuring_switches_off = True
    made = active(api)
    configure(api, made, version=2)
    assert call(api, "GET", f"/{made}").json()["intendedState"] == "DISABLED"
    assert state_of(api, made) == "INACTIVE"


def test_lists_need_not_show_configurations(genesys: GenesysCloud, api: Api) -> None:
    genesys.integrations.expands = False
    create(api)
    (shown,) = call(api, "GET", "?expand=config.current").json()["entities"]
    assert "config" not in shown


def test_lists_can_show_a_new_integration_late(
    genesys: GenesysCloud, api: Api, clock: Clock
) -> None:
    genesys.integrations.visible_after = 2
    create(api)
    assert call(api, "GET").json()["total"] == 0
    clock.now += 2
    assert call(api, "GET").json()["total"] == 1


def test_a_source_is_made_by_an_active_integration_and_removed_with_the_last_one(
    genesys: GenesysCloud, api: Api
) -> None:
    calls: list[str] = []
    genesys.integrations.on_source_created = lambda suffix: calls.append(f"made {suffix}")
    genesys.integrations.on_source_deleted = lambda suffix: calls.append(f"gone {suffix}")

    first, second = active(api), active(api)
    for one in (first, second):
        calls.append(one)
        intend(api, one, "DISABLED")
        call(api, "DELETE", f"/{one}")

    assert calls == [
        "made QueueEnds-dev",
        "made QueueEnds-dev",
        first,
        second,
        "gone QueueEnds-dev",
    ]


def test_an_integration_that_a_test_removes_is_gone(
    genesys: GenesysCloud, api: Api, clock: Clock, delivered: Delivered
) -> None:
    made = active(api)
    genesys.integrations.state_seconds = 2
    intend(api, made, "DISABLED")
    genesys.integrations.clear()
    clock.now += 2
    assert call(api, "GET", f"/{made}").status_code == 404
    assert genesys.publish_partner_events([event("acd.end")]) == [[]]


def test_states_take_their_time(genesys: GenesysCloud, api: Api, clock: Clock) -> None:
    genesys.integrations.state_seconds = 2
    made = active(api)
    assert state_of(api, made) == "ACTIVATING"
    clock.now += 2
    assert state_of(api, made) == "ACTIVE"

    intend(api, made, "DISABLED")
    assert state_of(api, made) == "DEACTIVATING"
    clock.now += 2
    assert state_of(api, made) == "INACTIVE"

    call(api, "DELETE", f"/{made}")
    assert call(api, "GET", f"/{made}").json()["intendedState"] == "DELETED"
    clock.now += 2
    assert call(api, "GET", f"/{made}").status_code == 404


def test_a_state_may_last_for_ever(genesys: GenesysCloud, api: Api, clock: Clock) -> None:
    genesys.integrations.state_seconds = math.inf
    made = active(api)
    clock.now += 80_000
    assert state_of(api, made) == "ACTIVATING"


def test_an_integration_can_enter_an_error_with_its_detail(
    genesys: GenesysCloud, api: Api, delivered: Delivered
) -> None:
    genesys.integrations.error = "The AWS account does not exist."
    made = active(api)

    reported = call(api, "GET", f"/{made}").json()["reportedState"]
    assert reported["code"] == "ERROR"
    assert reported["detail"]["message"] == "The AWS account does not exist."
    assert genesys.publish_partner_events([event("acd.end")]) == [[]]
    assert delivered == []

    assert intend(api, made, "DISABLED").ok
    assert call(api, "DELETE", f"/{made}").ok


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE"])
def test_the_role_needs_the_permission_for_each_method(
    genesys: GenesysCloud, api: Api, method: str
) -> None:
    made = create(api)
    genesys.integrations.permissions = {*PERMISSIONS.values()} - {PERMISSIONS[method]}
    path = {"POST": "", "PUT": f"/{made}/config/current"}.get(method, f"/{made}")

    answer = call(api, method, path, json={})

    assert answer.status_code == 403
    assert PERMISSIONS[method] in answer.json()["message"]


def test_an_org_may_lack_the_type(genesys: GenesysCloud, api: Api) -> None:
    genesys.integrations.types = ()
    answer = call(api, "POST", json={"name": "x", "integrationType": {"id": SOURCE_TYPE}})
    assert answer.status_code == 400
    assert SOURCE_TYPE in answer.json()["message"]


def test_unknown_integrations_paths_and_methods_are_refused(api: Api) -> None:
    made = create(api)
    assert call(api, "GET", "/unknown").status_code == 404
    assert call(api, "GET", f"/{made}/config").status_code == 404
    assert call(api, "DELETE").status_code == 405
    assert call(api, "PATCH", f"/{made}/config/current").status_code == 405


def test_integrations_need_a_login_and_no_scope(genesys: GenesysCloud, stranger: Api) -> None:
    assert call(stranger, "GET").status_code == 401
    genesys.scopes = ()
    assert stranger.login().ok
    assert call(stranger, "GET").status_code == 200


def test_the_api_answers_the_id_of_the_org(genesys: GenesysCloud, api: Api) -> None:
    assert api.call("GET", "/api/v2/organizations/me").json()["id"] == genesys.id
    assert api.call("POST", "/api/v2/organizations/me").status_code == 405


def test_events_of_its_topics_go_to_its_partner_event_source(
    genesys: GenesysCloud, api: Api, delivered: Delivered
) -> None:
    active(api)
    events = [event("customer.start"), event("acd.end"), event("customer.end")]

    assert genesys.publish_partner_events(events) == [[], ["rule"], ["rule"]]

    source = f"aws.partner/genesys.com/cloud/{genesys.id}/QueueEnds-dev"
    where = {"source": source, "account": "111122223333", "region": "us-east-1"}
    assert delivered == [
        (source, "111122223333", "us-east-1", [{**one, **where} for one in events[1:]])
    ]


def test_every_active_integration_gets_the_events_of_its_own_topics(
    genesys: GenesysCloud, api: Api, delivered: Delivered
) -> None:
    active(api)
    genesys.integrations.seed("reporting")

    matched = genesys.publish_partner_events([event("customer.end"), event("acd.end")])

    assert matched == [["rule", "rule"], ["rule"]]
    assert [(account, len(events)) for _, account, _, events in delivered] == [
        ("111122223333", 2),
        ("999999999999", 1),
    ]


def test_an_integration_that_is_not_active_gets_no_events(
    genesys: GenesysCloud, api: Api, clock: Clock
) -> None:
    genesys.integrations.state_seconds = 2
    made = active(api)
    assert genesys.publish_partner_events([event("acd.end")]) == [[]]
    clock.now += 2
    assert genesys.publish_partner_events([event("acd.end")]) == [["rule"]]

    intend(api, made, "DISABLED")
    clock.now += 2
    assert genesys.publish_partner_events([event("acd.end")]) == [[]]


def test_other_topics_take_effect_once_it_is_active_again(
    genesys: GenesysCloud, api: Api, clock: Clock
) -> None:
    made = active(api)
    genesys.integrations.state_seconds = 2
    configure(api, made, version=2, eventFilter=[f"{TOPIC}user.end"])

    assert state_of(api, made) == "ACTIVATING"
    events = [event("acd.end"), event("user.end")]
    assert genesys.publish_partner_events(events) == [["rule"], []]
    clock.now += 2
    assert genesys.publish_partner_events(events) == [[], ["rule"]]
