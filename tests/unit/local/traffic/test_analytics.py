"""Conversations in analytics agree with the events that tell of them, in both deliveries."""

import json
import re
from collections import Counter
from collections.abc import Iterator
from itertools import groupby, pairwise
from typing import Any

import pytest

from conversations.topics import TOPIC_PREFIX
from local.traffic.analytics import analytics_of
from local.traffic.analytics_of_ends import analytics_of_ends
from local.traffic.analytics_parts import analytics_word, epoch_ms, event_word, time_of
from local.traffic.eventbridge import STORIES, Conversation, partner_conversations
from local.traffic.subscription import QUEUES, START, Event, conversations
from tests.genesys_sdk import values

PARTNER = list(partner_conversations(7, 200))
ENDS = [
    list(group)
    for _, group in groupby(
        conversations(7, 200, other_type_share=0), lambda event: event.conversation_id
    )
]
ALL = [analytics_of(one.events) for one in PARTNER] + [analytics_of_ends(ends) for ends in ENDS]


def one(story: str) -> tuple[Conversation, dict[str, Any]]:
    """Return a conversation of a story, and the same in analytics."""
    (conversation,) = partner_conversations(3, 1, stories=[story])
    return conversation, analytics_of(conversation.events)


def sessions(analytics: dict[str, Any], *purposes: str) -> list[dict[str, Any]]:
    return [
        session
        for participant in analytics["participants"]
        if participant["purpose"] in purposes or not purposes
        for session in participant["sessions"]
    ]


def metrics_of(session: dict[str, Any]) -> dict[str, int]:
    return {metric["name"]: metric["value"] for metric in session.get("metrics", ())}


def bodies(conversation: Conversation, topic: str) -> Iterator[dict[str, Any]]:
    for event in conversation.events:
        if event["detail-type"] == TOPIC_PREFIX + topic:
            yield event["detail"]["eventBody"]


