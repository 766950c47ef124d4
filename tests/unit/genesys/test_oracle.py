"""What we send, read and stand in for exists in the official Genesys Cloud SDK, as we spell it."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from conversations.topics import CUSTOMER_END, QUEUE_TOPICS, TOPIC_PREFIX
from genesys import subscriptions
from genesys.client import GenesysClient
from genesys.credentials import Credentials
from genesys.integration_spec import AwsTarget, IntegrationSpec
from genesys.integrations import DELETED, DISABLED, ENABLED, Integrations
from local.genesys.stand_in import GenesysCloud
from local.http.messages import Answer, Request
from local.traffic.eventbridge import STORIES, partner_conversations
from tests.fakes.clock import Clock
from tests.genesys_sdk import fields, mistakes, operation, operations, values
from tests.worked_examples import examples

SAMPLES = Path(__file__).parents[2] / "data"
# The model of each topic's events; the SDK does not say which is whose.
MODELS = {
    "acd.start": "AcdStartDetailEventTopicAcdStartEvent",
    "acd.end": "AcdEndDetailEventTopicAcdEndEvent",
    "user.start": "UserStartDetailEventTopicUserStartEvent",
    "user.end": "UserEndDetailEventTopicUserEndEvent",
    "acw": "AcwDetailEventTopicAfterCallWorkEvent",
    "wrapup": "WrapupDetailEventTopicWrapupEvent",
    "customer.end": "CustomerEndDetailEventTopicCustomerEndEvent",
}
# Topics whose events have no queue id, so that no rule of ours can go without a join.
NO_QUEUE = {
    "customer.end": MODELS["customer.end"],
    "customer.start": "CustomerStartDetailEventTopicCustomerStartEvent",
    "flow.start": "FlowStartDetailEventTopicFlowStartEvent",
    "flow.end": "FlowEndDetailEventTopicFlowEndEvent",
}
ENDINGS = ("acd.end", "user.end", "customer.end")


@dataclass(frozen=True, slots=True)
class Exchange:
    """A request of ours, and the stand-in's answer."""

    request: Request
    answer: Answer

    @property
    def name(self) -> str:
        return f"{self.request.method} {self.request.path}"


