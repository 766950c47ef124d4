"""The official Genesys Cloud SDK has the paths, fields and words that we and the stand-in use."""

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
from genesys.errors import GenesysError
from genesys.integration_spec import AwsTarget, IntegrationSpec
from genesys.integrations import DELETED, DISABLED, ENABLED, Integrations
from genesys.queues import PATH as QUEUES_PATH
from genesys.queues import PERMISSION as QUEUES_PERMISSION
from genesys.queues import find_queues, find_similar_queues
from local.genesys.stand_in import GenesysCloud
from local.http.messages import Answer, Request
from local.traffic.eventbridge import STORIES, partner_conversations
from local.traffic.subscription import OUR_QUEUES
from ops.doctor.deliveries import DELIVERIES
from tests.fakes.clock import Clock
from tests.genesys_sdk import SDK, fields, mistakes, operation, operations, values
from tests.worked_examples import examples

SAMPLES = Path(__file__).parents[2] / "data"
# The SDK's model of each topic's events. The SDK does not map topics to models.
MODELS = {
    "acd.start": "AcdStartDetailEventTopicAcdStartEvent",
    "acd.end": "AcdEndDetailEventTopicAcdEndEvent",
    "user.start": "UserStartDetailEventTopicUserStartEvent",
    "user.end": "UserEndDetailEventTopicUserEndEvent",
    "acw": "AcwDetailEventTopicAfterCallWorkEvent",
    "wrapup": "WrapupDetailEventTopicWrapupEvent",
    "customer.end": "CustomerEndDetailEventTopicCustomerEndEvent",
}
# Topics whose events have no queue id: therefore an end needs a history.
NO_QUEUE = {
    "customer.end": MODELS["customer.end"],
    "customer.start": "CustomerStartDetailEventTopicCustomerStartEvent",
    "flow.start": "FlowStartDetailEventTopicFlowStartEvent",
    "flow.end": "FlowEndDetailEventTopicFlowEndEvent",
}
ENDINGS = ("acd.end", "user.end", "customer.end")


@dataclass(frozen=True, slots=True)
class Exchange:
    """A request of ours, and the stand-in's response."""

    request: Request
    answer: Answer

    @property
    def name(self) -> str:
        return f"{self.request.method} {self.request.path}"


