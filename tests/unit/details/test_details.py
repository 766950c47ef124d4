"""The details that analytics' conversation has of an end, once all of them are there."""

import json
from datetime import datetime
from typing import Any, Union, get_args, get_origin

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from details import models
from details.details import Details, EndInConversation, read_details
from details.models import parse_conversation
from tests.bodies import CANARY, OTHER_QUEUE, QUEUE, mutated, paths, telling, values
from tests.genesys_sdk import types
from tests.genesys_sdk import values as sdk_values
from tests.unit.details.conftest import (
    CONVERSATION_ID,
    ENDED_MS,
    IDS,
    USER_ID,
    Json,
    acd,
    agent,
    answered,
    at,
    at_ms,
    conversation,
    customer,
    metric,
    participant,
    segment,
    session,
)

SEGMENT, SESSION = "AnalyticsConversationSegment", "AnalyticsSession"
EVENT = "CustomerEndDetailEventTopicCustomerEndEvent"
SDK_MODELS: dict[type[models.Model], str] = {
    models.Metric: "AnalyticsSessionMetric",
    models.Segment: SEGMENT,
    models.Session: SESSION,
    models.Participant: "AnalyticsParticipantWithoutAttributes",
    models.Conversation: "AnalyticsConversationWithoutAttributes",
}


def read(
    of: Json,
    minutes: float = 0,
    *,
    previous: float | None = None,
    is_leg: bool = False,
    personal: bool = False,
    queue_id: str = QUEUE,
) -> Details | None:
    """Read the details of an end at some minutes after `ENDED`."""
    previous_end_at = None if previous is None else at_ms(previous)
    end = EndInConversation(queue_id, at_ms(minutes), previous_end_at, is_leg)
    return read_details(
        msgspec.convert(of, models.Conversation),
        end,
        with_personal_data=personal,
        is_last_attempt=False,
    )


def complete(of: Json, minutes: float = 0, **options: Any) -> Details:
    details = read(of, minutes, **options)
    assert details is not None
    return details


def metrics_of(details: Details) -> dict[str, int]:
    return {metric["name"]: metric["value"] for metric in details.metrics}


def test_an_answered_conversation_is_complete() -> None:
    details = complete(answered())
    assert details.conversation_start == "2026-11-23T09:50:00.000Z"
    assert (details.media_type, details.direction) == ("VOICE", "INBOUND")
    assert details.disconnect_type == "ENDPOINT"
    assert len(details.participants) == 5
    assert details.participants[3] == {
        "participant_id": IDS[2],
        "purpose": "agent",
        "user_id": USER_ID,
        "external_contact_id": None,
        "queue_ids": [QUEUE],
        "media_types": ["VOICE"],
        "wrapup_codes": ["sold"],
        "disconnect_types": ["PEER"],
        "started_at": at(-8),
        "ended_at": at(1),
    }


def test_after_call_work_that_goes_on_makes_the_end_wait() -> None:
    assert read(answered(acw_end=None)) is None


def test_an_open_segment_in_another_queue_does_not_make_the_end_wait() -> None:
    in_other_queue = acd(OTHER_QUEUE, -5, None)
    assert read(conversation(customer(), acd(), agent(), in_other_queue))


def test_a_conversation_without_an_end_makes_the_end_wait() -> None:
    assert read(answered(end=None)) is None


@pytest.mark.parametrize(("end", "is_complete"), [(-5, True), (-5.001, False), (3, True)])
def test_a_conversation_end_may_lie_five_minutes_before_the_end(
    end: float, is_complete: bool
) -> None:
    details = read(conversation(customer(end), end=end))
    assert (details is not None) is is_complete


def test_an_end_without_a_time_of_its_own_is_complete_days_later() -> None:
    days_later = 3 * 24 * 60
    details = complete(answered(), days_later)
    assert metrics_of(details)["tHandle"] == 240_000


def test_a_conversation_in_analytics_as_it_was_before_it_was_re_opened_makes_the_end_wait() -> None:
    assert read(answered(), 60, previous=0) is None


def test_a_conversation_that_was_re_opened_is_complete_with_its_later_part_alone() -> None:
    later = agent(QUEUE, 50, 61, metric("tHandle", 7), number=5)
    re_opened = answered() | {"conversationEnd": at(60)}
    re_opened["participants"].append(later)
    assert metrics_of(complete(re_opened, 60, previous=0)) == {"tHandle": 7}
    first = metrics_of(complete(re_opened, 0))
    assert first["tHandle"] == 240_000


