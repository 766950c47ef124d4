"""Every subscription event has the outcome of the contract; no body makes the parser raise."""

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conversations.parsed import Accepted, Ignored, Rejected
from conversations.subscription_event import parse_subscription_event
from tests.bodies import (
    CANARY,
    NEEDED,
    OTHER_QUEUE,
    QUEUE,
    SAMPLE,
    SAMPLE_TEXT,
    edited_texts,
    expected,
    having,
    mutated_events,
    outcome_in_words,
    telling,
    without,
)
from tests.fakes.aws.sqs_event import SENT_AT

QUEUES = frozenset({QUEUE, "second-queue"})
thorough = settings(max_examples=150)


def outcome_of(body: str | None) -> tuple[str, str]:
    """Return a body's outcome in the oracle's words, after checking the parsed fields."""
    parsed = parse_subscription_event(body, SENT_AT, QUEUES)
    if isinstance(parsed, Accepted):
        end = parsed.end
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", end.ended_at)
        assert datetime.fromisoformat(end.ended_at) == _utc(parsed.ended_at_ms)
        assert end.queue_id in QUEUES
    return outcome_in_words(parsed)


def _utc(epoch_ms: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=epoch_ms)


def _microseconds(utc: datetime) -> int:
    return (utc.replace(tzinfo=UTC) - _utc(0)) // timedelta(microseconds=1)


def parse_accepted(body: str, sent_at_ms: int = SENT_AT) -> Accepted:
    parsed = parse_subscription_event(body, sent_at_ms, QUEUES)
    assert isinstance(parsed, Accepted)
    return parsed


@pytest.mark.parametrize(
    ("body", "reason", "detail"),
    [
        (None, "empty_body", "expected a JSON object"),
        ("", "empty_body", "expected a JSON object"),
        (" \n", "not_json", "expected a JSON object"),
        ("hello", "not_json", "expected a JSON object"),
        (SAMPLE_TEXT[:-1], "not_json", "expected a JSON object"),
        (SAMPLE_TEXT + "}", "not_json", "expected a JSON object"),
        ("\ufeff" + SAMPLE_TEXT, "not_json", "expected a JSON object"),
        ("\ud800", "not_json", "expected a JSON object"),
        ("null", "not_an_object", "$: expected an object, got nothing"),
        (f"[{SAMPLE_TEXT}]", "not_an_object", "$: expected an object, got an array"),
        (json.dumps(SAMPLE_TEXT), "not_an_object", "$: expected an object, got a string"),
        ("1.5", "not_an_object", "$: expected an object, got a number"),
        ("true", "not_an_object", "$: expected an object, got a boolean"),
        ("{}", "missing_event_type", "$.eventType"),
        (without("eventType"), "missing_event_type", "$.eventType: expected a string, got nothing"),
        (having("eventType", value=None), "missing_event_type", "$.eventType"),
        (having("eventType", value=7), "invalid_field", "$.eventType: expected a string, got a "),
        (without("attributes"), "invalid_field", "$.attributes: expected an object, got nothing"),
        (having("attributes", value=[]), "invalid_field", "$.attributes: expected an object"),
        (
            without("attributes", "conversationId"),
            "missing_conversation_id",
            "$.attributes.conversationId",
        ),
        (
            having("attributes", "conversationId", value=""),
            "missing_conversation_id",
            "$.attributes.conversationId",
        ),
        (
            having("attributes", "conversationId", value={}),
            "invalid_field",
            "$.attributes.conversationId: expected a string, got an object",
        ),
        (
            having("attributes", value={"conversationId": "c"}),
            "missing_queue_id",
            "$.attributes.queueId",
        ),
        (
            having("attributes", value={"conversationId": "c", "queue": {"id": None}}),
            "missing_queue_id",
            "$.attributes.queue.id",
        ),
        (having("attributes", "queueId", value=1), "invalid_field", "$.attributes.queueId"),
        (
            having("attributes", value={"conversationId": "c", "queue": QUEUE}),
            "invalid_field",
            "$.attributes.queue: expected an object, got a string",
        ),
        (
            having("attributes", value={"conversationId": "c", "queue": {"id": [QUEUE]}}),
            "invalid_field",
            "$.attributes.queue.id: expected a string, got an array",
        ),
        (having("eventTime", value="yesterday"), "invalid_field", "$.eventTime"),
        (having("eventTime", value=""), "invalid_field", "$.eventTime"),
        (having("eventTime", value="2026-02-30T10:00:00Z"), "invalid_field", "$.eventTime"),
        (having("eventTime", value="0001-01-01T00:00:00+01:00"), "invalid_field", "$.eventTime"),
        (having("eventTime", value=1795341600000), "invalid_field", "$.eventTime: expected an ISO"),
        (having("eventTime", value=False), "invalid_field", "$.eventTime"),
    ],
)
def test_an_invalid_subscription_event_is_rejected_with_its_reason_and_path(
    body: str | None, reason: str, detail: str
) -> None:
    parsed = parse_subscription_event(body, SENT_AT, QUEUES)
    assert isinstance(parsed, Rejected)
    assert parsed.reason == reason
    assert parsed.detail.startswith(detail)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (having("eventType", value="event:conversation:start"), "other_event_type"),
        (having("eventType", value="EVENT:CONVERSATION:END"), "other_event_type"),
        (having("eventType", value=""), "other_event_type"),
        ('{"eventType": "ping"}', "other_event_type"),
        (having("attributes", "queueId", value=OTHER_QUEUE), "other_queue"),
        (having("attributes", "queueId", value="SECOND-QUEUE"), "other_queue"),
        (having("attributes", "queueId", value=f" {QUEUE}"), "other_queue"),
    ],
)
def test_another_type_or_queue_is_ignored_with_its_reason(body: str, reason: str) -> None:
    assert parse_subscription_event(body, SENT_AT, QUEUES) == Ignored(reason)  # type: ignore[arg-type]


