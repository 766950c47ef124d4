"""Every partner event has the outcome of the contract, and no body makes the parser raise."""

import json
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given, settings

from conversations.parsed import Ignored, Rejected
from conversations.partner_event import PartnerEvent, parse_partner_event
from conversations.topics import CUSTOMER_END
from tests.bodies import CANARY, OTHER_QUEUE, QUEUE, TELLING, outcome_in_words
from tests.fakes.aws.sqs_event import SENT_AT
from tests.partner_events import (
    BODY,
    ENDED_MS,
    NEEDED,
    PREFIX,
    READ,
    SAMPLES,
    SETTLE,
    WITH_QUEUE,
    changed,
    event,
    expected,
    mutated_events,
    settle,
)

QUEUES = frozenset({QUEUE, "second-queue"})
END, WRAPUP = "customer-end", "wrapup"


def outcome_of(body: str | None) -> tuple[str, str]:
    """Return a body's outcome in the oracle's words, after checking the parsed fields."""
    parsed = parse_partner_event(body, SENT_AT, QUEUES)
    if isinstance(parsed, PartnerEvent):
        assert parsed.queue_id in (QUEUES if parsed.topic in WITH_QUEUE else {None})
        assert parsed.raw == json.loads(body or "")
        assert parsed.has_own_time or parsed.at_ms == SENT_AT
    return outcome_in_words(parsed)


def parsed_event(body: str, sent_at_ms: int = SENT_AT) -> PartnerEvent:
    parsed = parse_partner_event(body, sent_at_ms, QUEUES)
    assert isinstance(parsed, PartnerEvent)
    return parsed


def with_field(key: str, value: object, sample: str = WRAPUP) -> str:
    """Return a sample whose `eventBody` has another value for a field."""
    return changed(sample, ((*BODY, key), value))


@pytest.mark.parametrize(
    ("body", "reason", "detail"),
    [
        (None, "empty_body", "expected a JSON object"),
        ("", "empty_body", "expected a JSON object"),
        ("hello", "not_json", "expected a JSON object"),
        (SAMPLES[END].rstrip()[:-1], "not_json", "expected a JSON object"),
        (f"[{SAMPLES[END]}]", "not_an_object", "$: expected an object, got an array"),
        ("null", "not_an_object", "$: expected an object, got nothing"),
        ("{}", "missing_event_type", "$.detail-type: expected a string, got nothing"),
        (changed(END, (("detail-type",), None)), "missing_event_type", "$.detail-type"),
        (changed(END, (("detail-type",), 7)), "invalid_field", "$.detail-type: expected a string"),
        (changed(END, (("detail",), "drop")), "invalid_field", "$.detail: expected an object"),
        (changed(END, (("detail",), [])), "invalid_field", "$.detail: expected an object, got an"),
        (
            changed(END, (BODY, "drop")),
            "invalid_field",
            "$.detail.eventBody: expected an object, got nothing",
        ),
        (changed(END, (BODY, "x")), "invalid_field", "$.detail.eventBody: expected an object"),
        (
            with_field("conversationId", "drop", END),
            "missing_conversation_id",
            "$.detail.eventBody.conversationId",
        ),
        (
            with_field("conversationId", "", END),
            "missing_conversation_id",
            "$.detail.eventBody.conversationId",
        ),
        (
            with_field("conversationId", 5, END),
            "invalid_field",
            "$.detail.eventBody.conversationId: expected a string, got a number",
        ),
        (
            with_field("conversationId", "é" * 1025, END),
            "invalid_field",
            "$.detail.eventBody.conversationId: expected an id of at most 2048 bytes",
        ),
        (
            with_field("queueId", {}),
            "invalid_field",
            "$.detail.eventBody.queueId: expected a string, got an object",
        ),
        (with_field("queueId", 0), "invalid_field", "$.detail.eventBody.queueId"),
        (with_field("queueId", False), "invalid_field", "$.detail.eventBody.queueId"),
        (
            with_field("eventTime", "today"),
            "invalid_field",
            "$.detail.eventBody.eventTime: expected an ISO 8601 time, got another string",
        ),
        (with_field("eventTime", "", END), "invalid_field", "$.detail.eventBody.eventTime"),
        (
            with_field("eventTime", True, END),
            "invalid_field",
            "$.detail.eventBody.eventTime: expected epoch milliseconds or an ISO 8601 time, got a",
        ),
        (with_field("eventTime", 10**18, END), "invalid_field", "$.detail.eventBody.eventTime"),
        (with_field("eventTime", -1e300, END), "invalid_field", "$.detail.eventBody.eventTime"),
        (with_field("eventTime", [1], END), "invalid_field", "$.detail.eventBody.eventTime"),
        (
            json.dumps({"detail-type": SETTLE, "detail": {"conversationId": "c"}}),
            "invalid_field",
            "$.detail.endedAt: expected epoch milliseconds or an ISO 8601 time, got nothing",
        ),
        (
            json.dumps({"detail-type": SETTLE, "detail": {"endedAt": 1}}),
            "missing_conversation_id",
            "$.detail.conversationId",
        ),
        (
            json.dumps({"detail-type": SETTLE, "detail": {"conversationId": "c", "endedAt": "x"}}),
            "invalid_field",
            "$.detail.endedAt",
        ),
        (json.dumps({"detail-type": SETTLE}), "invalid_field", "$.detail: expected an object"),
    ],
)
def test_an_invalid_partner_event_is_rejected_with_its_reason_and_path(
    body: str | None, reason: str, detail: str
) -> None:
    parsed = parse_partner_event(body, SENT_AT, QUEUES)
    assert isinstance(parsed, Rejected)
    assert parsed.reason == reason
    assert parsed.detail.startswith(detail)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        *[
            (changed(END, (("detail-type",), topic)), "other_event_type")
            for topic in (
                *("", "customer.end", PREFIX, PREFIX + "customer.start", PREFIX + "flow.end"),
                *(PREFIX + "CUSTOMER.END", PREFIX.replace("{id}", "1") + "customer.end"),
                *(f" {PREFIX}customer.end", "v2.routing.queues.{id}.conversations", SETTLE + "d"),
            )
        ],
        ('{"detail-type": "ping"}', "other_event_type"),
        (with_field("queueId", OTHER_QUEUE), "other_queue"),
        (with_field("queueId", "SECOND-QUEUE"), "other_queue"),
        (with_field("queueId", f"{QUEUE} "), "other_queue"),
        *[(with_field("queueId", absent), "other_queue") for absent in ("drop", None, "")],
        (SAMPLES["user-end-no-queue"], "other_queue"),
    ],
)
def test_another_topic_or_queue_is_ignored_with_its_reason(body: str, reason: str) -> None:
    assert parse_partner_event(body, SENT_AT, QUEUES) == Ignored(reason)  # type: ignore[arg-type]


