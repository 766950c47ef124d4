"""A batch is answered in time, whoever hangs, and what was done stays done."""

import signal
import time
from collections.abc import Iterator

import pytest

from tests.bodies import OTHER_QUEUE, end
from tests.fakes.aws.sqs import FakeSqs
from tests.fakes.aws.sqs_event import Countdown, records
from tests.fakes.batches import Batches, outcomes_of, reported
from tests.fakes.clock import Clock


@pytest.fixture(autouse=True)
def _alarm_is_as_before() -> Iterator[None]:
    yield
    assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)
    assert signal.getsignal(signal.SIGALRM) == signal.SIG_DFL


@pytest.mark.parametrize("left", [2.999, 1.5, 0.5, 0, -1])
def test_with_less_than_three_seconds_nothing_is_begun(
    batches: Batches, clock: Clock, sqs: FakeSqs, left: float
) -> None:
    told = records(end("c"), "{", end("c"), end("d", queue_id=OTHER_QUEUE))
    report = batches.run(told, clock.invocation(left))
    assert set(outcomes_of(report).values()) == {"failed.no_time"}
    assert sorted(reported(report)) == ["m-1", "m-2", "m-3", "m-4"]
    assert batches.acted == sqs.dead == sqs.deleted == []
    # There is yet time to have them back at once, unless the answer itself would be late.
    assert sqs.visibility == ({f"r:m-{n}": 0 for n in range(1, 5)} if left > 1 else {})


def test_when_time_runs_out_the_untouched_come_back_at_once_and_the_rest_stays_done(
    batches: Batches, clock: Clock, sqs: FakeSqs
) -> None:
    batches.does = {f"c-{n}": lambda: clock.sleep(4) for n in range(1, 7)}
    told = [end(f"c-{n}") for n in range(1, 7)]
    report = batches.run(records(*told, told[5]), clock.invocation(15))  # 12 s to work in
    assert len(batches.acted) == 3
    assert outcomes_of(report) == {
        **{f"m-{n}": "processed" for n in (1, 2, 3)},
        **{f"m-{n}": "failed.no_time" for n in (4, 5, 6, 7)},
    }
    assert sqs.visibility == {f"r:m-{n}": 0 for n in (4, 5, 6, 7)}


@pytest.mark.parametrize(("left", "limit"), [(900, 10), (13.5, 10), (8, 5), (3.5, 0.5)])
def test_a_call_may_take_ten_seconds_or_what_is_left(
    batches: Batches, clock: Clock, left: float, limit: float
) -> None:
    limits: list[float] = []
    batches.does = {"c": lambda: limits.append(signal.getitimer(signal.ITIMER_REAL)[0])}
    batches.run(records(end("c")), clock.invocation(left))
    assert limits == [pytest.approx(limit, abs=0.3)]


def test_an_action_that_hangs_is_interrupted_and_reported_in_time(
    batches: Batches, sqs: FakeSqs
) -> None:
    batches.does = {"hangs": lambda: time.sleep(20)}
    context = Countdown(3.3)
    report = batches.run(records(end("before"), end("hangs"), end("after")), context)
    assert 2500 < context.get_remaining_time_in_millis() < 3050
    assert outcomes_of(report) == {
        "m-1": "processed",
        "m-2": "failed.destination",
        "m-3": "failed.destination",
    }
    assert sqs.visibility == {"r:m-2": 30, "r:m-3": 30}
    (hung,) = [outcome for outcome in report.outcomes if outcome.message.id == "m-2"]
    assert hung.detail.startswith("actions: TimeoutError at ")


def test_an_action_that_swallows_its_interruption_meets_another(batches: Batches) -> None:
    def hang() -> None:
        try:
            time.sleep(20)
        except TimeoutError:
            time.sleep(20)

    batches.does = {"c": hang}
    context = Countdown(3.1)
    assert reported(batches.run(records(end("c")), context)) == ["m-1"]
    assert context.get_remaining_time_in_millis() > 1500


def test_only_the_one_that_hangs_loses_its_time(
    batches: Batches, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("destinations.user_code.CALL_LIMIT", 0.1)
    batches.does = {"hangs": lambda: time.sleep(20)}
    report = batches.run(records(end("hangs"), end("next")), Countdown(30))
    assert outcomes_of(report) == {"m-1": "failed.destination", "m-2": "processed"}


@pytest.mark.parametrize(
    ("operation", "seconds"),
    [
        ("send_message_batch", 3.2),
        ("delete_message_batch", 3.2),
        ("change_message_visibility_batch", 1.2),
    ],
)
def test_an_sqs_that_hangs_leaves_time_to_answer(
    batches: Batches, sqs: FakeSqs, operation: str, seconds: float
) -> None:
    sqs.always(operation, lambda: time.sleep(20))
    batches.does = {"bad": ValueError()}
    context = Countdown(seconds)
    report = batches.run(records("{", end("bad"), end("fine")), context)
    assert context.get_remaining_time_in_millis() > 500
    assert len(outcomes_of(report)) == 3
    # What was sent is not reported, whether it could be deleted or not.
    assert ("m-1" in reported(report)) == (operation != "delete_message_batch")
    assert "m-2" in reported(report)
