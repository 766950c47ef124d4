"""Delayed messages: the same end comes back, and no other body becomes an end."""

import dataclasses
import gc
import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conversations.end import ConversationEnd, make_end_id
from conversations.fields import from_epoch_ms
from conversations.parsed import Accepted, Ignored, Rejected
from intake.delayed_ends import BODY_PREFIX, make_delayed_body, parse_delayed_body
from tests.bodies import CANARY, OTHER_QUEUE, QUEUE, consumable, mutated, paths, telling, values
from tests.fakes.ends import make_end, sample_end

ENDED_AT_MS = 1_795_341_600_123
# Valid Unicode, with the characters that SQS would refuse in a body.
TEXT = st.text(max_size=4) | st.sampled_from(["é😀", "\x00", "\ufffe\uffff", "\x0b", "\u2028"])
WORDS = st.none() | TEXT
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=5,
)
ENDS = st.builds(
    dataclasses.replace,
    st.just(make_end()),
    conversation_id=TEXT.filter(bool),
    queue_name=WORDS,
    media_type=WORDS,
    direction=WORDS,
    disconnect_type=WORDS,
    participants=st.lists(JSON, max_size=2),
    metrics=st.lists(JSON, max_size=2),
    source=st.sampled_from(["subscription", "eventbridge", "backfill"]),
    raw=st.dictionaries(TEXT, JSON, max_size=3),
)
# The range of times in the years 1 to 9999.
TIMES = st.integers(-62_135_596_800_000, 253_402_300_799_999)


def delayed_body(end: ConversationEnd | None = None, ended_at_ms: int = ENDED_AT_MS) -> str:
    body = make_delayed_body(
        end or sample_end(), ended_at_ms, has_own_time=True, details_attempts=1
    )
    assert body
    return body


def changed(*path: str, value: object) -> str:
    return json.dumps(mutated(delayed_body(), [(("queueEndsDelayedEnd", *path), value)]))


@pytest.fixture
def uncollected() -> Iterator[None]:
    """Switch garbage collection off, because finalizers would fail in a deep recursion."""
    gc.disable()
    yield
    gc.enable()


@given(end=ENDS, ended_at_ms=TIMES, has_own_time=st.booleans(), attempts=st.integers(0, 10))
@settings(max_examples=30)
def test_an_end_comes_back_as_it_was_sent(
    end: ConversationEnd, ended_at_ms: int, has_own_time: bool, attempts: int
) -> None:
    body = make_delayed_body(end, ended_at_ms, has_own_time=has_own_time, details_attempts=attempts)
    assert body
    assert body.isascii()
    assert body.isprintable()
    assert body.startswith(BODY_PREFIX)
    parsed = parse_delayed_body(body, {QUEUE})
    assert isinstance(parsed, Accepted)
    assert parsed.ended_at_ms == ended_at_ms
    assert parsed.has_own_time is has_own_time
    assert parsed.details_attempts == attempts
    again = from_epoch_ms(ended_at_ms).isoformat(timespec="milliseconds")
    assert parsed.end == dataclasses.replace(
        end,
        ended_at=again.replace("+00:00", "Z"),
        end_id=make_end_id(end.conversation_id, QUEUE, ended_at_ms),
        sequence=1,
    )


def test_an_end_that_comes_back_is_sent_again_unchanged() -> None:
    first = delayed_body()
    parsed = parse_delayed_body(first, {QUEUE})
    assert isinstance(parsed, Accepted)
    again = make_delayed_body(
        parsed.end, parsed.ended_at_ms, has_own_time=parsed.has_own_time, details_attempts=2
    )
    assert again == first.replace('"attempts": 1', '"attempts": 2')


@given(text=st.text(st.characters(categories=["Cs"]), min_size=1, max_size=2))
def test_half_a_surrogate_pair_in_a_body_is_replaced(text: str) -> None:
    body = delayed_body(dataclasses.replace(sample_end(), queue_name=f"{text}x"))
    assert body.isascii()

    parsed = parse_delayed_body(body, {QUEUE})

    assert isinstance(parsed, Accepted)
    assert parsed.end.queue_name == consumable(f"{text}x")


@pytest.mark.usefixtures("uncollected")
def test_an_event_that_is_nested_too_deeply_for_the_encoder_is_not_sent() -> None:
    nested: dict[str, Any] = {}
    for _ in range(100_000):
        nested = {"a": nested}
    end = dataclasses.replace(sample_end(), raw=nested)
    body = make_delayed_body(end, ENDED_AT_MS, has_own_time=True, details_attempts=1)
    assert body is None
    while nested:  # a deallocation by recursion would be deep, too
        nested = nested.pop("a")


def test_fields_of_a_later_version_are_ignored() -> None:
    event = json.loads(delayed_body())
    event |= {"later": [CANARY]}
    event["queueEndsDelayedEnd"] |= {"later": {"a": CANARY}, "detail": None}
    assert parse_delayed_body(json.dumps(event), {QUEUE}) == parse_delayed_body(
        delayed_body(), {QUEUE}
    )