def test_the_first_failing_check_of_a_partner_event_decides() -> None:
    content: dict[str, Any] = {"conversationId": 1, "queueId": 1, "eventTime": "never"}
    invalid_event: dict[str, Any] = {"detail-type": 1, "detail": None}
    repairs: list[tuple[Callable[[], object], str]] = [
        (lambda: None, "$.detail-type"),
        (lambda: invalid_event.update({"detail-type": "other"}), "other_event_type"),
        (lambda: invalid_event.update({"detail-type": PREFIX + "acw"}), "$.detail"),
        (lambda: invalid_event.update(detail={"eventBody": [content]}), "$.detail.eventBody"),
        (
            lambda: invalid_event.update(detail={"eventBody": content}),
            "$.detail.eventBody.conversationId",
        ),
        (lambda: content.update(conversationId="c"), "$.detail.eventBody.queueId"),
        (lambda: content.update(queueId=OTHER_QUEUE), "$.detail.eventBody.eventTime"),
        (lambda: content.update(eventTime=None), "other_queue"),
    ]
    for repair, expected_path_or_reason in repairs:
        repair()
        parsed = parse_partner_event(json.dumps(invalid_event), SENT_AT, QUEUES)
        assert not isinstance(parsed, PartnerEvent)
        path_or_reason = (
            parsed.detail.split(":")[0] if isinstance(parsed, Rejected) else parsed.reason
        )
        assert path_or_reason == expected_path_or_reason


@pytest.mark.parametrize("sample", [name for name in SAMPLES if name != "user-end-no-queue"])
def test_each_field_of_a_sample_is_parsed(sample: str) -> None:
    content = json.loads(SAMPLES[sample])
    fields = content["detail"]["eventBody"]
    topic = content["detail-type"].removeprefix(PREFIX)
    assert parsed_event(SAMPLES[sample]) == PartnerEvent(
        conversation_id=fields["conversationId"],
        topic=topic,
        queue_id=fields.get("queueId"),
        at_ms=fields["eventTime"],
        has_own_time=True,
        media_type="VOICE",
        direction="INBOUND",
        disconnect_type=fields.get("disconnectType"),
        acd_outcome=fields.get("acdOutcome"),
        duration_ms=sum(
            value
            for field, value in fields.items()
            if field.endswith("DurationMs") and topic in ("acd.end", "user.end")
        ),
        agent_talked=sample == "user-end",
        raw=content,
    )


