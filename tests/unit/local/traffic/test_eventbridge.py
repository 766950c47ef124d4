"""Made-up partner events are realistic, varied and always the same."""

import json
import random
from collections import Counter
from itertools import pairwise

import pytest

from conversations.parsed import Ignored, Rejected
from conversations.partner_event import PartnerEvent, parse_partner_event
from conversations.topics import TOPIC_PREFIX
from local.traffic.end_rules import RULES, derive_ends
from local.traffic.eventbridge import (
    STORIES,
    Conversation,
    Event,
    malformed_events,
    partner_conversations,
    shuffled,
)
from local.traffic.subscription import OUR_QUEUES
from tests.genesys_sdk import mistakes

CONVERSATIONS = list(partner_conversations(7, 350))
MODELS = {
    "customer.start": "CustomerStartDetailEventTopicCustomerStartEvent",
    "customer.end": "CustomerEndDetailEventTopicCustomerEndEvent",
    "flow.start": "FlowStartDetailEventTopicFlowStartEvent",
    "flow.end": "FlowEndDetailEventTopicFlowEndEvent",
    "acd.start": "AcdStartDetailEventTopicAcdStartEvent",
    "acd.end": "AcdEndDetailEventTopicAcdEndEvent",
    "user.start": "UserStartDetailEventTopicUserStartEvent",
    "user.end": "UserEndDetailEventTopicUserEndEvent",
    "acw": "AcwDetailEventTopicAfterCallWorkEvent",
    "wrapup": "WrapupDetailEventTopicWrapupEvent",
}


def topic(event: Event) -> str:
    return str(event["detail-type"].removeprefix(TOPIC_PREFIX))


def times(conversation: Conversation) -> list[int]:
    return [event["detail"]["eventBody"]["eventTime"] for event in conversation.events]


def test_the_same_seed_gives_the_same_partner_events_to_the_byte() -> None:
    again, others = (list(partner_conversations(seed, 50)) for seed in (7, 8))
    assert json.dumps([one.events for one in again]) == json.dumps(
        [one.events for one in CONVERSATIONS[:50]]
    )
    assert [one.ends for one in again] == [one.ends for one in CONVERSATIONS[:50]]
    assert again != others


def test_every_story_occurs_and_stories_can_be_chosen() -> None:
    counts = Counter(conversation.story for conversation in CONVERSATIONS)
    assert counts.keys() == STORIES.keys()
    assert min(counts.values()) > 3
    callbacks = partner_conversations(1, 5, stories=["callback"])
    assert {conversation.story for conversation in callbacks} == {"callback"}


def test_every_rule_derives_ends_of_both_queues_and_repeated_ends() -> None:
    for rule in RULES:
        ends = [(c.id, end.queue_id) for c in CONVERSATIONS for end in c.ends[rule]]
        assert {queue_id for _, queue_id in ends} == {*OUR_QUEUES}
        assert max(Counter(ends).values()) > 1


def test_events_come_in_order_and_no_two_at_once() -> None:
    for conversation in CONVERSATIONS:
        assert all(earlier < later for earlier, later in pairwise(times(conversation)))


@pytest.mark.parametrize("of_topic", MODELS)
def test_events_fit_the_models_of_the_official_sdk(of_topic: str) -> None:
    bodies = {
        json.dumps({**event["detail"]["eventBody"], "conversationId": "", "eventTime": 0}): event
        for conversation in CONVERSATIONS[:100]
        for event in conversation.events
        if topic(event) == of_topic
    }
    assert bodies
    for event in bodies.values():
        assert mistakes(MODELS[of_topic], event["detail"]["eventBody"]) == []


def test_only_events_of_topics_with_a_queue_name_one() -> None:
    named = {
        topic(event)
        for conversation in CONVERSATIONS
        for event in conversation.events
        if "queueId" in event["detail"]["eventBody"]
    }
    assert named == {"acd.start", "acd.end", "user.start", "user.end", "acw", "wrapup"}


def test_a_customer_in_a_queue_is_answered_flows_out_or_abandons() -> None:
    waits = [e for c in CONVERSATIONS for e in c.events if topic(e) == "acd.end"]
    assert {
        (e["detail"]["eventBody"]["acdOutcome"], e["detail"]["eventBody"]["disconnectType"])
        for e in waits
    } == {("ANSWERED", "TRANSFER"), ("FLOW_OUT", "TRANSFER"), ("ABANDON", "PEER")}


def test_the_worker_understands_every_partner_event() -> None:
    for conversation in CONVERSATIONS:
        for event in conversation.events:
            body = event["detail"]["eventBody"]
            match parse_partner_event(json.dumps(event), 0, OUR_QUEUES):
                case PartnerEvent(conversation_id, of_topic, queue_id, at_ms):
                    assert (conversation_id, of_topic) == (conversation.id, topic(event))
                    assert (queue_id, at_ms) == (body.get("queueId"), body["eventTime"])
                case Ignored("other_queue"):
                    assert body.get("queueId") not in OUR_QUEUES
                case Ignored("other_event_type"):
                    assert topic(event) in ("customer.start", "flow.start", "flow.end")
                case other:
                    pytest.fail(f"{other}: {event}")


def test_the_same_seed_shuffles_every_event_and_some_twice_in_the_same_order() -> None:
    some = CONVERSATIONS[:50]
    every = Counter(event["id"] for conversation in some for event in conversation.events)

    mixed = shuffled(some, 3)

    counts = Counter(event["id"] for event in mixed)
    assert counts.keys() == every.keys()
    assert set(counts.values()) == {1, 2}
    assert mixed == shuffled(some, 3)
    assert mixed != shuffled(some, 4)


def test_the_share_and_the_queues_of_conversations_can_be_chosen() -> None:
    ours = partner_conversations(1, 30, ["a", "b"], foreign=["c"], own_share=1)
    queues = {
        event["detail"]["eventBody"].get("queueId")
        for conversation in ours
        for event in conversation.events
    }
    assert {"a", "b"} <= queues
    none = list(partner_conversations(1, 30, own_share=0, stories=["answered", "abandoned"]))
    assert not any(ends for conversation in none for ends in conversation.ends.values())


@pytest.mark.parametrize("malformed", malformed_events(), ids=lambda one: one.name)
def test_malformed_events_are_rejected_for_their_reason(
    malformed: tuple[str, str, str],
) -> None:
    _, body, reason = malformed
    rejected = parse_partner_event(body, 0, OUR_QUEUES)
    assert isinstance(rejected, Rejected)
    assert rejected.reason == reason


@pytest.mark.parametrize("rule", RULES)
def test_conversations_for_any_order_have_the_same_ends_in_every_order(rule: str) -> None:
    rng = random.Random(rule)
    for conversation in partner_conversations(9, 150, any_order=True, own_share=0.7):
        expected = Counter(end.queue_id for end in conversation.ends[rule])
        for _ in range(10):
            events = rng.sample(conversation.events, len(conversation.events))
            size = rng.randint(1, 4)
            batches = [events[i : i + size] for i in range(0, len(events), size)]
            ends = derive_ends(rule, batches, OUR_QUEUES)
            assert Counter(end.queue_id for end in ends) == expected, conversation.story
