"""Ends match their published JSON Schema."""

import dataclasses
import json
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given
from jsonschema import Draft202012Validator, FormatChecker, ValidationError

from conversations.end import ConversationEnd, DetailsStatus, Source
from conversations.parsed import Accepted
from conversations.subscription_event import parse_subscription_event
from tests.bodies import QUEUE, mutated_events
from tests.detailed_ends import PERSONAL, complete_end, missing_end
from tests.fakes.ends import make_end, sample_end, with_end_id

ROOT = Path(__file__).parents[3]
SCHEMA: dict[str, Any] = json.loads((ROOT / "docs/conversation-end.schema.json").read_text())
SAMPLES = sorted((ROOT / "tests/data").glob("subscription-*.json"))
FORMATS = FormatChecker()
VALIDATOR = Draft202012Validator(SCHEMA, format_checker=FORMATS)


@FORMATS.checks("date-time", raises=ValueError)
def _is_date_time(value: object) -> bool:
    return not isinstance(value, str) or datetime.fromisoformat(value).tzinfo is not None


def validate(end: ConversationEnd) -> None:
    """Validate an end's JSON, with and without `raw`."""
    complete, without_raw = json.loads(end.as_json()), json.loads(end.as_json(include_raw=False))
    VALIDATOR.validate(complete)
    VALIDATOR.validate(without_raw)
    assert complete == {**without_raw, "raw": end.raw}


def test_the_schema_itself_is_valid() -> None:
    Draft202012Validator.check_schema(SCHEMA)


def test_the_schema_has_the_fields_of_an_end_in_the_same_order() -> None:
    fields = [field.name for field in dataclasses.fields(ConversationEnd)]
    assert list(SCHEMA["properties"]) == fields
    assert SCHEMA["required"] == [name for name in fields if name != "raw"]
    assert SCHEMA["properties"]["source"]["enum"] == list(get_args(Source))
    assert SCHEMA["properties"]["details"]["enum"] == list(get_args(DetailsStatus))
    definitions = [SCHEMA, *SCHEMA["$defs"].values()]
    assert all(part["description"] for each in definitions for part in each["properties"].values())


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_the_ends_of_the_samples_match_the_schema(path: Path) -> None:
    parsed = parse_subscription_event(path.read_text(), 0, {QUEUE})
    assert isinstance(parsed, Accepted)
    validate(with_end_id(parsed))


def test_a_later_end_of_a_conversation_matches_the_schema() -> None:
    validate(dataclasses.replace(make_end(name="é😀\u2028"), sequence=7, source="backfill"))


@pytest.mark.parametrize(
    "end",
    [
        pytest.param(complete_end(), id="complete"),
        pytest.param(complete_end(personal=True), id="complete, with personal data"),
        pytest.param(missing_end(), id="missing"),
        pytest.param(dataclasses.replace(missing_end(), participants=[]), id="missing, empty"),
    ],
)
def test_an_end_that_waited_for_details_matches_the_schema(end: ConversationEnd) -> None:
    validate(end)


def test_participants_have_the_fields_of_the_schema_in_the_same_order() -> None:
    participant = SCHEMA["$defs"]["participant"]
    assert list(participant["properties"]) == list(complete_end(personal=True).participants[0])
    assert participant["required"] == list(complete_end().participants[0])
    assert participant["properties"].keys() - {*participant["required"]} == PERSONAL.keys()


def test_an_end_from_before_the_details_lacks_only_the_two_new_fields() -> None:
    document = json.loads(sample_end().as_json())
    del document["details"], document["conversation_start"]
    errors = {error.message for error in VALIDATOR.iter_errors(document)}
    assert errors == {
        "'details' is a required property",
        "'conversation_start' is a required property",
    }


@given(mutated_events)
def test_the_end_in_every_accepted_event_matches_the_schema(event: dict[str, Any]) -> None:
    parsed = parse_subscription_event(json.dumps(event), 1_795_428_005_000, {QUEUE})
    if isinstance(parsed, Accepted):
        validate(with_end_id(parsed))


