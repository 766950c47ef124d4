"""`queue-ends send`: a test end, and its outcome."""

import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from conversations.parsed import Accepted
from conversations.subscription_event import parse_subscription_event
from ops.ends.example_end import make_bodies
from tests.fakes.partner_worker import PartnerWorker
from tests.unit.ops.conftest import Ops
from tests.unit.ops.deployed_stack import (
    INTAKE,
    QUEUES,
    WORKER_LOG,
    DeployedStack,
    warning_line,
)


@pytest.fixture(autouse=True)
def now(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Let time pass only in pauses; return the time as a list of one number."""
    now = [0.0]

    def sleep(seconds: float) -> None:
        now[0] += seconds

    monkeypatch.setattr(time, "sleep", sleep)
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    return now


def end_of(body: str) -> tuple[str, str]:
    attributes = json.loads(body)["attributes"]
    return attributes["conversationId"], attributes["queueId"]


def on_send(stack: DeployedStack, react: Callable[[str, str, str], object]) -> None:
    """Let something happen when the end is sent: with message, conversation and queue id."""
    stack.sqs.on_send = lambda message_id, body: react(message_id, *end_of(body))


def test_an_end_that_every_destination_gets_is_processed(ops: Ops, stack: DeployedStack) -> None:
    on_send(stack, lambda _, conversation, queue: stack.dynamodb.put_end(conversation, queue))

    result = ops.run_json("send", "--yes")

    assert (result["outcome"], result["delivered"]) == ("processed", ["actions", "bus"])
    assert result["queue_id"] == QUEUES[0]
    assert result["message_ids"] == ["message-1"]
    assert ops.run("send", "--yes").exit_code == 0


def test_an_end_can_be_sent_for_another_queue_of_the_stack(ops: Ops, stack: DeployedStack) -> None:
    on_send(stack, lambda _, conversation, queue: stack.dynamodb.put_end(conversation, queue))

    assert ops.run("send", "--yes", "--queue", QUEUES[1]).exit_code == 0

    (message,) = stack.sqs.queues[INTAKE]
    assert end_of(message.body)[1] == QUEUES[1]


def test_a_queue_that_is_not_the_stacks_is_refused(ops: Ops, stack: DeployedStack) -> None:
    result = ops.run("send", "--yes", "--queue", "Sales")

    assert result.exit_code == 2
    assert QUEUES[1] in result.output
    assert stack.sqs.queues[INTAKE] == []


def test_nothing_is_sent_without_a_confirmation(ops: Ops, stack: DeployedStack) -> None:
    result = ops.run("send")

    assert result.exit_code == 2
    assert "to actions and bus" in result.output
    assert stack.sqs.queues[INTAKE] == []


@pytest.mark.parametrize(
    ("outcome", "text"), [("failed", "It comes back"), ("rejected", "queue-ends dlq ls")]
)
def test_an_end_that_fails_or_is_rejected_is_a_problem_with_its_reason(
    ops: Ops, stack: DeployedStack, outcome: str, text: str
) -> None:
    def react(message_id: str, conversation: str, queue: str) -> None:
        stack.dynamodb.put_end(conversation, queue, state="claimed", delivered=["bus"])
        stack.logs.write(WORKER_LOG, warning_line("another", "rejected", "not_json"))
        line = warning_line(message_id, outcome, "destination", "actions: ValueError")
        stack.logs.write(WORKER_LOG, line)

    on_send(stack, react)

    result = ops.run("send", "--yes")

    assert result.exit_code == 1
    assert "destination: actions: ValueError" in result.stdout
    assert text in result.stdout
    assert ops.run_json("send", "--yes")["outcome"] == outcome


def test_an_end_without_an_outcome_is_waited_for_until_the_timeout(
    ops: Ops, stack: DeployedStack, now: list[float]
) -> None:
    result = ops.run("send", "--yes", "--timeout", "20")

    assert result.exit_code == 1
    assert "No outcome within 20 s." in result.stdout
    assert "queue-ends find" in result.stdout
    assert now == [20.0]


def test_an_end_that_waits_for_details_says_for_how_long(
    ops: Ops, stack: DeployedStack, monkeypatch: pytest.MonkeyPatch, now: list[float]
) -> None:
    details = {"DETAILS": "analytics", "DETAILS_WAIT_SECONDS": "60", "DETAILS_ATTEMPTS": "3"}
    stack.functions.variables |= details
    sent: list[tuple[str, str]] = []

    def react(_: str, conversation: str, queue: str) -> None:
        sent.append((conversation, queue))
        changes = {"state": "claimed", "delivered": [], "details_attempts": 1}
        stack.dynamodb.put_end(conversation, queue, **changes)

    def sleep(seconds: float) -> None:
        now[0] += seconds
        if now[0] == 120:
            stack.dynamodb.items.clear()
            stack.dynamodb.put_end(*sent[-1], details_attempts=2)

    on_send(stack, react)
    monkeypatch.setattr(time, "sleep", sleep)

    result = ops.run("send", "--yes", "--timeout", "180")

    assert result.exit_code == 0
    assert result.output.count("It waits for its details.") == 1
    assert "after about 2 min" in " ".join(result.output.split())
    now[0] = 0
    assert "It waits for its details." in ops.run("send", "--yes", "--timeout", "9").stdout


def test_the_event_of_the_subscription_is_an_end_in_the_queue() -> None:
    (body,) = make_bodies({}, "a-conversation", QUEUES[0])

    accepted = parse_subscription_event(body, 0, QUEUES)

    assert isinstance(accepted, Accepted)
    assert accepted.has_own_time
    end = accepted.end
    assert (end.conversation_id, end.queue_id) == ("a-conversation", QUEUES[0])
    assert (end.media_type, end.direction, end.disconnect_type) == ("VOICE", "INBOUND", "ENDPOINT")


@pytest.mark.parametrize("rule", ["touched", "last_queue", "queue_leg"])
def test_the_partner_events_make_one_end_under_every_rule(rule: str) -> None:
    worker = PartnerWorker(rule, queue_ids=QUEUES)
    variables = {"DELIVERY": "eventbridge", "END_RULE": rule}

    for body in make_bodies(variables, "a-conversation", QUEUES[0]):
        worker.process(body)
    worker.settle()

    assert [end[:2] for end in worker.delivered_ends()] == [("a-conversation", QUEUES[0])]


def test_a_test_end_holds_no_personal_data() -> None:
    for variables in ({}, {"DELIVERY": "eventbridge"}):
        for body in make_bodies(variables, "a-conversation", QUEUES[0]):
            assert not {"name", "ani", "dnis", "address"} & keys_in(json.loads(body))


def keys_in(value: Any) -> set[str]:
    """Return the keys of all objects, except the names of metrics."""
    match value:
        case dict():
            nested = [keys_in(each) for key, each in value.items() if key != "metrics"]
            return set(value).union(*nested)
        case list():
            return set().union(*map(keys_in, value))
    return set()
