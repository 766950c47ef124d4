"""Messages that tell of the same end are one end, whose fate they share."""

import itertools
from collections import Counter

import pytest

from tests.bodies import end
from tests.fakes.aws.sqs import FakeSqs
from tests.fakes.aws.sqs_event import SENT_AT, record, records
from tests.fakes.batches import SECOND_QUEUE, Batches, outcomes_of, reported_ids


@pytest.mark.parametrize(
    ("apart", "ends"),
    [
        *[(0, 1), (0.001, 1), (-1, 1), (299.999, 1), (300, 1), (-300, 1)],
        *[(300.001, 2), (-300.001, 2), (301, 2), (-86_400, 2), (86_400, 2)],
    ],
)
def test_within_five_minutes_of_each_other_it_is_one_end(
    batches: Batches, apart: float, ends: int
) -> None:
    report = batches.run(records(end("c"), end("c", after=apart)))
    assert len(batches.acted_ends) == report.end_count == ends
    assert Counter(outcomes_of(report).values()) == Counter(
        ["processed", "processed" if ends == 2 else "duplicate"]
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
def test_ends_of_other_conversations_or_queues_are_others(
    batches: Batches, first: str, second: str
) -> None:
    assert list(outcomes_of(batches.run(records(first, second))).values()) == ["processed"] * 2


@pytest.mark.parametrize("sent_later", [0, 200, 100_000])
def test_an_end_without_a_time_never_is_a_further_one(batches: Batches, sent_later: int) -> None:
    sent = SENT_AT + sent_later * 1000
    undated = [record(end("c", after=None), f"u-{n}", sent_at=sent) for n in range(2)]
    report = batches.run([record(end("c"), "dated"), *undated])
    assert outcomes_of(report) == {"dated": "processed", "u-0": "duplicate", "u-1": "duplicate"}
    assert len(batches.acted_ends) == 1


@pytest.mark.parametrize("order", [*itertools.permutations(range(3))])
def test_only_ends_over_five_minutes_apart_are_two_in_any_order(
    batches: Batches, order: tuple[int, ...]
) -> None:
    bodies = [end("c"), end("c", after=60), end("c", after=3600)]
    report = batches.run([record(bodies[n], f"m-{n}") for n in order])
    assert Counter(outcomes_of(report).values()) == {"processed": 2, "duplicate": 1}
    assert outcomes_of(report)["m-2"] == "processed"
    assert len({acted.ended_at for acted in batches.acted_ends}) == 2


def test_a_message_that_comes_twice_in_a_batch_is_one(batches: Batches) -> None:
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
