"""The ends of a conversation in analytics are those that the delivery would have reported."""

from datetime import timedelta
from typing import Any

import pytest

from backfill.expected_ends import CONVERSATION, ExpectedEnd, find_expected_ends
from details.models import parse_conversation
from local.traffic.analytics import analytics_of
from local.traffic.analytics_of_ends import analytics_of_ends
from local.traffic.analytics_parts import time_of
from local.traffic.eventbridge import partner_conversations
from local.traffic.stories import STORIES
from local.traffic.subscription import END, OUR_QUEUES, START, conversations
from tests.unit.backfill.conftest import RULES, World, at_ms, unmatched

QUEUE, OTHER = OUR_QUEUES
BEGAN_MS = at_ms(START)


def find(json: dict[str, Any], rule: str) -> list[ExpectedEnd]:
    conversation = parse_conversation(json)
    assert conversation
    return find_expected_ends(conversation, rule, OUR_QUEUES)


def session(
    start: float, end: float | None, queue_id: str | None = None, **fields: Any
) -> dict[str, Any]:
    """Return a session from one minute of the conversation to another; None: it goes on."""
    segment = {"segmentType": "interact", "segmentStart": time_of(minute(start))}
    segment |= {"disconnectType": fields.pop("how", "peer")}
    if end is not None:
        segment["segmentEnd"] = time_of(minute(end))
    if queue_id:
        segment["queueId"] = queue_id
    return {"mediaType": "voice", "direction": "inbound", "segments": [segment], **fields}


def talk(end: float | None = None, **sessions: list[dict[str, Any]]) -> dict[str, Any]:
    """Return a conversation; sessions are keyed by the purpose of their participant."""
    ended = {} if end is None else {"conversationEnd": time_of(minute(end))}
    return {
        "conversationId": "c-1",
        "conversationStart": time_of(BEGAN_MS),
        "participants": [{"purpose": name, "sessions": each} for name, each in sessions.items()],
        **ended,
    }


def minute(minutes: float) -> int:
    return BEGAN_MS + round(minutes * 60_000)


def minutes_of(ends: list[ExpectedEnd]) -> list[tuple[str, float]]:
    """Return the queue and the time of each end, in minutes from the conversation's beginning."""
    return [(end.queue_id, (end.ended_at_ms - BEGAN_MS) / 60_000) for end in ends]


@pytest.mark.parametrize("story", STORIES)
def test_the_ends_of_a_story_are_those_of_the_delivery(world: World, story: str) -> None:
    for conversation in partner_conversations(11, 25, stories=[story], own_share=0.8):
        found = [
            (end.conversation_id, end.queue_id, end.ended_at_ms)
            for end in find(analytics_of(conversation.events), world.rule)
        ]
        expected = [(conversation.id, *end) for end in world.ends_of(conversation)]
        assert unmatched(found, expected) == unmatched(expected, found) == []
        assert len(found) == len(expected)


def test_subscription_events_and_analytics_agree_about_a_conversation() -> None:
    by_id: dict[str, list[Any]] = {}
    for event in conversations(3, 60, own_share=0.8, other_type_share=0):
        by_id.setdefault(event.conversation_id, []).append(event)
    for events in by_id.values():
        ours = {
            (one.queue_id, one.body["eventTime"]) for one in events if one.queue_id in OUR_QUEUES
        }
        assert all(one.body["eventType"] == END for one in events)
        found = find(analytics_of_ends(events), CONVERSATION)
        assert {(end.queue_id, time_of(end.ended_at_ms)) for end in found} == ours


@pytest.mark.parametrize("rule", RULES)
def test_a_conversation_that_goes_on_has_no_end(rule: str) -> None:
    json = talk(customer=[session(0, None)], agent=[session(1, None, QUEUE)])
    assert find(json, rule) == []


def test_a_conversation_that_was_re_opened_has_the_end_of_its_first_part() -> None:
    json = talk(
        customer=[session(0, 5), session(90, None)],
        agent=[session(1, 5, QUEUE), session(91, None, QUEUE)],
    )
    assert minutes_of(find(json, CONVERSATION)) == [(QUEUE, 5)]


def test_each_part_of_a_conversation_ends_in_the_queues_of_this_part() -> None:
    json = talk(
        end=95,
        customer=[session(0, 5), session(90, 94)],
        agent=[session(1, 5, QUEUE), session(91, 95, OTHER)],
    )
    assert minutes_of(find(json, CONVERSATION)) == [(QUEUE, 5), (OTHER, 95)]


def test_a_customer_who_leaves_does_not_end_a_conversation_that_goes_on() -> None:
    json = talk(
        end=40,
        customer=[session(0, 5), session(30, 40)],
        agent=[session(1, 40, QUEUE)],
    )
    assert minutes_of(find(json, CONVERSATION)) == [(QUEUE, 40)]


def test_an_end_in_a_foreign_queue_is_none_of_ours() -> None:
    json = talk(end=5, customer=[session(0, 5)], agent=[session(1, 5, "foreign")])
    assert [find(json, rule) for rule in RULES] == [[]] * 4


@pytest.mark.parametrize(
    ("how", "count"), [("peer", 1), ("transfer", 0), ("blindTransfer", 0), (None, 0)]
)
def test_a_wait_without_metrics_was_abandoned_unless_it_was_transferred(
    how: Any, count: int
) -> None:
    json = talk(end=5, customer=[session(0, 5)], acd=[session(1, 5, QUEUE, how=how)])
    assert len(find(json, "queue_leg")) == count


def test_an_end_has_the_customers_values_as_events_spell_them() -> None:
    customer = session(0, 5, how="transportFailure", mediaType="internalMessage")
    json = talk(end=5, customer=[customer], agent=[session(1, 5, QUEUE)])
    for rule in (CONVERSATION, "touched", "last_queue"):
        [end] = find(json, rule)
        assert end.media_type == "INTERNAL_MESSAGE"
        assert (end.direction, end.disconnect_type) == ("INBOUND", "TRANSPORT_FAILURE")
        assert end.conversation_start_ms == minute(0)
        assert end.conversation_end_ms == minute(5)


def test_ids_are_normalized_as_those_of_events() -> None:
    upper = talk(end=5, customer=[session(0, 5)], agent=[session(1, 5, QUEUE.upper())])
    upper["conversationId"] = "0F8FAD5B-D9CB-469F-A165-70867728950E"
    [end] = find(upper, CONVERSATION)
    assert end.conversation_id == "0f8fad5b-d9cb-469f-a165-70867728950e"
    assert end.queue_id == QUEUE


def test_ends_that_the_ledger_takes_for_one_are_one() -> None:
    json = talk(
        end=11,
        customer=[session(0, 4), session(5, 8)],
        agent=[session(1, 11, QUEUE)],
    )
    [end] = find(json, "touched")
    assert (end.span.earliest_at, end.span.latest_at) == (minute(4), minute(8))


def test_after_call_work_is_no_part_of_a_conversation() -> None:
    agent = session(1, 5, QUEUE)
    wrapup = {"segmentType": "wrapup", "segmentStart": time_of(minute(5)), "queueId": QUEUE}
    agent["segments"].append(wrapup)
    json = talk(end=5, customer=[session(0, 5)], agent=[agent])
    for rule in RULES:
        assert minutes_of(find(json, rule)) == [(QUEUE, 5)]


def test_a_conversation_without_participants_has_no_end() -> None:
    json = talk(end=timedelta(minutes=5).seconds / 60)
    assert [find(json, rule) for rule in RULES] == [[]] * 4
