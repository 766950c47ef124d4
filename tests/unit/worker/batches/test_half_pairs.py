"""Half a surrogate pair in an event arrives as U+FFFD, the same wherever the end goes."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from conversations.end_rules.registry import make_end_rule
from conversations.histories import Histories
from destinations.actions import on_conversation_end
from destinations.archive import Archive
from destinations.bus import Bus
from destinations.call_actions import Actions
from dynamodb.ledger_table import LedgerTable
from intake.delayed_ends import make_delayed_body, parse_delayed_body
from tests.bodies import ENDED, QUEUE, consumable
from tests.bodies import end as subscription_end
from tests.fakes.aws.dynamodb import TABLE
from tests.fakes.aws.eventbridge import BUS, FakeEventBridge
from tests.fakes.aws.firehose import STREAM, FakeFirehose
from tests.fakes.aws.sqs import FakeSqs
from tests.fakes.aws.sqs_event import records
from tests.fakes.batches import Batches, outcomes_of
from tests.fakes.clock import Clock
from tests.fakes.webhook_receiver import Receiver, webhook_to
from tests.partner_events import event
from tests.unit.worker.conftest import Log
from worker.messages import Reader
from worker.readers import parse_either_event

ENDED_MS = int(ENDED.timestamp() * 1000)
CUT = "Ann \ud83d"
READABLE = "Ann \ufffd"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver


@pytest.mark.parametrize("half", ["\\ud83d", "\ud83d"], ids=["escaped", "raw"])
@pytest.mark.parametrize("delivery", ["subscription", "eventbridge"])
def test_a_name_that_is_cut_inside_an_emoji_is_delivered(
    batches: Batches, log: Log, delivery: str, half: str
) -> None:
    body = subscription_end(CUT, name=CUT)
    if delivery == "eventbridge":
        table: Any = LedgerTable(batches.dynamodb, TABLE)  # type: ignore[arg-type]
        histories = Histories(table, days=20, now_ms=batches.now_ms)
        rule = make_end_rule("queue_leg", histories, lambda *_: [])
        batches.reader = Reader({QUEUE}, parse_either_event, rule)
        names: dict[str, Any] = {"interactingDurationMs": 5, "name": CUT, CUT: [CUT]}
        body = event("user.end", QUEUE, conversation_id=CUT, **names)
    body = body.replace("\\ud83d", half)
    events, firehose = FakeEventBridge(), FakeFirehose()
    bus, archive = Bus(events, BUS), Archive(firehose, STREAM)  # type: ignore[arg-type]
    batches.destinations = [Actions(on_conversation_end), bus, archive]

    report = batches.run(records(body))

    assert outcomes_of(report) == {"m-1": "processed"}
    end: dict[str, Any] = json.loads(events.taken[0]["Detail"])
    assert end["conversation_id"] == READABLE
    assert end["raw"] == consumable(json.loads(body))
    assert json.loads(firehose.taken[0]["Data"]) == end
    (logged,) = log.lines("INFO", "Conversation ended")
    assert logged["conversation_id"] == READABLE
    assert (READABLE, QUEUE) in batches.dynamodb.items


def test_the_webhook_and_a_delayed_message_have_the_text_of_the_end(
    batches: Batches, receiver: Receiver
) -> None:
    batches.run(records(subscription_end(CUT, name=CUT)))
    (end,) = batches.acted_ends

    with webhook_to(receiver.url) as webhook:
        list(webhook.deliver([end], Clock().deadline(60)))
    delayed_body = make_delayed_body(end, ENDED_MS, has_own_time=True, details_attempts=0)

    assert receiver.requests[0].json["data"] == json.loads(end.as_json())
    assert json.loads(end.as_json())["queue_name"] == READABLE
    assert delayed_body is not None
    assert parse_delayed_body(delayed_body, {QUEUE}).end == end  # type: ignore[union-attr]


def test_a_message_that_an_earlier_version_rejected_is_delivered_after_a_redrive(
    batches: Batches, sqs: FakeSqs
) -> None:
    rejected_body = subscription_end("c-1", name=CUT)

    redriven = records(rejected_body)
    redriven[0]["messageAttributes"] = {
        "reason": {"dataType": "String", "stringValue": "not_json"},
        "detail": {"dataType": "String", "stringValue": "expected a JSON object"},
    }

    assert outcomes_of(batches.run(redriven)) == {"m-1": "processed"}
    assert sqs.dead == []


def test_a_body_that_is_no_json_is_rejected_whatever_its_characters(batches: Batches) -> None:
    outcomes = outcomes_of(batches.run(records('{"a": "\\ud83d"', '{"b": "\\ud83d" NaN}')))
    assert outcomes == {"m-1": "rejected.not_json", "m-2": "rejected.not_json"}
