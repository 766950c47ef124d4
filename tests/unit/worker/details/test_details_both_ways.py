"""With details, an end is the same, whichever delivery and end rule reported it."""

import dataclasses
import json
import random
from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest

from conversations.end import ConversationEnd
from conversations.end_rules.registry import make_end_rule
from conversations.histories import Histories
from conversations.subscription_event import parse_subscription_event
from dynamodb.ledger_table import LedgerTable
from local.traffic.analytics import analytics_of
from local.traffic.both_ways import subscription_events_of
from local.traffic.eventbridge import STORIES, Conversation, partner_conversations
from local.traffic.subscription import OUR_QUEUES
from tests.fakes.aws.dynamodb import TABLE, FakeDynamoDb
from tests.fakes.aws.sqs import DEAD, INTAKE
from tests.fakes.details import DetailsWorker
from tests.fakes.partner_worker import RULES, SETTLE_SECONDS
from worker.intake_queue import IntakeQueue
from worker.messages import Reader
from worker.readers import parse_either_event


def make_worker(
    conversations: Sequence[Conversation], rule: str | None, *, ends_are_legs: bool
) -> DetailsWorker:
    """Return a worker of an end rule, or of the delivery `subscription` if there is none."""
    worker = DetailsWorker(FakeDynamoDb(), ends_are_legs=ends_are_legs)
    worker.batches.reader = Reader(OUR_QUEUES, parse_subscription_event)
    if rule:
        histories = Histories(
            LedgerTable(worker.dynamodb, TABLE),  # type: ignore[arg-type]
            days=20,
            now_ms=worker.batches.now_ms,
        )
        intake = IntakeQueue(
            worker.queue,  # type: ignore[arg-type]
            INTAKE,
            DEAD,
            retry_delay_seconds=30,
            settle_seconds=SETTLE_SECONDS,
        )
        end_rule = make_end_rule(rule, histories, intake.send_later)
        worker.batches.reader = Reader(OUR_QUEUES, parse_either_event, end_rule)
    by_id = {one.id: analytics_of(one.events) for one in conversations}
    worker.analytics.make = lambda id_: by_id[id_]
    return worker


def comparable(ends: Sequence[ConversationEnd]) -> dict[str, dict[str, Any]]:
    """Return ends by id, without the fields that tell the delivery: `source` and `raw`."""
    hidden: dict[str, Any] = {"source": None, "raw": {}, "queue_name": None}
    return {end.end_id: dataclasses.asdict(dataclasses.replace(end, **hidden)) for end in ends}


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("story", STORIES)
def test_an_end_sent_both_ways_is_the_same(rule: str, story: str) -> None:
    conversations = [*partner_conversations(7, 4, own_share=1, stories=[story])]
    ends_are_legs = rule == "queue_leg"
    by_rule = make_worker(conversations, rule, ends_are_legs=ends_are_legs)
    by_subscription = make_worker(conversations, None, ends_are_legs=ends_are_legs)
    for conversation in conversations:
        for event in conversation.events:
            by_rule.queue.put(json.dumps(event))
        by_rule.run(batch_size=100)
        for end in subscription_events_of(conversation, conversation.ends[rule]):
            by_subscription.queue.put(json.dumps(end.body))
        by_subscription.run()
    ends = by_rule.batches.acted_ends
    by_id = comparable(ends)
    for end_id, shown in comparable(by_subscription.batches.acted_ends).items():
        assert shown == by_id[end_id]
    assert len(by_id) == len(by_subscription.batches.acted_ends)
    assert len(ends) == sum(len(one.ends[rule]) for one in conversations)
    assert {end.details for end in ends} <= {"complete"}


@pytest.mark.parametrize("rule", RULES)
def test_late_details_and_events_in_any_order_make_no_second_end(rule: str) -> None:
    rng = random.Random(rule)
    conversations = [*partner_conversations(8, 30, own_share=1, any_order=True)]
    worker = make_worker(conversations, rule, ends_are_legs=rule == "queue_leg")
    worker.analytics.there_at = {one.id: rng.choice([0, 70, 1e9]) for one in conversations}
    bodies = [json.dumps(event) for one in conversations for event in one.events]
    for body in rng.sample([*bodies, *bodies], 2 * len(bodies)):
        worker.queue.put(body)
    worker.run(batch_size=25)
    ends = worker.batches.acted_ends
    assert len({end.end_id for end in ends}) == len(ends)
    expected = Counter(one.id for one in conversations for _ in one.ends[rule])
    assert Counter(end.conversation_id for end in ends) == expected
    for end in ends:
        never = worker.analytics.there_at[end.conversation_id] == 1e9
        assert end.details == ("missing" if never else "complete")
