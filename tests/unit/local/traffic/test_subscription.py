"""Made-up conversations are realistic, varied and always the same."""

import json
import re
from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import groupby
from uuid import UUID

import pytest

from conversations.parsed import Accepted, Ignored, Rejected
from conversations.subscription_event import parse_subscription_event
from local.traffic.subscription import (
    END,
    FOREIGN_QUEUES,
    OUR_QUEUES,
    START,
    Event,
    conversations,
    malformed_bodies,
)

EVENTS = list(conversations(7, 400))
ENDS = [event for event in EVENTS if event.kind != "other_type"]


def metrics(event: Event) -> dict[str, int]:
    return {metric["name"]: metric["value"] for metric in event.body["attributes"]["metrics"]}


def purposes(event: Event) -> list[str]:
    return [one["purpose"] for one in event.body["attributes"]["participants"]]


def test_the_same_seed_gives_the_same_ends_to_the_byte() -> None:
    again = [json.dumps(event.body) for event in conversations(7, 400)]
    assert again == [json.dumps(event.body) for event in EVENTS]
    assert again != [json.dumps(event.body) for event in conversations(8, 400)]


def test_bodies_are_of_a_realistic_size() -> None:
    sizes = sorted(len(json.dumps(event.body)) for event in ENDS)
    assert sizes[0] >= 1_000
    assert sizes[-1] <= 3_000


def test_about_a_third_of_the_ends_is_ours() -> None:
    ours = sum(event.queue_id in OUR_QUEUES for event in ENDS) / len(ENDS)
    assert 0.28 < ours < 0.39
    assert {event.queue_id for event in EVENTS} == {*OUR_QUEUES, *FOREIGN_QUEUES}


@pytest.mark.parametrize("share", [0, 1])
def test_the_share_and_the_queues_of_ends_can_be_chosen(share: int) -> None:
    events = conversations(1, 200, ["a", "b"], foreign=["c"], own_share=share)
    assert {event.queue_id for event in events} == ({"a", "b"} if share else {"c"})


def test_every_kind_and_media_type_occurs() -> None:
    kinds = Counter(event.kind for event in EVENTS)
    assert set(kinds) == {"answered", "abandoned", "transferred", "other_type"}
    media = Counter(event.body["attributes"]["participants"][0]["mediaType"] for event in ENDS)
    assert set(media) == {"VOICE", "CHAT", "EMAIL", "CALLBACK", "MESSAGE"}
    assert min(media.values()) > 8


def test_the_worker_understands_every_end() -> None:
    for event in EVENTS:
        parsed = parse_subscription_event(json.dumps(event.body), 0, OUR_QUEUES)
        if event.kind == "other_type":
            assert parsed == Ignored("other_event_type")
        elif event.queue_id not in OUR_QUEUES:
            assert parsed == Ignored("other_queue")
        else:
            assert isinstance(parsed, Accepted)
            assert parsed.end.conversation_id == event.conversation_id
            assert parsed.end.queue_id == event.queue_id
            assert parsed.end.queue_name


def test_a_conversation_ends_once_in_each_queue_that_it_touched() -> None:
    conversation_ids = [event.conversation_id for event in ENDS]
    assert len(set(conversation_ids)) == 400
    for _, group in groupby(ENDS, lambda event: event.conversation_id):
        *before, last = group
        assert all(event.kind == "transferred" for event in before)
        assert last.kind in ("answered", "abandoned")
        assert len({event.queue_id for event in (*before, last)}) == len(before) + 1
        assert {event.body["eventTime"] for event in before} <= {last.body["eventTime"]}
        participants = last.body["attributes"]["participants"]
        waited_in = [one["queueId"] for one in participants if one["purpose"] == "acd"]
        assert waited_in == [event.queue_id for event in (*before, last)]


def test_an_abandoned_conversation_has_no_agent_in_that_queue() -> None:
    for event in ENDS:
        agents = [
            one
            for one in event.body["attributes"]["participants"]
            if one["purpose"] == "agent" and one["queueId"] == event.queue_id
        ]
        assert len(agents) == (event.kind != "abandoned")
        assert ("tAbandon" in metrics(event)) == (event.kind == "abandoned")
        assert purposes(event)[0] == "customer"


def test_metrics_agree_with_each_other() -> None:
    for event in ENDS:
        values = metrics(event)
        handled = values.get("tTalk", 0) + values.get("tHeld", 0) + values.get("tAcw", 0)
        assert values.get("tHandle", 0) == handled
        assert values["nTransferred"] == (event.kind == "transferred")
        assert values["tAcd"] > 0


def test_ids_look_like_genesys_clouds() -> None:
    for event in EVENTS:
        assert str(UUID(event.conversation_id)) == event.conversation_id
        for one in event.body["attributes"]["participants"]:
            UUID(one["id"])
            UUID(one.get("userId", one["id"]))


def test_nobody_real_can_be_called_or_written_to() -> None:
    text = json.dumps([event.body for event in EVENTS])
    assert set(re.findall(r"tel:\+1(\d{8})\d\d", text)) == {"55555501"}
    assert set(re.findall(r"@([a-z.]+)", text)) == {"example.com"}


def test_times_go_on_from_the_start() -> None:
    times = [datetime.fromisoformat(event.body["eventTime"]) for event in ENDS]
    assert times == sorted(times)
    assert times[0] == START
    began = datetime(2027, 1, 1, tzinfo=UTC)
    first = next(conversations(7, 1, other_type_share=0, start=began))
    assert first.body["eventTime"] == "2027-01-01T00:00:00.000Z"


def test_events_of_other_types_come_before_the_end() -> None:
    others = [event for event in EVENTS if event.kind == "other_type"]
    assert 20 < len(others) < 60
    ended = {event.conversation_id: event.body["eventTime"] for event in ENDS}
    for event in others:
        assert event.body["eventType"] != END
        assert event.body["eventTime"] < ended[event.conversation_id]


def test_an_event_can_get_another_time() -> None:
    event = ENDS[0]
    later = event.with_time(START + timedelta(hours=1))
    assert later.body == {**event.body, "eventTime": "2026-11-23T11:00:00.000Z"}
    assert event.body["eventTime"] == "2026-11-23T10:00:00.000Z"


@pytest.mark.parametrize("case", malformed_bodies(), ids=lambda case: case.name)
def test_malformed_bodies_are_rejected_for_their_reason(case: tuple[str, str, str]) -> None:
    _, body, reason = case
    parsed = parse_subscription_event(body, 0, OUR_QUEUES)
    assert isinstance(parsed, Rejected)
    assert parsed.reason == reason


def test_malformed_bodies_cover_every_reason_that_sqs_lets_through() -> None:
    assert {case.reason for case in malformed_bodies()} == {
        "not_json",
        "not_an_object",
        "missing_event_type",
        "missing_conversation_id",
        "missing_queue_id",
        "invalid_field",
    }
