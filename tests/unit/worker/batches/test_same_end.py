"""Messages that report the same end share its outcome."""

import itertools
from collections import Counter

import pytest

from tests.bodies import end
from tests.fakes.aws.sqs import FakeSqs
from tests.fakes.aws.sqs_event import SENT_AT, record, records
from tests.fakes.batches import SECOND_QUEUE, Batches, outcomes_of, reported_ids


@pytest.mark.parametrize(
    ("seconds_apart", "end_count"),
    [
        *[(0, 1), (0.001, 1), (-1, 1), (299.999, 1), (300, 1), (-300, 1)],
        *[(300.001, 2), (-300.001, 2), (301, 2), (-86_400, 2), (86_400, 2)],
    ],
)
def test_ends_within_five_minutes_are_one_end(
    batches: Batches, seconds_apart: float, end_count: int
) -> None:
    report = batches.run(records(end("c"), end("c", after=seconds_apart)))
    assert len(batches.acted_ends) == report.end_count == end_count
    assert Counter(outcomes_of(report).values()) == Counter(
        ["processed", "processed" if end_count == 2 else "duplicate"]
    )
    assert reported_ids(report) == []


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (end("c"), end("d")),
        (end("c"), end("C")),
        (end("c"), end("c", queue_id=SECOND_QUEUE)),
    ],
)
def test_ends_in_different_conversations_or_queues_are_different(
    batches: Batches, first: str, second: str
) -> None:
    assert list(outcomes_of(batches.run(records(first, second))).values()) == ["processed"] * 2


@pytest.mark.parametrize("sent_later", [0, 200, 100_000])
def test_an_end_without_a_time_is_never_a_further_end(batches: Batches, sent_later: int) -> None:
    sent_at = SENT_AT + sent_later * 1000
    undated_records = [record(end("c", after=None), f"u-{n}", sent_at=sent_at) for n in range(2)]
    report = batches.run([record(end("c"), "dated"), *undated_records])
    assert outcomes_of(report) == {"dated": "processed", "u-0": "duplicate", "u-1": "duplicate"}
    assert len(batches.acted_ends) == 1


@pytest.mark.parametrize("order", [*itertools.permutations(range(3))])
def test_only_ends_over_five_minutes_apart_are_different_in_any_order(
    batches: Batches, order: tuple[int, ...]
) -> None:
    bodies = [end("c"), end("c", after=60), end("c", after=3600)]
    report = batches.run([record(bodies[n], f"m-{n}") for n in order])
    assert Counter(outcomes_of(report).values()) == {"processed": 2, "duplicate": 1}
    assert outcomes_of(report)["m-2"] == "processed"
    assert len({acted.ended_at for acted in batches.acted_ends}) == 2


def test_a_message_twice_in_a_batch_is_processed_once(batches: Batches) -> None:
    report = batches.run([record(end("c"), "same"), record(end("c"), "same")])
    assert sorted(outcome.kind for outcome in report.outcomes) == ["duplicate", "processed"]
    assert len(batches.acted_ends) == 1


def test_duplicates_share_the_failure_of_the_first(batches: Batches, sqs: FakeSqs) -> None:
    batches.action_effects = {"c": ValueError()}
    report = batches.run(records(end("c"), end("c"), end("other"), end("c", after=-10)))
    assert sorted(reported_ids(report)) == ["m-1", "m-2", "m-4"]
    assert sqs.visibility == {"r:m-1": 30, "r:m-2": 30, "r:m-4": 30}
    assert (len(batches.acted_ends), report.delivery_failures) == (2, 1)


def test_a_message_that_fails_twice_in_a_batch_is_reported_once(batches: Batches) -> None:
    batches.action_effects = {"c": ValueError()}
    assert reported_ids(batches.run([record(end("c"), "same"), record(end("c"), "same")])) == [
        "same"
    ]


def test_one_of_two_ends_of_a_conversation_can_fail_alone(batches: Batches) -> None:
    errors = iter([ValueError("first only"), None])

    def act() -> None:
        if error := next(errors):
            raise error

    batches.action_effects = {"c": act}
    assert reported_ids(batches.run(records(end("c"), end("c", after=600)))) == ["m-1"]
