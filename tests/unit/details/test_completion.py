"""Ends with their details, and ends that are delivered without them."""

import dataclasses
import json
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conversations.end import ConversationEnd
from details import models
from details.completion import complete_end, give_up_details
from details.details import Details, EndInConversation, read_details
from tests.bodies import CANARY, QUEUE, SAMPLE, mutated, paths, telling, values
from tests.fakes.ends import sample_end
from tests.unit.details.conftest import (
    CONVERSATION_ID,
    ENDED_MS,
    IDS,
    USER_ID,
    Json,
    answered,
    at,
    customer,
    participant,
    segment,
    session,
)
from tests.unit.details.conftest import conversation as conversation_of

FIELDS = [
    "participant_id",
    "purpose",
    "user_id",
    "external_contact_id",
    "queue_ids",
    "media_types",
    "wrapup_codes",
    "disconnect_types",
    "started_at",
    "ended_at",
]
PERSONAL_FIELDS = ["name", "addresses", "notes"]


def details_of(of: Json, *, personal: bool = False) -> Details:
    end = EndInConversation(QUEUE, ENDED_MS, None, is_leg=False)
    details = read_details(
        msgspec.convert(of, models.Conversation),
        end,
        with_personal_data=personal,
        is_last_attempt=False,
    )
    assert details
    return details


def by_subscription(*participants: Json, metrics: list[Any] | None = None) -> ConversationEnd:
    """Return an end whose event lists participants and metrics, as a subscription's does."""
    event = json.loads(json.dumps(SAMPLE))
    event["attributes"] |= {"participants": [*participants], "metrics": metrics or []}
    return dataclasses.replace(
        sample_end(), participants=[*participants], metrics=metrics or [], raw=event
    )


def by_eventbridge() -> ConversationEnd:
    """Return the sample's end as the integration reports it: without lists."""
    raw = {"detail-type": "v2.detail.events.conversation.{id}.customer.end", "detail": {}}
    end = dataclasses.replace(sample_end(), source="eventbridge", raw=raw)
    return dataclasses.replace(end, queue_name="Support Queue", participants=[], metrics=[])


def completed(end: ConversationEnd, of: Json, *, personal: bool = False) -> ConversationEnd:
    return complete_end(end, details_of(of, personal=personal), with_personal_data=personal)


def test_an_end_gets_its_details_and_keeps_everything_else() -> None:
    before = by_eventbridge()
    after = completed(before, answered())
    details = details_of(answered())
    assert after == dataclasses.replace(
        before,
        details="complete",
        conversation_start=at(-10),
        participants=details.participants,
        metrics=details.metrics,
    )
    assert after.raw is before.raw


@pytest.mark.parametrize("field", ["media_type", "direction", "disconnect_type"])
def test_a_value_of_the_event_is_kept_and_a_missing_one_is_filled_in(field: str) -> None:
    other: Any = {field: "OTHER"}
    nothing: Any = {field: None}
    known = completed(dataclasses.replace(by_eventbridge(), **other), answered())
    missing = completed(dataclasses.replace(by_eventbridge(), **nothing), answered())
    expected = {"media_type": "VOICE", "direction": "INBOUND", "disconnect_type": "ENDPOINT"}
    assert getattr(known, field) == "OTHER"
    assert getattr(missing, field) == expected[field]


def event_participants(of: Json) -> list[Json]:
    """Return a conversation's participants as a subscription event lists them."""
    listed = []
    for one in of["participants"]:
        last = one["sessions"][-1]["segments"][-1]
        fields = {
            "id": one["participantId"],
            "purpose": one["purpose"],
            "userId": one.get("userId"),
            "mediaType": one["sessions"][0]["mediaType"].upper(),
            "queueId": last.get("queueId"),
            "wrapupCode": last.get("wrapUpCode"),
        }
        listed.append({key: value for key, value in fields.items() if value is not None})
    return listed


def callback() -> Json:
    """Return a conversation whose customer is called back, in two sessions."""
    waiting, call = segment(-10, -5), segment(-5, 0, disconnectType="peer")
    person = participant(1, "customer", session(waiting, media_type="callback"), session(call))
    return conversation_of(person, *answered()["participants"][2:])