def test_times_have_milliseconds_and_a_z() -> None:
    times = re.findall(r'"(?:\w+Start|\w+End|emitDate)": "([^"]+)"', json.dumps(ALL))
    assert times
    assert all(re.fullmatch(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", time) for time in times)
    assert epoch_ms(time_of(1_795_428_000_007)) == 1_795_428_000_007


def test_a_conversation_spans_its_segments_but_for_wrap_ups() -> None:
    for analytics in ALL:
        start, end = analytics["conversationStart"], analytics["conversationEnd"]
        for session in sessions(analytics):
            for segment in session["segments"]:
                assert start <= segment["segmentStart"] <= segment["segmentEnd"]
                assert segment["segmentEnd"] <= end or segment["segmentType"] == "wrapup"


def test_segments_of_a_session_follow_one_another() -> None:
    for analytics in ALL:
        for session in sessions(analytics):
            for earlier, later in pairwise(session["segments"]):
                assert earlier["segmentEnd"] <= later["segmentStart"]


def test_the_metrics_of_an_agent_agree_with_each_other_and_with_the_segments() -> None:
    found: Counter[str] = Counter()
    for session in (session for analytics in ALL for session in sessions(analytics, "agent")):
        lengths: Counter[str] = Counter()
        for segment in session["segments"]:
            length = epoch_ms(segment["segmentEnd"]) - epoch_ms(segment["segmentStart"])
            lengths[segment["segmentType"]] += length
        values = metrics_of(session)
        found.update(values.keys())
        assert values.get("tTalk", 0) == lengths["interact"]
        assert values.get("tHeld", 0) == lengths["hold"]
        assert values.get("tAlert", 0) == lengths["alert"]
        handled = sum(values.get(name, 0) for name in ("tTalk", "tHeld", "tAcw"))
        assert values.get("tHandle", 0) == handled
    assert found.keys() >= {"tTalk", "tHeld", "tAcw", "tHandle", "tAlert", "nTransferred"}


def test_a_wait_is_offered_once_and_its_outcome_is_a_metric() -> None:
    waits = [session for analytics in ALL for session in sessions(analytics, "acd")]
    assert all(metrics_of(wait)["nOffered"] == 1 for wait in waits)
    assert all(metrics_of(wait)["tWait"] == metrics_of(wait)["tAcd"] > 0 for wait in waits)
    outcomes = Counter(name for wait in waits for name in metrics_of(wait))
    assert outcomes.keys() >= {"tAbandon", "tAnswered", "tFlowOut"}


@pytest.mark.parametrize("story", STORIES)
def test_analytics_have_the_ids_and_the_ends_of_every_event(story: str) -> None:
    for conversation in partner_conversations(5, 10, stories=[story]):
        analytics = analytics_of(conversation.events)
        found = {
            (participant["participantId"], session["sessionId"]): (participant, session)
            for participant in analytics["participants"]
            for session in participant["sessions"]
        }
        for event in conversation.events:
            body = event["detail"]["eventBody"]
            participant, session = found[body["participantId"], body["sessionId"]]
            assert session["mediaType"] == body["mediaType"].lower()
            assert participant.get("userId") == body.get("userId", participant.get("userId"))
            text = json.dumps(session)
            assert body.get("queueId", "") in text
            assert body.get("wrapupCode", "") in text
            if event["detail-type"].endswith(".end"):
                ends = {
                    (segment["segmentEnd"], segment["disconnectType"])
                    for segment in session["segments"]
                    if "disconnectType" in segment
                }
                how = analytics_word(body["disconnectType"])
                assert (time_of(body["eventTime"]), how) in ends


def test_a_callback_has_sessions_of_both_media() -> None:
    _, analytics = one("callback")
    assert {session["mediaType"] for session in sessions(analytics, "agent")} == {
        "callback",
        "voice",
    }


def test_an_external_party_is_no_customer() -> None:
    _, analytics = one("external parties")
    purposes = Counter(participant["purpose"] for participant in analytics["participants"])
    assert purposes["customer"] == 1
    assert purposes["external"] >= 1


def test_analytics_have_the_talk_time_that_an_event_lacks() -> None:
    conversation, analytics = one("without a talk time")
    assert all("interactingDurationMs" not in body for body in bodies(conversation, "user.end"))
    (session,) = sessions(analytics, "agent")
    assert metrics_of(session)["tTalk"] > 0


def test_analytics_have_personal_data() -> None:
    text = json.dumps(ALL)
    for field in ("participantName", "wrapUpNote", "ani", "addressFrom", "callbackNumbers"):
        assert f'"{field}"' in text
    assert set(re.findall(r"(?:tel:)?\+1(\d{8})\d\d", text)) == {"55555501", "55555500"}
    assert set(re.findall(r"@([a-z.]+)", text)) == {"example.com"}


def test_the_name_of_a_wait_is_that_of_its_queue() -> None:
    for analytics in ALL:
        for participant in analytics["participants"]:
            if participant["purpose"] == "acd":
                (session,) = participant["sessions"]
                assert participant["participantName"] == QUEUES[session["segments"][0]["queueId"]]


def attributes(event: Event) -> dict[str, Any]:
    found: dict[str, Any] = event.body["attributes"]
    return found


@pytest.mark.parametrize("ends", ENDS[:50], ids=range(50))
def test_analytics_of_ends_agree_with_their_events(ends: list[Event]) -> None:
    analytics = analytics_of_ends(ends)

    assert analytics["conversationEnd"] == ends[-1].body["eventTime"]
    participants = attributes(ends[0])["participants"]
    assert [
        (participant["participantId"], participant["purpose"], participant.get("userId"))
        for participant in analytics["participants"]
    ] == [(each["id"], each["purpose"], each.get("userId")) for each in participants]
    for end in ends:
        in_queue: Counter[str] = Counter()
        for session in sessions(analytics):
            if any(segment.get("queueId") == end.queue_id for segment in session["segments"]):
                in_queue.update(metrics_of(session))
        told = {metric["name"]: metric["value"] for metric in attributes(end)["metrics"]}
        assert {name: in_queue[name] for name in told} == told


def test_analytics_of_ends_move_with_the_time_of_the_events() -> None:
    later = [event.with_time(START) for event in ENDS[7]]
    before, after = analytics_of_ends(ENDS[7]), analytics_of_ends(later)

    def duration(analytics: dict[str, Any]) -> int:
        start, end = analytics["conversationStart"], analytics["conversationEnd"]
        return epoch_ms(end) - epoch_ms(start)

    assert after["conversationEnd"] == time_of(epoch_ms("2026-11-23T10:00:00.000Z"))
    assert duration(before) == duration(after)


def test_analytics_of_some_of_a_conversation_s_ends_have_all_of_its_participants() -> None:
    transferred = next(ends for ends in ENDS if len(ends) > 1)
    for end in transferred:
        participants = analytics_of_ends([end])["participants"]
        assert len(participants) == len(attributes(end)["participants"])


def test_words_are_spelt_as_analytics_and_as_events_spell_them() -> None:
    topic = "CustomerEndDetailEventTopicCustomerEndEvent"
    known = values("AnalyticsConversationSegment", "disconnectType")
    for word in {*values(topic, "disconnectType")} - {"UNKNOWN"}:
        assert analytics_word(word) in known
        assert event_word(analytics_word(word)) == word