def test_the_first_failing_check_of_a_subscription_event_decides() -> None:
    invalid_event: dict[str, Any] = {
        "eventType": 1,
        "eventTime": "never",
        "attributes": {"conversationId": 1, "queueId": 1},
    }
    repairs: list[tuple[Callable[[], object], str]] = [
        (lambda: None, "$.eventType"),
        (lambda: invalid_event.update(eventType="other", attributes=None), "other_event_type"),
        (lambda: invalid_event.update(eventType="event:conversation:end"), "$.attributes"),
        (lambda: invalid_event.update(attributes={"queueId": 1}), "$.attributes.conversationId"),
        (lambda: invalid_event["attributes"].update(conversationId="c"), "$.attributes.queueId"),
        (lambda: invalid_event["attributes"].update(queueId=OTHER_QUEUE), "$.eventTime"),
        (lambda: invalid_event.update(eventTime=None), "other_queue"),
    ]
    for repair, expected_path_or_reason in repairs:
        repair()
        parsed = parse_subscription_event(json.dumps(invalid_event), SENT_AT, QUEUES)
        assert not isinstance(parsed, Accepted)
        path_or_reason = (
            parsed.detail.split(":")[0] if isinstance(parsed, Rejected) else parsed.reason
        )
        assert path_or_reason == expected_path_or_reason


def test_each_field_of_the_sample_is_parsed() -> None:
    parsed = parse_accepted(SAMPLE_TEXT)
    end = parsed.end
    assert (end.conversation_id, end.queue_id) == (SAMPLE["attributes"]["conversationId"], QUEUE)
    assert end.queue_name == "Support Queue"
    assert (end.media_type, end.direction, end.disconnect_type) == ("VOICE", "INBOUND", "ENDPOINT")
    assert end.ended_at == "2026-11-23T10:00:00.000Z"
    assert (parsed.ended_at_ms, parsed.has_own_time) == (1_795_428_000_000, True)
    assert end.participants == SAMPLE["attributes"]["participants"]
    assert end.metrics == SAMPLE["attributes"]["metrics"]
    assert (end.source, end.sequence, end.raw) == ("subscription", 1, SAMPLE)


def test_a_subscription_event_needs_only_its_ids_and_type() -> None:
    event = {
        "eventType": "event:conversation:end",
        "attributes": {"conversationId": "c", "queueId": QUEUE},
    }
    end = parse_accepted(json.dumps(event)).end
    optional = (end.queue_name, end.media_type, end.direction, end.disconnect_type)
    assert optional == (None, None, None, None)
    assert (end.participants, end.metrics, end.raw) == ([], [], event)


@pytest.mark.parametrize(
    ("attributes", "queue_id"),
    [
        ({"queueId": "second-queue", "queue": {"id": QUEUE}}, "second-queue"),
        ({"queueId": "second-queue", "queue": "what?"}, "second-queue"),
        ({"queueId": None, "queue": {"id": QUEUE}}, QUEUE),
        ({"queueId": "", "queue": {"id": QUEUE}}, QUEUE),
        ({"queue": {"id": QUEUE}}, QUEUE),
    ],
)
def test_the_queue_is_queue_id_or_else_the_queue_s_id(
    attributes: dict[str, Any], queue_id: str
) -> None:
    body = having("attributes", value={"conversationId": "c", **attributes})
    assert parse_accepted(body).end.queue_id == queue_id


