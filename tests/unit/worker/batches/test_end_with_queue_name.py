"""An end has its queue's name: from its event, else from the worker's environment."""

import pytest

from conversations.end import ConversationEnd
from tests.bodies import QUEUE, having
from tests.bodies import end as subscription_end
from tests.fakes.aws.dynamodb import FakeDynamoDb
from tests.fakes.aws.sqs_event import records
from tests.fakes.clock import Clock
from tests.fakes.entry_points import WORKER, imported_anew
from tests.fakes.partner_worker import DelayingSqs
from tests.partner_events import event

NAMES = "Support EMEA\nBilling"
UNNAMED = having("attributes", "queue", value={"id": QUEUE})
LEG = event("user.end", QUEUE, conversation_id="c-2", interactingDurationMs=5)


class Worker:
    """A worker with some environment variables, and the `ends` that it has delivered."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, **variables: str) -> None:
        self.ends: list[ConversationEnd] = []
        self.sqs = DelayingSqs()
        monkeypatch.setattr("destinations.actions.on_conversation_end", self.ends.append)
        monkeypatch.delenv("QUEUE_NAMES", raising=False)
        clients = {"sqs": self.sqs, "dynamodb": FakeDynamoDb()}
        self._module = imported_anew("worker", clients, WORKER | variables, monkeypatch)

    def process(self, *bodies: str) -> list[ConversationEnd]:
        """Process a batch and return all ends so far."""
        response = self._module.handler({"Records": records(*bodies)}, Clock().invocation(30))
        assert response == {"batchItemFailures": []}
        return self.ends


@pytest.mark.parametrize(
    ("delivery", "body"),
    [("subscription", UNNAMED), ("eventbridge", UNNAMED), ("eventbridge", LEG)],
    ids=["subscription", "left from the subscription", "partner event"],
)
def test_an_end_without_a_name_gets_the_name_that_the_deploy_looked_up(
    monkeypatch: pytest.MonkeyPatch, delivery: str, body: str
) -> None:
    variables = {"DELIVERY": delivery, "END_RULE": "queue_leg", "QUEUE_NAMES": NAMES}
    (end,) = Worker(monkeypatch, **variables).process(body)
    assert (end.queue_id, end.queue_name) == (QUEUE, "Support EMEA")


@pytest.mark.parametrize("rule", ["touched", "last_queue"])
def test_an_end_that_an_end_rule_decides_gets_its_queues_name(
    monkeypatch: pytest.MonkeyPatch, rule: str
) -> None:
    variables = {"DELIVERY": "eventbridge", "END_RULE": rule, "SETTLE_SECONDS": "60"}
    worker = Worker(monkeypatch, QUEUE_NAMES=NAMES, **variables)
    worker.process(event("acd.start", "second-queue", after=-60), event("customer.end"))
    settling = [entry["MessageBody"] for entry in worker.sqs.delayed]
    assert len(settling) == (rule == "last_queue")
    (end,) = worker.process(*settling) if settling else worker.ends
    assert (end.queue_id, end.queue_name) == ("second-queue", "Billing")


def test_the_name_in_an_event_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    (end,) = Worker(monkeypatch, QUEUE_NAMES=NAMES).process(subscription_end(name="Renamed today"))
    assert end.queue_name == "Renamed today"


@pytest.mark.parametrize(
    "variables",
    [{}, {"QUEUE_NAMES": " "}, {"QUEUE_NAMES": "\nBilling"}, {"QUEUE_NAMES": "only one line"}],
    ids=["absent", "blank", "unknown", "another number of names"],
)
def test_without_a_known_name_an_end_has_none(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str]
) -> None:
    (end,) = Worker(monkeypatch, **variables).process(UNNAMED)
    assert end.queue_name is None


def test_the_blank_names_of_a_single_queue_are_no_name(monkeypatch: pytest.MonkeyPatch) -> None:
    (end,) = Worker(monkeypatch, QUEUE_IDS=QUEUE, QUEUE_NAMES=" ").process(UNNAMED)
    assert end.queue_name is None