def test_a_conversation_that_was_re_opened_and_goes_on_makes_only_its_next_end_wait() -> None:
    re_opened = answered(end=None)
    re_opened["participants"].append(agent(QUEUE, 50, 54, number=5))
    first = complete(re_opened, 0)
    assert len(first.participants) == len(answered()["participants"])
    assert metrics_of(first) == metrics_of(complete(answered(), 0))
    assert read(re_opened, 60, previous=0) is None


def test_a_conversation_end_before_the_last_session_is_that_of_an_earlier_part() -> None:
    re_opened = answered()
    re_opened["participants"].append(agent(QUEUE, 50, 54, number=5))
    assert read(re_opened, 60, previous=0) is None
    assert read(re_opened | {"conversationEnd": at(50)}, 60, previous=0)


def test_the_customer_of_a_re_opened_conversation_has_the_disconnect_type_of_the_end() -> None:
    again = session(segment(50, 60, disconnectType="timeout"), media_type="email")
    re_opened = answered() | {"conversationEnd": at(60)}
    re_opened["participants"][0]["sessions"].append(again)
    assert complete(re_opened, 0).disconnect_type == "ENDPOINT"
    assert complete(re_opened, 60).disconnect_type == "TIMEOUT"


def test_a_leg_is_complete_while_the_conversation_goes_on() -> None:
    details = complete(answered(end=None), 1, is_leg=True)
    assert metrics_of(details)["tHandle"] == 240_000
    assert details.participants[0]["ended_at"] is None


def test_a_leg_waits_for_its_sessions_and_its_after_call_work() -> None:
    assert read(conversation(customer(None), end=None), 0, is_leg=True) is None
    assert read(answered(end=None, acw_end=None), 0, is_leg=True) is None
    assert read(answered(end=None), 60, previous=2, is_leg=True) is None


@pytest.mark.parametrize(("previous", "counts"), [(-8.001, True), (-8, False)])
def test_a_session_that_began_with_the_previous_end_belongs_to_that_end(
    previous: float, counts: bool
) -> None:
    assert ("tHandle" in metrics_of(complete(answered(), previous=previous))) is counts


@pytest.mark.parametrize(("ended", "counts"), [(-8, True), (-8.001, False)])
def test_a_session_that_began_after_the_end_does_not_count(ended: float, counts: bool) -> None:
    assert ("tHandle" in metrics_of(complete(answered(), ended))) is counts


def test_metrics_are_the_sums_of_the_queues_sessions() -> None:
    details = complete(
        conversation(
            acd(QUEUE, -9, -8, metric("tWait", 5), metric("nOffered", 1)),
            acd(OTHER_QUEUE, -9, -8, metric("tWait", 50)),
            agent(QUEUE, -8, 1, metric("tTalk", 30), metric("tTalk", 4), metric("nTransferred", 0)),
            agent(QUEUE, -7, 1, metric("tTalk", 600), number=4),
            participant(5, "agent", session(metrics=[metric("tTalk", 9000)])),
        )
    )
    assert details.metrics == [
        {"name": "nOffered", "value": 1},
        {"name": "nTransferred", "value": 0},
        {"name": "tTalk", "value": 634},
        {"name": "tWait", "value": 5},
    ]


@pytest.mark.parametrize(
    "odd",
    [
        {"name": "oMediaCount", "value": 3},
        {"name": "Total", "value": 3},
        {"name": "", "value": 3},
        {"value": 3},
        {"name": "tTalk"},
        {},
    ],
)
def test_a_metric_that_cannot_be_added_is_left_out(odd: Json) -> None:
    details = complete(conversation(agent(QUEUE, -8, 1, odd, metric("nError", 2))))
    assert details.metrics == [{"name": "nError", "value": 2}]


def test_a_session_without_a_start_does_not_count() -> None:
    without_start = session({"queueId": QUEUE, "segmentEnd": at(-1)}, metrics=[metric("tTalk", 1)])
    assert complete(conversation(participant(3, "agent", without_start))).metrics == []


def test_participants_are_in_analytics_order() -> None:
    details = complete(answered())
    purposes = [one["purpose"] for one in details.participants]
    assert purposes == ["customer", "ivr", "acd", "agent", "agent"]