@pytest.mark.parametrize(
    ("participants", "media_type"),
    [
        ([{"purpose": "agent", "mediaType": "A"}, {"purpose": "customer", "mediaType": "C"}], "C"),
        ([{"purpose": "acd"}, {"purpose": "external", "mediaType": "E"}], "E"),
        ([{"mediaType": "FIRST"}, {"mediaType": "SECOND"}], "FIRST"),
        ([None, 5, "x", [], {"purpose": ["customer"], "mediaType": "ODD"}], "ODD"),
        ([{"purpose": "customer", "mediaType": 7}], None),
        ([], None),
        ({"purpose": "customer", "mediaType": "NO LIST"}, None),
        (None, None),
    ],
)
def test_the_media_type_is_the_customer_s_or_else_the_first_participant_s(
    participants: object, media_type: str | None
) -> None:
    end = parse_accepted(having("attributes", "participants", value=participants)).end
    assert end.media_type == media_type
    assert end.raw["attributes"]["participants"] == participants


@pytest.mark.parametrize(
    ("time", "ended_at"),
    [
        ("2026-11-23T10:00:00Z", "2026-11-23T10:00:00.000Z"),
        ("2026-11-23T10:00:00.123456789+00:00", "2026-11-23T10:00:00.123Z"),
        ("2026-11-23T10:00:00.9996Z", "2026-11-23T10:00:00.999Z"),
        ("2026-11-23T10:00:00", "2026-11-23T10:00:00.000Z"),
        ("2026-11-23T01:30:00-08:30", "2026-11-23T10:00:00.000Z"),
        ("20261123T100000Z", "2026-11-23T10:00:00.000Z"),
        ("2026-11-23", "2026-11-23T00:00:00.000Z"),
        ("1969-12-31T23:59:59.9995Z", "1969-12-31T23:59:59.999Z"),
        ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00.000Z"),
        ("9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59.999Z"),
    ],
)
def test_times_become_utc_to_the_millisecond(time: str, ended_at: str) -> None:
    parsed = parse_accepted(having("eventTime", value=time))
    assert parsed.end.ended_at == ended_at
    assert _utc(parsed.ended_at_ms) == datetime.fromisoformat(ended_at)
    assert parsed.has_own_time


@thorough
@given(
    st.integers(_microseconds(datetime(1, 1, 2)), _microseconds(datetime(9999, 12, 30))),
    st.integers(-1439, 1439),
)
def test_any_iso_time_is_parsed_to_the_millisecond(microseconds: int, offset: int) -> None:
    zone = timezone(timedelta(minutes=offset))
    moment = (_utc(0) + timedelta(microseconds=microseconds)).astimezone(zone)
    parsed = parse_accepted(having("eventTime", value=moment.isoformat()))
    assert _utc(parsed.ended_at_ms) == moment - timedelta(microseconds=moment.microsecond % 1000)
    assert _utc(parsed.ended_at_ms) == datetime.fromisoformat(parsed.end.ended_at)


@pytest.mark.parametrize(
    "body_without_time", [without("eventTime"), having("eventTime", value=None)]
)
@pytest.mark.parametrize("sent_at_ms", [0, SENT_AT + 7, 253_402_300_799_999])
def test_an_end_without_a_time_gets_the_sent_time_of_its_message(
    body_without_time: str, sent_at_ms: int
) -> None:
    parsed = parse_accepted(body_without_time, sent_at_ms)
    assert (parsed.ended_at_ms, parsed.has_own_time) == (sent_at_ms, False)
    assert datetime.fromisoformat(parsed.end.ended_at) == _utc(sent_at_ms)


@thorough
@given(mutated_events)
def test_a_changed_subscription_event_has_the_outcome_of_the_contract(
    event: dict[str, Any],
) -> None:
    body = json.dumps(event)
    assert outcome_of(body) == expected(body, QUEUES)


@thorough
@given(edited_texts)
def test_an_edited_subscription_body_has_the_outcome_of_the_contract(text: str) -> None:
    assert outcome_of(text) == expected(text, QUEUES)