def test_a_settle_event_has_its_conversation_and_the_time_of_its_end() -> None:
    parsed = parsed_event(settle("c-7", after=90.5))
    assert (parsed.conversation_id, parsed.topic, parsed.queue_id) == ("c-7", SETTLE, None)
    assert (parsed.at_ms, parsed.ends_conversation) == (ENDED_MS + 90_500, False)


def test_a_settle_event_hands_on_the_event_that_caused_it() -> None:
    cause = {"detail-type": "the cause"}
    body = json.loads(settle("c-7", after=90.5))
    body["detail"]["event"] = cause
    assert parsed_event(json.dumps(body)).raw == cause
    for invalid in (None, 7, "cause", [cause]):
        body["detail"]["event"] = invalid
        assert parsed_event(json.dumps(body)).raw == body


def test_a_customer_end_event_has_no_queue_even_if_its_body_has_one() -> None:
    for queue_id in (QUEUE, OTHER_QUEUE, 7, None):
        assert parsed_event(with_field("queueId", queue_id, END)).queue_id is None


def test_a_partner_event_needs_only_its_ids_and_topic() -> None:
    required_fields = {"conversationId": "c", "queueId": QUEUE}
    parsed = parsed_event(
        json.dumps({"detail-type": PREFIX + "acw", "detail": {"eventBody": required_fields}})
    )
    optional = (parsed.media_type, parsed.direction, parsed.disconnect_type, parsed.acd_outcome)
    assert optional == (None, None, None, None)
    assert (parsed.duration_ms, parsed.at_ms, parsed.has_own_time) == (0, SENT_AT, False)


@pytest.mark.parametrize(
    ("time", "iso_time"),
    [
        (1_795_428_000_123, "2026-11-23T10:00:00.123Z"),
        (1_795_428_000_123.9, "2026-11-23T10:00:00.123Z"),
        (1.7954280e12, "2026-11-23T10:00:00Z"),
        (0, "1970-01-01T00:00:00Z"),
        (-1, "1969-12-31T23:59:59.999Z"),
        (253_402_300_799_999, "9999-12-31T23:59:59.999Z"),
        ("2026-11-23T10:00:00.123Z", "2026-11-23T10:00:00.123Z"),
        ("2026-11-23T10:00:00", "2026-11-23T10:00:00Z"),
        ("2026-11-23T01:30:00-08:30", "2026-11-23T10:00:00Z"),
    ],
)
def test_a_time_is_epoch_milliseconds_or_iso(time: object, iso_time: str) -> None:
    for sample in (END, WRAPUP):
        parsed = parsed_event(with_field("eventTime", time, sample))
        assert parsed.at_ms == round(datetime.fromisoformat(iso_time).timestamp() * 1000)
        assert parsed.has_own_time


@pytest.mark.parametrize("absent", ["drop", None])
@pytest.mark.parametrize("sent_at_ms", [0, SENT_AT + 7, 253_402_300_799_999])
def test_an_event_without_a_time_gets_the_sent_time_of_its_message(
    absent: object, sent_at_ms: int
) -> None:
    parsed = parsed_event(with_field("eventTime", absent, END), sent_at_ms)
    assert (parsed.at_ms, parsed.has_own_time) == (sent_at_ms, False)


@pytest.mark.parametrize("path", READ)
@pytest.mark.parametrize("sample", [*SAMPLES])
def test_unknown_values_of_optional_fields_never_reject_an_event(
    sample: str, path: tuple[str, ...]
) -> None:
    for value in [*TELLING, "drop", "A_NEW_ONE", "transfer"]:
        body = changed(sample, (path, value))
        assert outcome_of(body) == outcome_of(SAMPLES[sample])


@pytest.mark.parametrize(
    ("disconnect_type", "leaves_for_good"),
    [
        *[(word, True) for word in ("ENDPOINT", "PEER", "SYSTEM", "UNKNOWN", "TIMEOUT", "NEW")],
        *[(word, True) for word in ("TRANSFERRED", "TRANSFER_FAILED", "transfer", "", None, 5)],
        *[(word, False) for word in ("TRANSFER", "CONFERENCE_TRANSFER", "NO_ANSWER_TRANSFER")],
        *[(word, False) for word in ("DND_TRANSFER", "SOME_FUTURE_TRANSFER")],
    ],
)
def test_a_customer_end_event_ends_the_conversation_unless_it_is_a_transfer(
    disconnect_type: object, leaves_for_good: bool
) -> None:
    parsed = parsed_event(with_field("disconnectType", disconnect_type, END))
    assert (parsed.ends_conversation, parsed.is_transfer) == (leaves_for_good, not leaves_for_good)
    agent_event = parsed_event(with_field("disconnectType", disconnect_type))
    assert not agent_event.ends_conversation