class Overheard(GenesysCloud):
    """The stand-in, with every exchange written down."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock=clock)
        self.exchanges: list[Exchange] = []

    def carry_out(self, operation: str, request: Request) -> Answer:
        answer = super().carry_out(operation, request)
        self.exchanges.append(Exchange(request, answer))
        return answer


def wanted(*topics: str) -> IntegrationSpec:
    """Return an integration that passes on the events of topics."""
    target = AwsTarget("111122223333", "eu-west-1", "QueueEnds-dev")
    templates = tuple(TOPIC_PREFIX + topic for topic in topics)
    return IntegrationSpec("queue-ends-dev", "Made by a test.", target, templates)


@pytest.fixture(scope="module")
def exchanges() -> list[Exchange]:
    """An integration made, configured, switched on, changed, found and removed."""
    clock = Clock()
    with Overheard(clock) as genesys:
        credentials = Credentials(genesys.client_id, genesys.client_secret)
        client = GenesysClient(genesys.url, genesys.url, credentials, clock.deadline(200), clock)
        integrations = Integrations(client)
        integrations.organization_id()
        first, second = wanted("acd.end", "customer.end"), wanted("acd.end", "user.end")
        made = integrations.create(first, list)
        for one in (first, second):
            integrations.configure(made, one, lambda _: None)
            integrations.switch_on(made, one, clock.deadline(30))
        assert [one.target for one in integrations.find_by_name(first.name)] == [first.target]
        integrations.remove(made)
        assert integrations.find_by_name(first.name) == []
        return [one for one in genesys.exchanges if one.request.path.startswith("/api/")]


def test_every_request_that_we_send_exists(exchanges: list[Exchange]) -> None:
    asked = {one.name: operation(one.request.method, one.request.path) for one in exchanges}
    assert {name.partition(" ")[0] for name in asked} == {"GET", "POST", "PUT", "PATCH", "DELETE"}
    assert [name for name, found in asked.items() if found is None] == []


def test_every_query_parameter_that_we_send_exists(exchanges: list[Exchange]) -> None:
    for one in exchanges:
        found = operation(one.request.method, one.request.path)
        assert found
        assert found.query >= set(one.request.query), one.name
    assert any(one.request.query for one in exchanges)


def test_every_body_that_we_send_matches_its_model(exchanges: list[Exchange]) -> None:
    sent = [one for one in exchanges if one.request.body]
    assert {one.request.method for one in sent} == {"POST", "PUT", "PATCH"}
    for one in sent:
        found = operation(one.request.method, one.request.path)
        assert found
        assert found.asked, one.name
        assert mistakes(found.asked, json.loads(one.request.body)) == [], one.name


def test_every_response_of_the_stand_in_matches_its_model(exchanges: list[Exchange]) -> None:
    given = [one for one in exchanges if one.answer.body is not None]
    assert len(given) > len(exchanges) // 2
    for one in given:
        found = operation(one.request.method, one.request.path)
        assert found
        model = found.answered if one.answer.status < 400 else "ErrorBody"
        assert model, one.name
        assert mistakes(model, one.answer.body) == [], one.name


def test_a_configuration_is_sent_with_the_version_that_was_read(exchanges: list[Exchange]) -> None:
    versions = [
        json.loads(one.request.body)["version"] for one in exchanges if one.request.method == "PUT"
    ]
    assert versions == [1, 2]


def test_the_api_has_the_integration_states_that_we_know() -> None:
    assert {ENABLED, DISABLED, DELETED} <= set(values("Integration", "intendedState"))
    assert values("IntegrationStatusInfo", "code") == [
        "ACTIVE",
        "ACTIVATING",
        "INACTIVE",
        "DEACTIVATING",
        "ERROR",
    ]
    said = {"localizableMessageCode", "message", "messageWithParams"}
    assert said <= fields("MessageInfo")


def test_the_api_has_no_event_subscriptions() -> None:
    assert len(operations()) > 3000
    found = [path for path, _ in operations() if path.startswith(subscriptions.PATH)]
    assert found == [], "docs/genesys.md and README.md say that there are none"


def samples() -> dict[str, Any]:
    """Return the sample events by the name of their file."""
    return {
        path.stem: json.loads(path.read_text(encoding="utf-8"))
        for path in sorted(SAMPLES.glob("eventbridge-*.json"))
    }


@pytest.mark.parametrize("name", samples())
def test_a_sample_event_matches_its_model(name: str) -> None:
    event = samples()[name]
    detail, topic = event["detail"], event["detail-type"].removeprefix(TOPIC_PREFIX)
    assert mistakes(MODELS[topic], detail["eventBody"]) == []
    sent_at = datetime.fromisoformat(detail["timestamp"])
    happened_at = datetime.fromtimestamp(detail["eventBody"]["eventTime"] / 1000, UTC)
    assert timedelta(0) < sent_at - happened_at < timedelta(minutes=1)


@pytest.mark.parametrize("name", examples())
def test_the_events_of_a_worked_example_match_their_models(name: str) -> None:
    for event in examples()[name]:
        assert mistakes(MODELS[event.topic], event.event_body()) == [], event


@pytest.mark.parametrize("story", STORIES)
def test_the_events_of_the_local_world_match_their_models(story: str) -> None:
    for conversation in partner_conversations(1, 20, stories=[story]):
        for event in conversation.events:
            topic = event["detail-type"].removeprefix(TOPIC_PREFIX)
            model = (MODELS | NO_QUEUE)[topic]
            assert mistakes(model, event["detail"]["eventBody"]) == [], topic


@pytest.mark.parametrize("topic", sorted({*QUEUE_TOPICS, CUSTOMER_END}))
def test_an_event_has_the_fields_that_we_read(topic: str) -> None:
    read = {"conversationId", "eventTime", "mediaType", "direction"}
    read |= {"queueId"} if topic in QUEUE_TOPICS else set()
    read |= {"disconnectType"} if topic in ENDINGS else set()
    read |= {"acdOutcome"} if topic == "acd.end" else set()
    read |= {"interactingDurationMs"} if topic == "user.end" else set()
    assert read <= fields(MODELS[topic])
    assert mistakes(MODELS[topic], {"eventTime": 1_795_428_000_000}) == []


@pytest.mark.parametrize("topic", NO_QUEUE)
def test_an_event_of_the_customer_or_a_flow_has_no_queue(topic: str) -> None:
    assert "queueId" not in fields(NO_QUEUE[topic])


def test_the_api_has_the_outcomes_and_transfers_that_we_distinguish() -> None:
    assert values(MODELS["acd.end"], "acdOutcome") == ["UNKNOWN", "ABANDON", "ANSWERED", "FLOW_OUT"]
    for topic in ENDINGS:
        # A transfer is told by how its word ends; none may speak of one and end otherwise.
        words = values(MODELS[topic], "disconnectType")
        transfers = [word for word in words if "TRANSFER" in word]
        assert len(transfers) > 1
        assert all(word.endswith("TRANSFER") for word in transfers)


def test_the_oracle_reports_unknown_names() -> None:
    wrong = {"nam": "x", "notes": 1, "intendedState": "ON", "reportedState": {"code": "UP"}}
    assert mistakes("Integration", wrong) == [
        "nam: Integration has no such field",
        "notes: 1 is no str",
        "intendedState: Integration has no 'ON' there",
        "reportedState.code: IntegrationStatusInfo has no 'UP' there",
    ]
    assert operation("PATCH", "/api/v2/integrations/id/config/current") is None
