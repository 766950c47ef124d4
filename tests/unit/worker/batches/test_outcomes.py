"""Every message of a batch has one outcome, which other messages do not change."""

import itertools
from collections import Counter
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.bodies import (
    EVENT_TYPE,
    OTHER_QUEUE,
    QUEUE,
    SAMPLE_TEXT,
    bodies,
    end,
    expected,
    having,
    without,
)
from tests.fakes.aws.sqs import FakeSqs, can_hold
from tests.fakes.aws.sqs_event import Countdown, record, records
from tests.fakes.batches import SECOND_QUEUE, Batches, outcomes_of, reported_ids
from tests.fakes.clock import Clock

OUR_QUEUES = (QUEUE, SECOND_QUEUE)


@pytest.mark.parametrize(
    ("body", "outcome"),
    [
        (SAMPLE_TEXT, "processed"),
        (end("c", queue_id=SECOND_QUEUE), "processed"),
        (without("eventTime"), "processed"),
        (having("eventType", value="event:conversation:start"), "ignored.other_event_type"),
        (end("c", queue_id=OTHER_QUEUE), "ignored.other_queue"),
        ("{", "rejected.not_json"),
        ("[]", "rejected.not_an_object"),
        ("{}", "rejected.missing_event_type"),
        (without("attributes", "conversationId"), "rejected.missing_conversation_id"),
        (having("attributes", value={"conversationId": "c"}), "rejected.missing_queue_id"),
        (having("eventTime", value="never"), "rejected.invalid_field"),
        # SQS accepts no empty message, so it cannot go to the dead-letter queue.
        ("", "failed.dead_letter_queue"),
        (None, "failed.dead_letter_queue"),
    ],
)
def test_a_message_has_the_documented_outcome(
    batches: Batches, sqs: FakeSqs, body: str | None, outcome: str
) -> None:
    report = batches.run([record(body)])
    assert outcomes_of(report) == {"m-1": outcome}
    assert reported_ids(report) == (["m-1"] if outcome.startswith("failed") else [])
    assert len(batches.acted_ends) == report.end_count == (outcome == "processed")
    assert sqs.deleted == (["r:m-1"] if outcome.startswith("rejected") else [])
    assert [entry["MessageBody"] for entry in sqs.dead] == ([body] if sqs.deleted else [])


def test_the_action_gets_the_message_s_end(batches: Batches) -> None:
    batches.run([record(end("c-7", queue_id=SECOND_QUEUE, after=1.5))])
    (acted_end,) = batches.acted_ends
    assert (acted_end.conversation_id, acted_end.queue_id) == ("c-7", SECOND_QUEUE)
    assert acted_end.ended_at == "2026-11-23T10:00:01.500Z"


def test_a_batch_without_failures_reports_no_message(batches: Batches, sqs: FakeSqs) -> None:
    report = batches.run(records(*(end(f"c-{n}") for n in range(10))))
    assert reported_ids(report) == []
    assert set(outcomes_of(report).values()) == {"processed"}
    assert sqs.calls == []


def test_a_batch_that_fails_completely_reports_every_message(batches: Batches) -> None:
    batches.action_effects = {f"c-{n}": RuntimeError() for n in range(10)}
    report = batches.run(records(*(end(f"c-{n}") for n in range(10))))
    assert sorted(reported_ids(report)) == sorted(f"m-{n}" for n in range(1, 11))
    assert set(outcomes_of(report).values()) == {"failed.destination"}
    assert report.delivery_failures == 10
    assert report.end_count == 0


def test_an_empty_batch_gets_an_empty_response(batches: Batches, sqs: FakeSqs) -> None:
    assert reported_ids(batches.run([])) == []
    assert sqs.calls == []


