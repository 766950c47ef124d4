"""A batch ends in time, even if a call hangs, and completed ends remain done."""

import pytest

from tests.bodies import OTHER_QUEUE, end
from tests.fakes.aws.sqs import FakeSqs
from tests.fakes.aws.sqs_event import records
from tests.fakes.batches import Batches, outcomes_of, reported_ids
from tests.fakes.clock import Alarm, Clock


@pytest.mark.parametrize("seconds_left", [2.999, 1.5, 0.5, 0, -1])
def test_with_less_than_three_seconds_left_no_message_is_begun(
    batches: Batches, clock: Clock, sqs: FakeSqs, seconds_left: float
) -> None:
    sent_records = records(end("c"), "{", end("c"), end("d", queue_id=OTHER_QUEUE))
    report = batches.run(sent_records, clock.invocation(seconds_left))
    assert set(outcomes_of(report).values()) == {"failed.no_time"}
    assert sorted(reported_ids(report)) == ["m-1", "m-2", "m-3", "m-4"]
    assert (batches.acted_ends, sqs.dead, sqs.deleted) == ([], [], [])
    # There is time to let the messages come back at once, unless the response itself would be late.
    assert sqs.visibility == ({f"r:m-{n}": 0 for n in range(1, 5)} if seconds_left > 1 else {})


def test_when_time_runs_out_untried_ends_come_back_at_once_and_the_others_are_done(
    batches: Batches, clock: Clock, sqs: FakeSqs
) -> None:
    batches.action_effects = {f"c-{n}": lambda: clock.sleep(4) for n in range(1, 7)}
    bodies = [end(f"c-{n}") for n in range(1, 7)]
    report = batches.run(records(*bodies, bodies[5]), clock.invocation(15))  # 12 s for the work
    assert len(batches.acted_ends) == 3
    assert outcomes_of(report) == {
        **{f"m-{n}": "processed" for n in (1, 2, 3)},
        **{f"m-{n}": "failed.no_time" for n in (4, 5, 6, 7)},
    }
    assert sqs.visibility == {f"r:m-{n}": 0 for n in (4, 5, 6, 7)}


def test_an_action_that_hangs_is_interrupted_and_reported_in_time(
    batches: Batches, clock: Clock, sqs: FakeSqs, alarm: Alarm
) -> None:
    batches.action_effects = {"hangs": alarm.hang}
    context = clock.invocation(8)
    report = batches.run(records(end("before"), end("hangs"), end("after")), context)
    assert context.get_remaining_time_in_millis() == 3000
    assert outcomes_of(report) == {
        "m-1": "processed",
        "m-2": "failed.destination",
        "m-3": "failed.destination",
    }
    assert sqs.visibility == {"r:m-2": 30, "r:m-3": 30}
    (hung_outcome,) = [outcome for outcome in report.outcomes if outcome.message.id == "m-2"]
    assert hung_outcome.detail.startswith("actions: TimeoutError at ")


@pytest.mark.parametrize(
    "operation", ["send_message_batch", "delete_message_batch", "change_message_visibility_batch"]
)
def test_an_sqs_that_hangs_leaves_time_to_respond(
    batches: Batches, clock: Clock, sqs: FakeSqs, alarm: Alarm, operation: str
) -> None:
    sqs.always(operation, alarm.hang)
    batches.action_effects = {"bad": ValueError()}
    context = clock.invocation(8)
    report = batches.run(records("{", end("bad"), end("fine")), context)
    assert context.get_remaining_time_in_millis() >= 1000
    assert len(outcomes_of(report)) == 3
    # A message that was sent is not reported, even if it could not be deleted.
    failed_ids = ["m-1", "m-2"] if operation == "send_message_batch" else ["m-2"]
    assert sorted(reported_ids(report)) == failed_ids