@pytest.mark.parametrize(
    ("topic", "durations", "sum_ms"),
    [
        ("acd.end", {"connectedDurationMs": 7}, 7),
        ("acd.end", {"interactingDurationMs": 7}, 0),
        ("user.end", {"interactingDurationMs": 7.9, "heldDurationMs": 10}, 18),
        ("user.end", {"alertingDurationMs": 1, "contactingDurationMs": 2}, 3),
        ("user.end", {"dialingDurationMs": 4, "callbackDurationMs": 8}, 12),
        ("user.end", {"connectedDurationMs": 7, "wrapupDurationMs": 9}, 0),
        ("user.end", {"interactingDurationMs": 7, "heldDurationMs": -9}, 7),
        ("user.start", {"interactingDurationMs": 7}, 0),
        ("acw", {"wrapupDurationMs": 7}, 0),
    ],
)
def test_durations_are_summed(topic: str, durations: dict[str, Any], sum_ms: int) -> None:
    assert parsed_event(event(topic, QUEUE, **durations)).duration_ms == sum_ms


@pytest.mark.parametrize("invalid_duration", [None, True, "5", [5], {"ms": 5}])
def test_a_duration_that_is_not_a_number_counts_as_missing(invalid_duration: object) -> None:
    parsed = parsed_event(event("user.end", QUEUE, interactingDurationMs=invalid_duration))
    assert (parsed.duration_ms, parsed.agent_talked) == (0, True)


@pytest.mark.parametrize(
    ("fields", "agent_talked"),
    [
        ({"interactingDurationMs": 1}, True),
        ({"interactingDurationMs": 0.5}, True),
        ({"interactingDurationMs": 0, "heldDurationMs": 9}, False),
        ({"interactingDurationMs": -1}, False),
        ({"interactingDurationMs": 1, "disconnectType": "DND_ENDPOINT"}, True),
        ({}, True),
        ({"disconnectType": "DND_ENDPOINT"}, False),
        ({"disconnectType": "UNCALLABLE"}, False),
        ({"disconnectType": "TRANSFER"}, True),
        ({"heldDurationMs": 1}, True),
        ({"alertingDurationMs": 0}, True),
        ({"alertingDurationMs": 1}, False),
        ({"contactingDurationMs": 1}, False),
        ({"dialingDurationMs": 1}, False),
        ({"alertingDurationMs": 1, "heldDurationMs": 1}, True),
        ({"dialingDurationMs": 1, "callbackDurationMs": 1}, True),
    ],
)
def test_an_agent_has_talked_unless_the_event_says_that_nobody_answered(
    fields: dict[str, Any], agent_talked: bool
) -> None:
    assert parsed_event(event("user.end", QUEUE, **fields)).agent_talked == agent_talked
    for topic in ("acd.end", "user.start", "acw"):
        assert not parsed_event(event(topic, QUEUE, **fields)).agent_talked


@settings(max_examples=400)
@given(mutated_events)
def test_a_changed_partner_event_has_the_outcome_of_the_contract(
    event: dict[str, Any],
) -> None:
    body = json.dumps(event)
    assert outcome_of(body) == expected(body, QUEUES)


@pytest.mark.parametrize("path", NEEDED)
@pytest.mark.parametrize("sample", [END, "user-end"])
def test_each_value_of_a_required_field_has_the_outcome_of_the_contract(
    sample: str, path: tuple[str, ...]
) -> None:
    for value in [*TELLING, "drop", "wrap", CANARY, [CANARY], {CANARY: CANARY}]:
        body = changed(sample, (path, value))
        assert outcome_of(body) == expected(body, QUEUES)


def test_events_of_every_queue_topic_are_parsed_alike() -> None:
    for topic in WITH_QUEUE:
        parsed = parsed_event(event(topic, QUEUE))
        assert (parsed.topic, parsed.queue_id) == (topic, QUEUE)
    assert parsed_event(event(CUSTOMER_END)).topic == "customer.end"


@pytest.mark.parametrize(("sample", "queue_id"), [(WRAPUP, QUEUE), (END, None)])
def test_uuids_of_a_partner_event_in_upper_case_are_taken_in_lower_case(
    sample: str, queue_id: str | None
) -> None:
    conversation_id = json.loads(SAMPLES[sample])["detail"]["eventBody"]["conversationId"]
    changes = {"conversationId": conversation_id.upper(), "queueId": QUEUE.upper()}
    written = [((*BODY, key), value) for key, value in changes.items()]
    parsed = parsed_event(changed(sample, *written))
    assert (parsed.conversation_id, parsed.queue_id) == (conversation_id, queue_id)


def test_a_settle_event_is_about_the_conversation_whatever_the_case_of_its_id() -> None:
    conversation_id = "0f8fad5b-d9cb-469f-a165-70867728950e"
    assert parsed_event(settle(conversation_id.upper())).conversation_id == conversation_id