class RecordingGenesysCloud(GenesysCloud):
    """The stand-in, which records every exchange."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock=clock)
        self.exchanges: list[Exchange] = []

    def carry_out(self, operation: str, request: Request) -> Answer:
        answer = super().carry_out(operation, request)
        self.exchanges.append(Exchange(request, answer))
        return answer


def make_spec(*topics: str) -> IntegrationSpec:
    """Return the specification of an integration with these topics."""
    target = AwsTarget("111122223333", "eu-west-1", "QueueEnds-dev")
    templates = tuple(TOPIC_PREFIX + topic for topic in topics)
    return IntegrationSpec("queue-ends-dev", "Made by a test.", target, templates)


@pytest.fixture(scope="module")
def exchanges() -> list[Exchange]:
    """The exchanges in the life of an integration, of the lookup of queues, and of the doctor."""
    clock = Clock()
    with RecordingGenesysCloud(clock) as genesys:
        credentials = Credentials(genesys.client_id, genesys.client_secret)
        client = GenesysClient(genesys.url, genesys.url, credentials, clock.deadline(200), clock)
        integrations = Integrations(client)
        integrations.read_organization_id()
        first, second = make_spec("acd.end", "customer.end"), make_spec("acd.end", "user.end")
        integration_id = integrations.create(first, list)
        integrations.write_notes(integration_id, first)
        assert genesys.integrations[integration_id]["notes"] == first.notes
        for spec in (first, second):
            integrations.configure(integration_id, spec, lambda _: None)
            integrations.switch_on(integration_id, spec, clock.deadline(30))
        assert [found.target for found in integrations.find_by_name(first.name)] == [first.target]
        integrations.remove(integration_id)
        assert integrations.find_by_name(first.name) == []
        assert len(find_queues(client, OUR_QUEUES)) == len(OUR_QUEUES)
        assert find_similar_queues(client, ["Suport"])["Suport"]
        doctor = DELIVERIES["eventbridge"]
        assert doctor.is_offered(client)
        assert doctor.missing_permissions(client) == []
        genesys.queues.permissions = ()
        with pytest.raises(GenesysError, match=QUEUES_PERMISSION):
            find_queues(client, OUR_QUEUES)
        return [
            exchange for exchange in genesys.exchanges if exchange.request.path.startswith("/api/")
        ]


def test_every_request_that_we_send_exists(exchanges: list[Exchange]) -> None:
    sdk_operations = {
        exchange.name: operation(exchange.request.method, exchange.request.path)
        for exchange in exchanges
    }
    assert {name.partition(" ")[0] for name in sdk_operations} == {
        "GET",
        "POST",
        "PUT",
        "PATCH",
        "DELETE",
    }
    assert [name for name, found in sdk_operations.items() if found is None] == []


def test_every_query_parameter_that_we_send_exists(exchanges: list[Exchange]) -> None:
    for exchange in exchanges:
        found = operation(exchange.request.method, exchange.request.path)
        assert found
        assert found.query >= set(exchange.request.query), exchange.name
    assert any(exchange.request.query for exchange in exchanges)


def test_every_body_that_we_send_matches_its_model(exchanges: list[Exchange]) -> None:
    sent = [exchange for exchange in exchanges if exchange.request.body]
    assert {exchange.request.method for exchange in sent} == {"POST", "PUT", "PATCH"}
    for exchange in sent:
        found = operation(exchange.request.method, exchange.request.path)
        assert found
        assert found.asked, exchange.name
        assert mistakes(found.asked, json.loads(exchange.request.body)) == [], exchange.name


def test_every_response_of_the_stand_in_matches_its_model(exchanges: list[Exchange]) -> None:
    with_body = [exchange for exchange in exchanges if exchange.answer.body is not None]
    assert len(with_body) > len(exchanges) // 2
    for exchange in with_body:
        found = operation(exchange.request.method, exchange.request.path)
        assert found
        model = found.answered if exchange.answer.status < 400 else "ErrorBody"
        assert model, exchange.name
        assert mistakes(model, exchange.answer.body) == [], exchange.name


def test_a_queue_has_the_fields_that_we_read() -> None:
    found = operation("GET", QUEUES_PATH)
    assert found
    assert found.answered == "QueueEntityListing"
    assert {"entities", "pageCount"} <= fields("QueueEntityListing")
    assert {"id", "name"} <= fields("Queue")


def test_several_ids_of_queues_are_sent_as_the_sdk_sends_a_list(exchanges: list[Exchange]) -> None:
    (first, *_) = (e.request for e in exchanges if e.request.path == QUEUES_PATH)
    source = (SDK / "api_client.py").read_text(encoding="utf-8")
    assert "return ','.join(obj)" in source
    assert first.query["id"] == ",".join(OUR_QUEUES)


def test_a_configuration_is_sent_with_the_version_that_was_read(exchanges: list[Exchange]) -> None:
    versions = [
        json.loads(exchange.request.body)["version"]
        for exchange in exchanges
        if exchange.request.method == "PUT"
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
    keys = {"localizableMessageCode", "message", "messageWithParams"}
    assert keys <= fields("MessageInfo")


def test_the_api_has_no_event_subscriptions() -> None:
    assert len(operations()) > 3000
    found = [path for path, _ in operations() if path.startswith(subscriptions.PATH)]
    assert found == [], "docs/genesys.md and README.md say that there are none"


def samples() -> dict[str, Any]:
    """Return the sample events by file name."""
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
        # The code recognizes a transfer by the suffix of the word: no transfer may lack it.
        words = values(MODELS[topic], "disconnectType")
        transfers = [word for word in words if "TRANSFER" in word]
        assert len(transfers) > 1
        assert all(word.endswith("TRANSFER") for word in transfers)


def test_the_oracle_reports_unknown_names() -> None:
    invalid = {"nam": "x", "notes": 1, "intendedState": "ON", "reportedState": {"code": "UP"}}
    assert mistakes("Integration", invalid) == [
        "nam: Integration has no such field",
        "notes: 1 is no str",
        "intendedState: Integration has no 'ON' there",
        "reportedState.code: IntegrationStatusInfo has no 'UP' there",
    ]
    assert operation("PATCH", "/api/v2/integrations/id/config/current") is None