def test_a_participant_who_joined_after_the_end_is_left_out() -> None:
    joined = {
        number: agent(QUEUE, minute, 70, number=number) for number, minute in [(4, 0), (5, 50)]
    }
    no_sessions = participant(6, "workflow")
    details = complete(conversation(joined[5], joined[4], no_sessions, end=60))
    assert [one["participant_id"] for one in details.participants] == [IDS[3], IDS[5]]


def test_lists_hold_each_value_once_in_order_of_appearance() -> None:
    segments = [
        segment(-8, -7, QUEUE, disconnectType="transfer", wrapUpCode="b"),
        segment(-7, -6, OTHER_QUEUE, disconnectType="peer", wrapUpCode="a"),
        segment(-6, -5, QUEUE, disconnectType="transfer", wrapUpCode="b"),
        segment(-5, -4, "", disconnectType="", wrapUpCode=""),
    ]
    of = participant(
        3, "agent", session(*segments[:2], media_type="callback"), session(*segments[2:])
    )
    [described] = complete(conversation(of)).participants
    assert described["queue_ids"] == [QUEUE, OTHER_QUEUE]
    assert described["wrapup_codes"] == ["b", "a"]
    assert described["disconnect_types"] == ["TRANSFER", "PEER"]
    assert described["media_types"] == ["CALLBACK", "VOICE"]


def test_a_participant_lasts_from_the_first_start_to_the_last_end() -> None:
    of = participant(
        3,
        "agent",
        session(segment(-5, -1), segment(-8, -2)),
        session(segment(-9, -7)),
    )
    [described] = complete(conversation(of)).participants
    assert (described["started_at"], described["ended_at"]) == (at(-9), at(-1))


def test_a_participant_with_an_open_segment_has_no_end() -> None:
    of = participant(3, "agent", session(segment(-5, -1)), session(segment(-8, None)))
    [described] = complete(conversation(of)).participants
    assert (described["started_at"], described["ended_at"]) == (at(-8), None)


def test_an_empty_participant_has_every_field() -> None:
    details = complete(conversation({}, {"sessions": None}, {"sessions": [{}, {"segments": []}]}))
    for described in details.participants:
        assert described == {
            "participant_id": None,
            "purpose": None,
            "user_id": None,
            "external_contact_id": None,
            "queue_ids": [],
            "media_types": [],
            "wrapup_codes": [],
            "disconnect_types": [],
            "started_at": None,
            "ended_at": None,
        }
    assert len(details.participants) == 3


@pytest.mark.parametrize("participants", [None, [], [{}], [{"purpose": "agent"}]])
def test_a_conversation_without_a_customer_has_no_values_of_the_customer(
    participants: list[Json] | None,
) -> None:
    of = {"conversationId": CONVERSATION_ID, "conversationEnd": at(0), "participants": participants}
    details = complete(of)
    assert (details.conversation_start, details.media_type) == (None, None)
    assert (details.direction, details.disconnect_type) == (None, None)


def test_an_external_person_stands_for_the_customer() -> None:
    of = conversation(
        agent(), participant(4, "external", session(segment(-9, 0, disconnectType="client")))
    )
    assert complete(of).disconnect_type == "CLIENT"


@pytest.mark.parametrize(
    ("model", "field", "event_field"),
    [
        (SEGMENT, "disconnectType", "disconnectType"),
        (SESSION, "mediaType", "mediaType"),
        ("AnalyticsConversationWithoutAttributes", "originatingDirection", "direction"),
    ],
)
def test_every_word_of_analytics_is_spelt_as_in_events(
    model: str, field: str, event_field: str
) -> None:
    words = sdk_values(model, field)
    fields: Json = {
        "disconnectType": "peer",
        "mediaType": "voice",
        "originatingDirection": "inbound",
    }
    for word in words:
        one = fields | {field: word}
        talk = {
            "segmentStart": at(-9),
            "segmentEnd": at(0),
            "disconnectType": one["disconnectType"],
        }
        of = conversation(
            participant(1, "customer", session(talk, media_type=one["mediaType"])),
            originatingDirection=one["originatingDirection"],
        )
        details = complete(of)
        found = {
            "disconnectType": details.disconnect_type,
            "mediaType": details.media_type,
            "direction": details.direction,
        }
        [described] = details.participants
        assert found[event_field] in sdk_values(EVENT, event_field), word
        assert described["disconnect_types"] == [found["disconnectType"]]
        assert described["media_types"] == [found["mediaType"]]