@thorough
@given(mutated_events, telling)
def test_unknown_fields_never_change_the_outcome(event: dict[str, Any], value: object) -> None:
    key = "unknown"
    before = outcome_of(json.dumps(event))
    attributes = event.get("attributes")
    extended_event = {key: value, **event, f"{key}2": value}
    if isinstance(attributes, dict):
        extended_event["attributes"] = {key: value, **attributes, f"{key}2": value}
        if isinstance(attributes.get("queue"), dict):
            extended_event["attributes"]["queue"] = {**attributes["queue"], key: value}
    assert outcome_of(json.dumps(extended_event)) == before


@pytest.mark.parametrize("path", NEEDED)
@pytest.mark.parametrize("value", [CANARY, [CANARY], {CANARY: CANARY}])
def test_no_detail_quotes_a_field(path: tuple[str, ...], value: object) -> None:
    outcome_of(having(*path, value=value))  # fails if the detail quotes the canary


@pytest.mark.parametrize("depth", [1, 100, 1_000, 10_000, 200_000])
@pytest.mark.parametrize("brackets", [("[", "]"), ('{"a":', "}")])
def test_deep_nesting_is_accepted_or_rejected_but_never_raises(
    depth: int, brackets: tuple[str, str]
) -> None:
    opening, closing = brackets
    nested = opening * depth + "1" + closing * depth
    body = SAMPLE_TEXT.replace('"metrics"', f'"deep": {nested}, "metrics"')
    allowed = [("accepted", "")] if depth <= 100 else [("accepted", ""), ("rejected", "not_json")]
    assert outcome_of(body) in allowed
    assert outcome_of(opening * depth) == ("rejected", "not_json")


@pytest.mark.parametrize("number", ["1e308", "-0", "1" * 300, "0." + "3" * 10_000, "1e-99999"])
def test_numbers_of_any_length_that_a_double_can_hold_are_accepted(number: str) -> None:
    assert outcome_of(SAMPLE_TEXT.replace("39674", number)) == ("accepted", "")


def test_half_a_surrogate_pair_is_replaced_wherever_it_stands() -> None:
    cut = json.loads(SAMPLE_TEXT)
    attributes = cut["attributes"]
    attributes["conversationId"] += "\ud83d"
    attributes["queue"]["name"] = "Sales \ude00"
    attributes["participants"][0] |= {"name": "Ann \ud83d", "\ud83d": ["\ud83d"]}

    end = parse_accepted(json.dumps(cut)).end

    replaced = json.loads(json.dumps(cut).replace("\\ud83d", "\ufffd").replace("\\ude00", "\ufffd"))
    assert end.raw == replaced
    assert end.conversation_id == attributes["conversationId"].replace("\ud83d", "\ufffd")
    assert end.queue_name == "Sales \ufffd"
    assert end.participants == replaced["attributes"]["participants"]
    assert json.loads(end.as_json())["raw"] == replaced


@pytest.mark.parametrize("number", ["1e309", "-1e999999999", "9" * 10_000])
def test_a_number_beyond_all_numbers_of_python_is_null(number: str) -> None:
    end = parse_accepted(SAMPLE_TEXT.replace("39674", number)).end

    assert end.raw == json.loads(SAMPLE_TEXT.replace("39674", "null"))


def test_a_number_beyond_a_double_does_not_replace_a_field_that_is_needed() -> None:
    needed = SAMPLE_TEXT.replace(f'"queueId": "{QUEUE}"', '"queueId": 1e999').replace(
        f'"id": "{QUEUE}"', '"id": 1e999'
    )
    assert outcome_of(needed) == ("rejected", "missing_queue_id")


@pytest.mark.parametrize("write", [str.upper, str.title], ids=["upper", "mixed"])
def test_uuids_in_upper_case_are_taken_in_lower_case(write: Callable[[str], str]) -> None:
    event = json.loads(SAMPLE_TEXT)
    attributes = event["attributes"]
    conversation_id = attributes["conversationId"]
    attributes["conversationId"] = write(conversation_id)
    for queue in ({"queueId": write(QUEUE)}, {"queueId": None, "queue": {"id": write(QUEUE)}}):
        end = parse_accepted(json.dumps({**event, "attributes": attributes | queue})).end
        assert (end.conversation_id, end.queue_id) == (conversation_id, QUEUE)
        assert end.raw["attributes"]["conversationId"] == write(conversation_id)


def test_ids_that_are_no_uuids_keep_their_case() -> None:
    end = parse_accepted(having("attributes", "conversationId", value="CONV-1")).end
    assert end.conversation_id == "CONV-1"
    parsed = parse_subscription_event(
        having("attributes", "queueId", value="SECOND-QUEUE"), SENT_AT, QUEUES
    )
    assert parsed == Ignored("other_queue")