def abandoned() -> Json:
    return conversation_of(customer(), answered()["participants"][2])


def email() -> Json:
    mail = session(segment(-10, 0, QUEUE, disconnectType="system"), media_type="email")
    return conversation_of(participant(1, "customer", mail), participant(2, "acd", mail))


@pytest.mark.parametrize("make", [answered, abandoned, callback, email])
def test_both_deliveries_of_a_conversation_give_equal_ends(make: Any) -> None:
    of = make()
    names = {metric["name"] for metric in details_of(of).metrics}
    metrics = [one for one in SAMPLE["attributes"]["metrics"] if one["name"] in names]
    subscription = by_subscription(*event_participants(of), metrics=metrics)
    # The event of the integration has the customer's values, too.
    customer_values: Any = {
        "media_type": "VOICE",
        "direction": "INBOUND",
        "disconnect_type": "ENDPOINT",
    }
    ends = [
        completed(dataclasses.replace(end, **customer_values), of)
        for end in (subscription, by_eventbridge())
    ]
    for field in ConversationEnd.__slots__:
        equal = getattr(ends[0], field) == getattr(ends[1], field)
        assert equal is (field not in ("source", "raw")), field


def test_what_the_event_says_more_of_a_participant_is_kept() -> None:
    event = {
        "id": IDS[0],
        "purpose": "external",
        "externalContactId": "contact",
        "wrapupCode": "from the event",
        "connectedTime": at(-1),
        "endTime": at(2),
    }
    first = completed(by_subscription(event), answered()).participants[0]
    assert first["external_contact_id"] == "contact"
    assert first["wrapup_codes"] == ["from the event"]
    assert first["purpose"] == "customer", "analytics have a value"
    assert (first["started_at"], first["ended_at"]) == (at(-10), at(0))


def test_a_participant_whom_analytics_do_not_have_comes_last() -> None:
    events: list[Json] = [{"id": "new", "purpose": "agent", "userId": "u"}, {"id": IDS[2]}]
    described = completed(by_subscription(*events), answered()).participants
    assert [one["participant_id"] for one in described] == [
        *(IDS[number] for number in (0, 6, 1, 2, 3)),
        "new",
    ]
    assert [*described[-1]] == FIELDS
    assert (described[-1]["user_id"], described[-1]["queue_ids"]) == ("u", [])


def test_a_participant_of_the_event_without_an_id_is_left_out() -> None:
    events: list[Any] = [{"purpose": "agent"}, {"id": None}, {"id": 5}, "text", None, ["a"]]
    described = completed(by_subscription(*events), answered()).participants
    assert described == completed(by_eventbridge(), answered()).participants


def test_participants_of_analytics_without_ids_stay_apart() -> None:
    of = conversation_of({"purpose": "customer"}, {"purpose": "acd"}, {"purpose": "acd"})
    event = {"id": None, "userId": "of nobody"}
    described = completed(by_subscription(event), of).participants
    assert [one["purpose"] for one in described] == ["customer", "acd", "acd"]
    assert all(one["user_id"] is None for one in described)


def test_metrics_of_the_event_are_added_if_analytics_do_not_have_them() -> None:
    end = by_subscription(
        metrics=[
            {"name": "tHandle", "value": 1, "more": 2},
            {"name": "nZ", "value": 5},
            {"name": "nZero", "value": 0},
            {"name": "nHalf", "value": 0.5},
            {"name": "nNothing", "value": None},
            {"name": "nTrue", "value": True},
            {"name": 5, "value": 5},
            {"value": 5},
            "text",
        ]
    )
    metrics = completed(end, answered()).metrics
    names = [metric["name"] for metric in metrics]
    assert names == ["nOffered", "nTransferred", "nZ", "tAcd", "tHandle", "tTalk", "tWait"]
    assert {"name": "tHandle", "value": 240_000} in metrics
    assert {"name": "nZ", "value": 5} in metrics


