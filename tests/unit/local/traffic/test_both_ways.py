"""A conversation's subscription events tell the same ends as its partner events."""

import json
from typing import Any

import pytest

from conversations.parsed import Accepted
from conversations.subscription_event import parse_subscription_event
from local.traffic.analytics import analytics_of
from local.traffic.analytics_parts import epoch_ms, time_of
from local.traffic.both_ways import subscription_events_of
from local.traffic.end_rules import RULES
from local.traffic.eventbridge import STORIES, Conversation, partner_conversations
from local.traffic.subscription import OUR_QUEUES, QUEUES, Event


def told(story: str, count: int = 15) -> list[Conversation]:
    return list(partner_conversations(4, count, own_share=0.8, stories=[story]))


def attributes(event: Event) -> dict[str, Any]:
    found: dict[str, Any] = event.body["attributes"]
    return found


@pytest.mark.parametrize("story", STORIES)
@pytest.mark.parametrize("rule", RULES)
def test_a_subscription_event_is_the_end_of_the_rule(rule: str, story: str) -> None:
    for conversation in told(story):
        ends = conversation.ends[rule]
        events = subscription_events_of(conversation, ends)
        for end, event in zip(ends, events, strict=True):
            parsed = parse_subscription_event(json.dumps(event.body), 0, OUR_QUEUES)
            assert isinstance(parsed, Accepted)
            assert (parsed.end.conversation_id, parsed.end.queue_id) == (conversation.id, end[0])
            assert (parsed.end.ended_at, parsed.ended_at_ms) == (time_of(end.at_ms), end.at_ms)
            assert parsed.end.queue_name == QUEUES[end.queue_id]
            (body,) = (
                one["detail"]["eventBody"]
                for one in conversation.events
                if one["detail"]["eventBody"]["eventTime"] == end.at_ms
            )
            names = ("mediaType", "direction", "disconnectType")
            of_customer = parsed.end.media_type, parsed.end.direction, parsed.end.disconnect_type
            assert of_customer == tuple(body[name] for name in names)


@pytest.mark.parametrize("story", STORIES)
def test_participants_have_the_ids_of_analytics_and_nothing_of_the_future(story: str) -> None:
    for conversation in told(story, 5):
        known = analytics_of(conversation.events)["participants"]
        ids = [participant["participantId"] for participant in known]
        for event in subscription_events_of(conversation, conversation.ends["touched"]):
            participants = attributes(event)["participants"]
            assert [each["id"] for each in participants] == [
                each for each in ids if each in {one["id"] for one in participants}
            ]
            assert participants[0]["purpose"] == "customer"
            for each in participants:
                assert each["connectedTime"] <= each.get("endTime", event.body["eventTime"])
                assert each.get("endTime", "") <= event.body["eventTime"]


def test_metrics_are_those_of_the_queue_at_the_time_of_the_end() -> None:
    for conversation in told("transferred"):
        for event in subscription_events_of(conversation, conversation.ends["touched"]):
            names = {metric["name"] for metric in attributes(event)["metrics"]}
            # The agent still does the after-call work.
            assert names >= {"nOffered", "tAcd", "tTalk"}
            assert "tAcw" not in names


def test_a_subscription_event_says_how_the_conversation_went() -> None:
    kinds = {
        story: {
            event.kind
            for conversation in told(story)
            for event in subscription_events_of(conversation, conversation.ends["touched"])
        }
        for story in ("answered", "abandoned", "transferred")
    }
    assert kinds["answered"] == {"answered"}
    assert kinds["abandoned"] == {"abandoned"}
    assert "transferred" in kinds["transferred"]


def test_a_reopened_conversation_knows_more_at_its_later_end() -> None:
    conversation = next(c for c in told("re-opened", 40) if len(c.ends["touched"]) > 1)
    first, *_, last = subscription_events_of(conversation, conversation.ends["touched"])
    assert epoch_ms(first.body["eventTime"]) < epoch_ms(last.body["eventTime"])
    earlier, later = attributes(first)["participants"], attributes(last)["participants"]
    assert {each["id"] for each in earlier} < {each["id"] for each in later}


def test_a_later_end_has_the_metrics_since_the_end_before() -> None:
    for conversation in told("re-opened", 40):
        events = subscription_events_of(conversation, conversation.ends["touched"])
        if len({event.queue_id for event in events}) == 1:
            for event in events[1:]:
                metrics = {one["name"]: one["value"] for one in attributes(event)["metrics"]}
                assert metrics["nOffered"] == 1
