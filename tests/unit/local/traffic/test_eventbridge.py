"""Made-up partner events are realistic, varied and always the same."""

import json
from collections import Counter
from itertools import pairwise

import pytest

from conversations.parsed import Ignored, Rejected
from conversations.partner_event import PartnerEvent, parse_partner_event
from conversations.topics import TOPIC_PREFIX
from local.traffic.end_rules import RULES, QueueEnd, derive_ends
from local.traffic.eventbridge import (
    STORIES,
    Conversation,
    Event,
    malformed_events,
    partner_conversations,
    shuffled,
)
from local.traffic.subscription import FOREIGN_QUEUES, OUR_QUEUES
from tests.genesys_sdk import mistakes

CONVERSATIONS = list(partner_conversations(7, 250))
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


A, B, OTHER = OUR_QUEUES[0], OUR_QUEUES[1], FOREIGN_QUEUES[0]
MINUTE = 60_000


def event(at_minutes: float, of_topic: str, queue_id: str | None = None, **body: object) -> Event:
    """Return an event some minutes after the start."""
    queue = {"queueId": queue_id} if queue_id else {}
    at_ms = round(at_minutes * MINUTE)
    fields = {"eventTime": at_ms, "conversationId": "c", **queue, **body}
    return {"detail-type": TOPIC_PREFIX + of_topic, "detail": {"eventBody": fields}}


def left(at_minutes: float, how: str = "PEER") -> Event:
    return event(at_minutes, "customer.end", disconnectType=how)


def talked(at_minutes: float, queue_id: str | None, how: str = "PEER", duration: int = 9) -> Event:
    fields = {"disconnectType": how, "interactingDurationMs": duration}
    return event(at_minutes, "user.end", queue_id, **fields)


@pytest.mark.parametrize(
    ("events", "touched", "last_queue", "queue_leg"),
    [
        pytest.param([left(9)], [], [], [], id="never in a queue"),
        pytest.param([event(1, "acd.start", OTHER), left(9)], [], [], [], id="foreign queue"),
        pytest.param([talked(1, A), left(2)], [(A, 2)], [(A, 2)], [(A, 1)], id="answered"),
        pytest.param(
            [talked(1, A, "CONSULT_TRANSFER"), talked(2, B), left(3)],
            [(A, 3), (B, 3)],
            [(B, 3)],
            [(B, 2)],
            id="transferred",
        ),
        pytest.param(
            [talked(1, A), left(2, "TRANSFER")], [], [], [(A, 1)], id="the customer transferred"
        ),
        pytest.param(
            [event(1, "acd.end", A, acdOutcome="ABANDON"), left(2)],
            [(A, 2)],
            [(A, 2)],
            [(A, 1)],
            id="abandoned",
        ),
        pytest.param(
            [event(1, "acd.end", A, acdOutcome="FLOW_OUT"), talked(2, A, duration=0), left(3)],
            [(A, 3)],
            [(A, 3)],
            [],
            id="nobody talked",
        ),
        pytest.param([talked(1, None), left(2)], [], [], [], id="an agent's without a queue"),
        pytest.param(
            [left(1), event(6, "acw", A)], [(A, 1)], [(A, 1)], [], id="work within five minutes"
        ),
        pytest.param([left(1), event(6.1, "acw", A)], [], [], [], id="later than that"),
        pytest.param(
            [talked(1, A), talked(3, A), left(4), left(9)],
            [(A, 4)],
            [(A, 4)],
            [(A, 1)],
            id="ends within five minutes are one",
        ),
        pytest.param(
            [talked(1, A), left(2), talked(50, B), left(51)],
            [(A, 2), (A, 51), (B, 51)],
            [(A, 2), (B, 51)],
            [(A, 1), (B, 50)],
            id="re-opened elsewhere",
        ),
        pytest.param(
            [talked(1, A), talked(2, B), left(3), talked(50, A), left(51)],
            [(A, 3), (B, 3), (A, 51), (B, 51)],
            [(B, 3), (A, 51)],
            [(A, 1), (B, 2), (A, 50)],
            id="re-opened where it came from",
        ),
    ],
)
def test_the_reference_derives_the_ends_that_the_example_expects(
    events: list[Event],
    touched: list[tuple[str, int]],
    last_queue: list[tuple[str, int]],
    queue_leg: list[tuple[str, int]],
) -> None:
    examples = {"touched": touched, "last_queue": last_queue, "queue_leg": queue_leg}
    for rule, ends in examples.items():
        expected = sorted(QueueEnd(queue_id, minutes * MINUTE) for queue_id, minutes in ends)
        assert sorted(derive_ends(rule, [*events[::-1], *events], OUR_QUEUES)) == expected


def test_the_reference_refuses_a_conversation_whose_ends_depend_on_their_order() -> None:
    with pytest.raises(ValueError, match="within five minutes of two ends"):
        derive_ends("queue_leg", [talked(minutes, A) for minutes in (1, 5, 9)], OUR_QUEUES)