def test_poison_and_failures_do_not_affect_other_messages(batches: Batches, sqs: FakeSqs) -> None:
    batches.action_effects = {"bad": OSError("no")}
    bodies_by_name = {
        "good": end("good"),
        "bad": end("bad"),
        "poison": "{",
        "other": '{"eventType": ""}',
    }
    for order in itertools.permutations(bodies_by_name):
        batches.acted_ends.clear()
        batches.dynamodb.items.clear()
        sqs.dead.clear()
        sqs.deleted.clear()
        sqs.visibility.clear()
        report = batches.run([record(bodies_by_name[name], name) for name in order])
        assert outcomes_of(report) == {
            "good": "processed",
            "bad": "failed.destination",
            "poison": "rejected.not_json",
            "other": "ignored.other_event_type",
        }
        assert reported_ids(report) == ["bad"]
        assert Counter(end.conversation_id for end in batches.acted_ends) == {"good": 1, "bad": 1}
        assert sqs.visibility == {"r:bad": 30}
        assert sqs.deleted == ["r:poison"]


def test_poison_is_deleted_before_an_action_is_called(batches: Batches, sqs: FakeSqs) -> None:
    batches.action_effects = {"c": lambda: deleted_handles.extend(sqs.deleted)}
    deleted_handles: list[str] = []
    batches.run(records(end("c"), "{", "["))
    assert deleted_handles == ["r:m-2", "r:m-3"]


def test_ctrl_c_in_an_action_ends_the_batch(batches: Batches) -> None:
    batches.action_effects = {"c": KeyboardInterrupt()}
    with pytest.raises(KeyboardInterrupt):
        batches.run(records(end("c")))


def test_two_thousand_messages_have_one_outcome_each(batches: Batches, sqs: FakeSqs) -> None:
    make_body: list[Callable[[int], str]] = [
        lambda n: end(f"fine-{n}"),
        lambda n: end(f"again-{n % 200}"),
        lambda n: end("bad"),
        lambda n: end(f"other-{n}", queue_id=OTHER_QUEUE),
        lambda n: f'{{"eventType": "{EVENT_TYPE}", "number": {n}}}',
    ]
    batches.action_effects = {"bad": ValueError()}
    sent_records = [record(make_body[n % 5](n), f"m-{n}") for n in range(2_000)]
    report = batches.run(sent_records, Countdown(60))
    counts = Counter(outcomes_of(report).values())
    assert counts == {
        "processed": 400 + 40,
        "duplicate": 360,
        "failed.destination": 400,
        "ignored.other_queue": 400,
        "rejected.invalid_field": 400,
    }
    assert len(reported_ids(report)) == 400
    assert len({entry["MessageBody"] for entry in sqs.dead}) == 400
    assert len(sqs.deleted) == len(sqs.visibility) == 400
    assert Counter(call.operation for call in sqs.calls) == {
        "send_message_batch": 40,
        "delete_message_batch": 40,
        "change_message_visibility_batch": 40,
    }
    assert sqs.refused == []


@settings(max_examples=200)
@given(st.lists(bodies | st.sampled_from([end("c"), end("c", after=1), None]), max_size=5))
def test_any_batch_has_the_documented_outcomes(
    sent_bodies: list[str | None],
) -> None:
    sqs = FakeSqs()
    batches = Batches(sqs, Clock())
    report = batches.run(records(*sent_bodies))
    outcomes = outcomes_of(report)
    accepted_ids = [
        id_ for id_, outcome in outcomes.items() if outcome in ("processed", "duplicate")
    ]
    assert bool(accepted_ids) == bool(batches.acted_ends)
    assert report.end_count == len(batches.acted_ends) == list(outcomes.values()).count("processed")
    assert len(outcomes) == len(sent_bodies)
    for message_id, body in zip((f"m-{n}" for n in range(1, 6)), sent_bodies, strict=False):
        match expected(body, OUR_QUEUES):
            case ("rejected", _) if not can_hold(body or ""):
                assert outcomes[message_id] == "failed.dead_letter_queue"
            case ("accepted", _):
                assert message_id in accepted_ids
            case (kind, reason):
                assert outcomes[message_id] == f"{kind}.{reason}"
    assert set(reported_ids(report)) == {
        id_ for id_, outcome in outcomes.items() if "failed" in outcome
    }
    assert set(sqs.refused) <= {"InvalidMessageContents", "MissingParameter"}