def _without(name: str) -> Callable[[dict[str, Any]], object]:
    return lambda end: end.pop(name)


def _with(**changes: Any) -> Callable[[dict[str, Any]], object]:
    return lambda end: end.update(changes)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        *((_without(name), f"'{name}' is a required property") for name in SCHEMA["required"]),
        (_with(conversation_id=""), "should be non-empty"),
        (_with(queue_id=None), "is not of type 'string'"),
        (_with(queue_name=1), "is not of type 'string', 'null'"),
        (_with(ended_at="2026-11-23T10:00:00Z"), "does not match"),
        (_with(ended_at="2026-11-23T10:00:00.000+00:00"), "does not match"),
        (_with(ended_at="2026-02-30T10:00:00.000Z"), "is not a 'date-time'"),
        (_with(ended_at=1_795_428_005_000), "is not of type 'string'"),
        (_with(participants=None), "is not of type 'array'"),
        (_with(source="elsewhere"), "is not one of"),
        (_with(sequence=0), "is less than the minimum of 1"),
        (_with(sequence="1"), "is not of type 'integer'"),
        (_with(end_id=""), "does not match"),
        (_with(end_id="c-1:q-1:1"), "does not match"),
        (_with(end_id="0" * 33), "does not match"),
        (_with(details=None), "is not one of"),
        (_with(details="partial"), "is not one of"),
        (_with(conversation_start="2026-11-23T09:54:40.500Z"), "is not of type 'null'"),
        (_with(raw=[]), "is not of type 'object'"),
        (_with(another="field"), "'another' was unexpected"),
    ],
)
def test_an_end_that_violates_the_schema_is_rejected(
    change: Callable[[dict[str, Any]], object], message: str
) -> None:
    document = json.loads(sample_end().as_json())
    change(document)
    with pytest.raises(ValidationError) as raised:
        VALIDATOR.validate(document)
    assert message in raised.value.message


def _with_participant(**changes: Any) -> Callable[[dict[str, Any]], object]:
    return lambda end: end["participants"][0].update(changes)


def _with_metric(**changes: Any) -> Callable[[dict[str, Any]], object]:
    return lambda end: end["metrics"][0].update(changes)


@pytest.mark.parametrize("end", [complete_end(), missing_end()], ids=lambda end: end.details)
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda end: end["participants"].append("p-2"), "is not of type 'object'"),
        (lambda end: end["participants"][0].pop("user_id"), "'user_id' is a required property"),
        (_with_participant(queue_ids=None), "is not of type 'array'"),
        (_with_participant(wrapup_codes=[None]), "is not of type 'string'"),
        (_with_participant(purpose=1), "is not of type 'string', 'null'"),
        (_with_participant(started_at="10 o'clock"), "is not a 'date-time'"),
        (_with_participant(userId="u-1"), "'userId' was unexpected"),
        (lambda end: end["metrics"][0].pop("value"), "'value' is a required property"),
        (_with_metric(value="280254"), "is not of type 'integer'"),
        (_with_metric(name=None), "is not of type 'string'"),
        (_with_metric(emitDate="2026-11-23T10:00:00.000Z"), "'emitDate' was unexpected"),
    ],
)
def test_details_of_another_shape_are_rejected(
    end: ConversationEnd, change: Callable[[dict[str, Any]], object], message: str
) -> None:
    document = json.loads(end.as_json())
    change(document)
    with pytest.raises(ValidationError) as raised:
        VALIDATOR.validate(document)
    assert message in raised.value.message


@pytest.mark.parametrize(
    "start",
    [
        pytest.param("2026-11-23T09:54:40Z", id="without milliseconds"),
        pytest.param(1_795_427_680_500, id="in epoch milliseconds"),
    ],
)
def test_a_conversation_start_of_another_form_is_rejected(start: object) -> None:
    document = json.loads(complete_end().as_json())
    document["conversation_start"] = start
    with pytest.raises(ValidationError):
        VALIDATOR.validate(document)