def test_purposes_stay_as_they_are() -> None:
    purposes = sdk_values("AnalyticsParticipantWithoutAttributes", "purpose")
    details = complete(conversation(*({"purpose": purpose} for purpose in purposes)))
    assert [one["purpose"] for one in details.participants] == purposes


PERSONAL = {
    "participantName": "name",
    "ani": "addresses",
    "dnis": "addresses",
    "sessionDnis": "addresses",
    "addressFrom": "addresses",
    "addressTo": "addresses",
    "addressSelf": "addresses",
    "addressOther": "addresses",
    "callbackNumbers": "addresses",
    "wrapUpNote": "notes",
}


def with_canary(field: str) -> Json:
    """Return a conversation with a canary in one field of the customer."""
    of = answered()
    person = of["participants"][0]
    holders = (person, person["sessions"][0], person["sessions"][0]["segments"][0])
    models_in_order = ("AnalyticsParticipantWithoutAttributes", SESSION, SEGMENT)
    for holder, model in zip(holders, models_in_order, strict=True):
        if field in types(model):
            holder[field] = [CANARY, CANARY] if field == "callbackNumbers" else CANARY
    return of


@pytest.mark.parametrize(("field", "ours"), PERSONAL.items())
def test_personal_data_is_there_only_if_it_is_asked_for(field: str, ours: str) -> None:
    of = with_canary(field)
    assert CANARY in json.dumps(of)
    assert CANARY not in msgspec.json.encode(complete(of)).decode()
    first, *others = complete(of, personal=True).participants
    assert first[ours] == (CANARY if ours == "name" else [CANARY])
    assert CANARY not in json.dumps(others)
    assert all(other["addresses"] == other["notes"] == [] for other in others)


def test_no_other_text_of_analytics_is_delivered() -> None:
    delivered = {"participantId", "userId", "externalContactId", "purpose", "queueId"}
    delivered |= {"wrapUpCode", "mediaType", "disconnectType", *PERSONAL}
    of = answered()
    person = of["participants"][0]
    holders = (person, person["sessions"][0], person["sessions"][0]["segments"][0])
    models_in_order = ("AnalyticsParticipantWithoutAttributes", SESSION, SEGMENT)
    for holder, model in zip(holders, models_in_order, strict=True):
        texts = [field for field, type_ in types(model).items() if type_ in ("str", "list[str]")]
        others = {field for field in texts if field not in delivered}
        holder |= {f: [CANARY] if types(model)[f] == "list[str]" else CANARY for f in others}
        assert len(others) >= 3
    details = complete(of, personal=True)
    assert CANARY not in msgspec.json.encode(details).decode()


def test_times_are_in_utc_to_the_millisecond() -> None:
    of = conversation(customer(), conversationStart="2026-11-23T11:50:00.123987+02:00")
    assert complete(of).conversation_start == "2026-11-23T09:50:00.123Z"