def test_an_end_without_details_has_the_events_lists_in_the_same_form() -> None:
    end = dataclasses.replace(sample_end(), conversation_id=CONVERSATION_ID)
    given_up = give_up_details(end, with_personal_data=False)
    assert (given_up.details, given_up.conversation_start) == ("missing", None)
    assert given_up.participants[0] == {
        "participant_id": IDS[0],
        "purpose": "customer",
        "user_id": None,
        "external_contact_id": None,
        "queue_ids": [],
        "media_types": ["VOICE"],
        "wrapup_codes": [],
        "disconnect_types": ["ENDPOINT"],
        "started_at": None,
        "ended_at": None,
    }
    assert given_up.participants[2]["user_id"] == USER_ID
    assert [one["name"] for one in given_up.metrics] == [
        *("nTransferred", "tAcd", "tAcw", "tHandle", "tHeld", "tTalk")
    ]
    assert given_up == dataclasses.replace(end, details="missing", **_lists_of(given_up))
    assert _lists_of(end) == _lists_of(sample_end()), "the end itself is unchanged"


def _lists_of(end: ConversationEnd) -> dict[str, Any]:
    return {"participants": end.participants, "metrics": end.metrics}


def test_an_end_by_eventbridge_without_details_has_empty_lists() -> None:
    given_up = give_up_details(by_eventbridge(), with_personal_data=True)
    assert given_up == dataclasses.replace(by_eventbridge(), details="missing")


EVENT_PERSONAL = {
    "name": "name",
    "ani": "addresses",
    "dnis": "addresses",
    "addressFrom": "addresses",
    "addressTo": "addresses",
    "wrapupNote": "notes",
}


@pytest.mark.parametrize(("field", "ours"), EVENT_PERSONAL.items())
def test_personal_data_of_the_event_is_there_only_if_it_is_asked_for(field: str, ours: str) -> None:
    event: Json = {"id": IDS[0], field: CANARY, "attributes": {CANARY: CANARY}, "other": CANARY}
    end = by_subscription(event)
    of = conversation_of(participant(1, "customer", session(segment(-9, 0))))
    for without in (give_up_details(end, with_personal_data=False), completed(end, of)):
        assert CANARY not in without.as_json(include_raw=False).decode()
    found = CANARY if ours == "name" else [CANARY]
    for having in (
        give_up_details(end, with_personal_data=True),
        completed(end, of, personal=True),
    ):
        [described] = having.participants
        assert [*described] == FIELDS + PERSONAL_FIELDS
        assert described[ours] == found
        assert having.as_json(include_raw=False).decode().count(CANARY) == 1


event_jsons = st.recursive(
    telling | values,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["id", "purpose", "userId", "queueId", "ani", "name", "value"]),
            inner | st.sampled_from(IDS[:2]),
            max_size=4,
        )
    ),
    max_leaves=6,
)
ATTRIBUTES: Json = {key: SAMPLE["attributes"][key] for key in ("participants", "metrics")}
changes = st.tuples(
    st.sampled_from([*paths(ATTRIBUTES)]), st.sampled_from(["drop", "wrap", *IDS[:2]]) | event_jsons
)
mutated_lists = st.lists(changes, min_size=1, max_size=4).map(
    lambda some: mutated(json.dumps(ATTRIBUTES), some)
)
any_lists = st.fixed_dictionaries(
    {
        "participants": st.lists(event_jsons, max_size=3),
        "metrics": st.lists(event_jsons, max_size=3),
    }
)


@given(lists=mutated_lists | any_lists, personal=st.booleans())
@settings(max_examples=60)
def test_any_lists_of_an_event_are_brought_into_one_form(
    lists: dict[str, Any], personal: bool
) -> None:
    participants, metrics = (
        value if isinstance(value := lists.get(name), list) else []
        for name in ("participants", "metrics")
    )
    end = dataclasses.replace(sample_end(), participants=participants, metrics=metrics)
    for after in (
        give_up_details(end, with_personal_data=personal),
        completed(end, answered(), personal=personal),
    ):
        assert after.as_json()
        for one in after.participants:
            assert [*one] == FIELDS + PERSONAL_FIELDS * personal
            for field in FIELDS:
                kind: Any = list if field.endswith("s") else (str, type(None))
                assert isinstance(one[field], kind), field
        names = [metric["name"] for metric in after.metrics]
        assert names == sorted(names)
        assert all([*metric] == ["name", "value"] for metric in after.metrics)
