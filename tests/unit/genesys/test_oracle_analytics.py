"""The official SDK has the analytics that the stand-in answers with, field by field."""

import json
from itertools import groupby
from typing import Any

import pytest

from local.genesys.analytics import DETAILS, Analytics
from local.http.messages import Request
from local.traffic.analytics import analytics_of
from local.traffic.analytics_of_ends import analytics_of_ends
from local.traffic.eventbridge import STORIES, partner_conversations
from local.traffic.subscription import conversations
from tests.fakes.clock import Clock
from tests.genesys_sdk import fields, mistakes, operation, values

MODEL = "AnalyticsConversationWithoutAttributes"


def answer_to(*known: dict[str, Any], **attributes: float) -> Any:
    """Return the stand-in's answer to a request for conversations, by way of JSON."""
    analytics = Analytics(Clock())
    for name, value in attributes.items():
        setattr(analytics, name, value)
    for conversation in known:
        analytics.add(conversation)
    ids = ",".join(conversation["conversationId"] for conversation in known)
    answer = analytics.answer("details", Request("GET", f"{DETAILS}?id={ids}"))
    assert answer.status == 200
    assert len(answer.body["conversations"]) == len(known)
    return json.loads(json.dumps(answer.body))


def test_the_sdk_has_the_request_for_details_and_its_answer() -> None:
    found = operation("GET", DETAILS)
    assert found
    assert found.query == {"id"}
    assert (found.asked, found.answered) == (None, f"{MODEL}MultiGetResponse")


@pytest.mark.parametrize("story", STORIES)
def test_the_analytics_of_partner_events_match_their_models(story: str) -> None:
    known = [analytics_of(one.events) for one in partner_conversations(1, 20, stories=[story])]
    assert mistakes(f"{MODEL}MultiGetResponse", answer_to(*known)) == []


def test_the_analytics_of_subscription_ends_match_their_models() -> None:
    events = conversations(1, 90, other_type_share=0)
    known = [
        analytics_of_ends(list(ends))
        for _, ends in groupby(events, lambda event: event.conversation_id)
    ]
    assert mistakes(f"{MODEL}MultiGetResponse", answer_to(*known)) == []


def test_unfinished_analytics_match_their_models() -> None:
    (conversation,) = partner_conversations(1, 1, stories=["answered"])
    unfinished = answer_to(
        analytics_of(conversation.events), end_lag_seconds=60, wrapup_lag_seconds=60
    )
    assert "conversationEnd" not in unfinished["conversations"][0]
    assert mistakes(f"{MODEL}MultiGetResponse", unfinished) == []


def test_the_models_have_the_fields_and_words_of_details() -> None:
    assert fields(MODEL) >= {"conversationId", "conversationStart", "conversationEnd"}
    participant = fields("AnalyticsParticipantWithoutAttributes")
    assert participant >= {"participantId", "purpose", "userId", "externalContactId", "sessions"}
    assert fields("AnalyticsSession") >= {"mediaType", "metrics", "segments", "ani", "addressFrom"}
    segment = fields("AnalyticsConversationSegment")
    assert segment >= {"queueId", "segmentStart", "segmentEnd", "disconnectType", "wrapUpCode"}
    assert fields("AnalyticsSessionMetric") == {"emitDate", "name", "value"}
    purposes = values("AnalyticsParticipantWithoutAttributes", "purpose")
    assert {"customer", "external", "ivr", "acd", "agent"} <= {*purposes}