@pytest.mark.parametrize(
    "field", ["attempts", "conversationId", "queueId", "endedAtMs", "hasOwnTime", "source", "event"]
)
def test_a_body_without_a_necessary_field_is_rejected(field: str) -> None:
    parsed = parse_delayed_body(changed(field, value="drop"), {QUEUE})
    assert isinstance(parsed, Rejected)
    assert parsed.reason == "invalid_field"


@pytest.mark.parametrize(
    "field",
    ["queueName", "mediaType", "direction", "disconnectType", "participants", "metrics"],
)
def test_a_body_without_any_other_field_is_accepted(field: str) -> None:
    assert isinstance(parse_delayed_body(changed(field, value="drop"), {QUEUE}), Accepted)


FIELDS: dict[str, Any] = json.loads(delayed_body())["queueEndsDelayedEnd"]
INVALID: dict[str, list[object]] = {
    "attempts": [CANARY, -1, 1.5, True, None, {CANARY: CANARY}],
    "conversationId": ["", None, 5, [CANARY], CANARY * 200],
    "queueId": [None, 5, [CANARY], {CANARY: 1}],
    "endedAtMs": [CANARY, 1.5, True, None, 10**18, -(10**18), 10**400, -62_135_596_800_001],
    "hasOwnTime": [CANARY, 1, None],
    "source": [CANARY, f"{CANARY} - at `$.{CANARY}`", None, 1, ["subscription"]],
    "event": [CANARY, [CANARY], None],
    "queueName": [5, [CANARY]],
    "mediaType": [5, {CANARY: CANARY}],
    "direction": [True],
    "disconnectType": [[CANARY]],
    "participants": [CANARY, {CANARY: 1}, None],
    "metrics": [CANARY, 1],
}


@pytest.mark.parametrize("field", FIELDS)
def test_a_wrong_value_is_rejected_and_not_quoted(field: str) -> None:
    for value in INVALID[field]:
        parsed = parse_delayed_body(changed(field, value=value), {QUEUE, CANARY})
        assert isinstance(parsed, Rejected), value
        assert parsed.reason == "invalid_field"
        assert parsed.detail.startswith("$")
        assert CANARY not in parsed.detail


@pytest.mark.parametrize(
    "detail", [None, CANARY, [CANARY], {}, {CANARY: CANARY}, [], {"attempts": CANARY}]
)
def test_a_wrong_detail_is_rejected_and_not_quoted(detail: object) -> None:
    body = json.dumps({"queueEndsDelayedEnd": detail})
    parsed = parse_delayed_body(body, {QUEUE})
    assert isinstance(parsed, Rejected)
    assert parsed.reason == "invalid_field"
    assert CANARY not in parsed.detail


def test_an_end_in_another_queue_is_ignored() -> None:
    assert parse_delayed_body(delayed_body(), {OTHER_QUEUE}) == Ignored("other_queue")


@pytest.mark.parametrize("ended_at_ms", [-62_135_596_800_000, 253_402_300_799_999])
def test_the_first_and_the_last_time_are_accepted(ended_at_ms: int) -> None:
    parsed = parse_delayed_body(delayed_body(ended_at_ms=ended_at_ms), {QUEUE})
    assert isinstance(parsed, Accepted)
    assert parsed.end.ended_at[:4] in ("0001", "9999")


@pytest.mark.usefixtures("uncollected")
@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("", "empty_body"),
        (BODY_PREFIX, "not_json"),
        (delayed_body()[:-1], "not_json"),
        (f'{BODY_PREFIX}, "detail": ' + "[" * 100_000 + "]" * 100_000 + "}", "not_json"),
        (f'{BODY_PREFIX}, "detail": ' + '{"a":' * 100_000 + "1" + "}" * 100_001, "not_json"),
    ],
    ids=["empty", "prefix", "cut", "lists", "objects"],
)
def test_a_body_that_is_no_json_is_rejected(body: str, reason: str) -> None:
    parsed = parse_delayed_body(body, {QUEUE})
    assert isinstance(parsed, Rejected)
    assert parsed.reason == reason


_changes = st.tuples(
    st.sampled_from([*paths(json.loads(delayed_body()))]),
    st.sampled_from(["drop", "wrap"]) | telling | values,
)


@given(changes=st.lists(_changes, min_size=1, max_size=3))
def test_any_body_is_accepted_ignored_or_rejected(changes: list[Any]) -> None:
    body = json.dumps(mutated(delayed_body(), changes))
    match parse_delayed_body(body, {QUEUE}):
        case Accepted() as accepted:
            assert accepted.details_attempts >= 0
            assert accepted.end.as_json()
        case Rejected(reason, detail):
            assert reason == "invalid_field"
            assert CANARY not in detail
        case Ignored(reason):
            assert reason == "other_queue"
