"""The events of a participant share its id, and the events of a session share that session's."""

from collections import defaultdict
from typing import Any

import pytest

from conversations.topics import TOPIC_PREFIX
from local.traffic.eventbridge import STORIES, Conversation, partner_conversations
from local.traffic.participants import Ids, Participants

Event = tuple[str, str, dict[str, Any]]


def identified(*events: Event) -> list[Ids]:
    """Return the ids of events, each of a topic, by a medium and with a body."""
    participants = Participants()
    return [
        participants.identify(topic, media, body, Ids(f"p{number}", f"s{number}"))
        for number, (topic, media, body) in enumerate(events)
    ]


def test_a_customer_keeps_the_participant_id_and_has_a_session_for_each_stay() -> None:
    ids = identified(
        ("customer.start", "VOICE", {}),
        ("customer.end", "VOICE", {}),
        ("customer.start", "CALLBACK", {}),
        ("customer.start", "VOICE", {}),
        ("customer.end", "VOICE", {}),
        ("customer.end", "CALLBACK", {}),
        ("customer.end", "VOICE", {}),
    )
    assert {each.participant_id for each in ids} == {"p0"}
    assert [each.session_id for each in ids] == ["s0", "s0", "s2", "s3", "s3", "s2", "s6"]


def test_a_customer_who_joins_while_another_is_there_is_another_participant() -> None:
    start: Event = ("customer.start", "VOICE", {})
    end: Event = ("customer.end", "VOICE", {})
    ids = identified(start, start, end, start, end, end)
    assert [each.participant_id for each in ids] == ["p0", "p1", "p1", "p3", "p3", "p0"]


def test_each_wait_is_a_participant_of_its_own() -> None:
    start, end = ("acd.start", "VOICE", {"queueId": "a"}), ("acd.end", "VOICE", {"queueId": "a"})
    assert identified(start, end, start, end) == [*[("p0", "s0")] * 2, *[("p2", "s2")] * 2]
    assert identified(start, start, end) == [("p0", "s0")] * 3


def test_after_call_work_belongs_to_the_agent_s_latest_session_in_the_queue() -> None:
    leg = {"queueId": "a", "userId": "u"}
    ids = identified(
        ("user.start", "VOICE", leg),
        ("user.end", "VOICE", leg),
        ("user.start", "VOICE", leg),
        ("user.end", "VOICE", leg),
        ("user.start", "VOICE", leg | {"userId": "other"}),
        ("acw", "VOICE", leg),
        ("wrapup", "VOICE", {"queueId": "a"}),
    )
    assert ids == [*[("p0", "s0")] * 2, *[("p0", "s2")] * 2, ("p4", "s4"), *[("p0", "s2")] * 2]


def bodies(conversation: Conversation) -> list[tuple[str, dict[str, Any]]]:
    return [
        (event["detail-type"].removeprefix(TOPIC_PREFIX), event["detail"]["eventBody"])
        for event in conversation.events
    ]


@pytest.mark.parametrize("story", STORIES)
def test_the_ids_of_a_conversation_are_consistent(story: str) -> None:
    for conversation in partner_conversations(2, 15, stories=[story]):
        of_session, of_user, kinds = defaultdict(set), defaultdict(set), defaultdict(set)
        for topic, body in bodies(conversation):
            medium = body["mediaType"], body.get("queueId", "")
            of_session[body["sessionId"]].add((body["participantId"], *medium))
            kinds[body["participantId"]].add(topic.partition(".")[0])
            if "userId" in body:
                of_user[body["userId"]].add(body["participantId"])
        assert {len(each) for each in of_session.values()} == {1}
        assert {len(each) for each in of_user.values()} <= {1}
        agents = {"user", "acw", "wrapup"}
        assert all(len(kind - agents) + bool(kind & agents) == 1 for kind in kinds.values())