@pytest.mark.parametrize("time", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00"])
def test_a_time_outside_of_the_years_1_to_9999_is_no_time(time: str) -> None:
    of = conversation(
        participant(3, "agent", session({"segmentStart": time, "segmentEnd": time})),
        conversationStart=time,
        conversationEnd=time,
    )
    end = EndInConversation(QUEUE, -(10**15), None, is_leg=False)
    details = read_details(
        msgspec.convert(of, models.Conversation),
        end,
        with_personal_data=True,
        is_last_attempt=False,
    )
    assert details is not None
    assert details.conversation_start is None


# The strategies below make JSON as the client decodes it: with halves of surrogate pairs and with
# integers of any size.
TIMES = [at(-8), "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00", "2026-01-01T00:00:00"]
ODD: list[object] = [*TIMES, "\ud800", "\x00", 10**5, 10**15 + 1, 10**4000, 1e300, -1, [None], [[]]]
odd = st.sampled_from(ODD)
any_json = st.recursive(
    telling | odd | values,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["participants", "sessions", "segments", "metrics", "name", "\ud800"])
            | st.sampled_from(["conversationId", "conversationEnd", "segmentStart", "value"]),
            inner,
            max_size=3,
        )
    ),
    max_leaves=6,
)
changes = st.tuples(st.sampled_from([*paths(answered())]), st.sampled_from(["drop", "wrap"]) | odd)
other_changes = st.tuples(st.sampled_from([*paths(answered())]), any_json)
mutated_conversations = st.lists(changes | other_changes, min_size=1, max_size=4).map(
    lambda some: mutated(json.dumps(answered()), some)
)
# Of the right types, but with times, words and numbers that no conversation has.
time_texts = st.none() | st.sampled_from(TIMES[:3]) | st.floats(-20, 70).map(at)
texts = st.none() | st.sampled_from([QUEUE, OTHER_QUEUE, "", "dndEndpoint", "é", "customer", "acd"])
odd_metrics = st.fixed_dictionaries(
    {
        "name": st.sampled_from([None, "", "tX", "nX", "oX"]),
        "value": st.sampled_from([None, 10**15]),
    }
)
odd_segments = st.fixed_dictionaries(
    {
        "segmentStart": time_texts,
        "segmentEnd": time_texts,
        "queueId": texts,
        "disconnectType": texts,
        "wrapUpNote": texts,
    }
)
odd_sessions = st.fixed_dictionaries(
    {
        "mediaType": texts,
        "metrics": st.none() | st.lists(odd_metrics, max_size=2),
        "segments": st.none() | st.lists(odd_segments, max_size=2),
    }
)
odd_participants = st.fixed_dictionaries(
    {"purpose": texts, "sessions": st.none() | st.lists(odd_sessions, max_size=2)}
)
odd_conversations = st.fixed_dictionaries(
    {
        "conversationId": st.just(CONVERSATION_ID),
        "conversationStart": time_texts,
        "conversationEnd": time_texts,
        "participants": st.none() | st.lists(odd_participants, max_size=2),
    }
)
ends = st.builds(
    EndInConversation,
    st.sampled_from([QUEUE, OTHER_QUEUE]),
    st.sampled_from([ENDED_MS, -62_135_596_800_000, 253_402_300_799_999, 0]),
    st.sampled_from([None, ENDED_MS - 480_000, ENDED_MS]),
    st.booleans(),
)


@given(
    of=any_json | mutated_conversations | odd_conversations | odd_conversations,
    end=ends,
    personal=st.booleans(),
)
@settings(max_examples=100)
def test_any_json_has_no_details_or_details_that_can_be_encoded(
    of: Any, end: EndInConversation, personal: bool
) -> None:
    parsed = parse_conversation(of)
    if parsed is None:
        return
    details = read_details(parsed, end, with_personal_data=personal, is_last_attempt=False)
    if details is not None:
        assert isinstance(json.loads(msgspec.json.encode(details)), dict)
        keys = [*complete(answered(), personal=personal).participants[0]]
        assert all([*one] == keys for one in details.participants)


@pytest.mark.parametrize(
    "of",
    [
        answered() | {"conversationStart": "\ud800"},
        conversation(agent(QUEUE, -8, 1, metric("tTalk", 10**4000))),
        conversation(participant(3, "agent", wrapUpNote="\ud800", participantName="half\ud83d")),
        answered() | {"\ud800": 1},
        {},
        [],
        None,
        5,
        "text",
    ],
    ids=range(9),
)
def test_json_that_could_not_be_encoded_is_no_conversation(of: Any) -> None:
    assert parse_conversation(of) is None


@pytest.mark.parametrize("model", SDK_MODELS)
def test_every_field_that_is_read_has_the_type_of_the_official_sdk(
    model: type[models.Model],
) -> None:
    for field in msgspec.structs.fields(model):
        sdk_type = types(SDK_MODELS[model]).get(field.encode_name)
        assert sdk_type == sdk_name(field.type), field.encode_name


def sdk_name(annotation: Any) -> str:
    """Return a type as the SDK writes it; None as a further value does not count."""
    if get_origin(annotation) is Union or type(annotation).__name__ == "UnionType":
        [annotation] = [one for one in get_args(annotation) if one is not type(None)]
    if get_origin(annotation) is list:
        return f"list[{sdk_name(get_args(annotation)[0])}]"
    if hasattr(annotation, "__metadata__"):
        annotation = get_args(annotation)[0]
    plain = {str: "str", int: "int", datetime: "datetime"}
    return SDK_MODELS.get(annotation) or plain[annotation]
