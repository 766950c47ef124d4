"""Ends get their details, or wait for them; each end arrives once, whatever analytics do."""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from conversations.fields import format_utc, from_epoch_ms
from genesys.errors import CredentialsError, GenesysError, LoginRefused, Unreachable
from tests.bodies import CANARY, end
from tests.fakes.aws.dynamodb import FakeDynamoDb, client_error
from tests.fakes.aws.sqs_event import SENT_AT, record, records
from tests.fakes.batches import outcomes_of
from tests.fakes.details import DetailsWorker, conversation_id
from tests.fakes.turns import Killed
from tests.unit.worker.conftest import Log

HOUR = 3600.0
FIRST, SECOND, THIRD = (conversation_id(n) for n in (1, 2, 3))
NEVER = float("inf")
PATH = "/api/v2/analytics/conversations/details"


@pytest.fixture
def worker(dynamodb: FakeDynamoDb) -> DetailsWorker:
    return DetailsWorker(dynamodb)


def error(status: int, retry_after_seconds: float | None = None) -> GenesysError:
    return GenesysError("GET", PATH, status=status, retry_after_seconds=retry_after_seconds)


# Complete, late and missing details


def test_ends_whose_details_are_there_arrive_complete_after_one_request(
    worker: DetailsWorker,
) -> None:
    for id_ in (FIRST, SECOND):
        worker.queue.put(end(id_))
    assert worker.run() == ["processed", "processed"]
    assert worker.arrivals() == {FIRST: "complete", SECOND: "complete"}
    assert worker.analytics.requests == [[FIRST, SECOND]]
    assert worker.queue.sent_to_itself == []
    first, _ = worker.batches.acted_ends
    assert first.conversation_start == "2026-11-23T09:54:50.000Z"
    assert {metric["name"]: metric["value"] for metric in first.metrics}["tHandle"] == 280_000


def test_an_end_whose_details_are_late_arrives_when_they_are_there(worker: DetailsWorker) -> None:
    worker.analytics.there_at[FIRST] = 30
    worker.queue.put(end(FIRST))
    assert worker.run() == ["ignored.awaiting_details", "processed"]
    assert worker.arrivals() == {FIRST: "complete"}
    assert worker.clock.now == 60
    assert [entry["DelaySeconds"] for entry in worker.queue.sent_to_itself] == [60]


def test_a_delayed_message_arrives_after_its_claim_is_released(dynamodb: FakeDynamoDb) -> None:
    worker = DetailsWorker(dynamodb, wait_seconds=0)
    worker.analytics.there_at[FIRST] = 1
    worker.queue.put(end(FIRST))
    dues: list[float] = []

    def release() -> None:
        due = worker.queue.next_due()
        assert due is not None
        dues.append(due - worker.clock.now)

    dynamodb.script("batch_execute_statement", None, release)  # the first write claims
    assert worker.run() == ["ignored.awaiting_details", "processed"]
    assert dues == [1]


def test_a_waiting_end_holds_no_claim(worker: DetailsWorker) -> None:
    worker.analytics.there_at[FIRST] = 30
    worker.queue.put(end(FIRST))
    worker.run(until=0)
    (item,) = worker.dynamodb.items.values()
    assert item["state"] == {"S": "claimed"}
    assert item["lease_until"] == {"N": "0"}
    assert item["details_attempts"] == {"N": "1"}


def test_an_end_whose_details_never_appear_arrives_after_its_attempts(
    worker: DetailsWorker,
) -> None:
    worker.analytics.there_at[FIRST] = NEVER
    worker.queue.put(end(FIRST))
    assert worker.run() == ["ignored.awaiting_details"] * 2 + ["processed"]
    assert worker.arrivals() == {FIRST: "missing"}
    assert worker.clock.now == 120
    assert worker.attempts_sent() == [1, 2]
    assert [report.details_missing for report in worker.reports] == [0, 0, 1]


def test_an_end_without_details_has_the_events_participants_in_the_form_of_details(
    worker: DetailsWorker,
) -> None:
    worker.analytics.there_at[FIRST] = NEVER
    worker.queue.put(end(FIRST, name=CANARY))
    worker.run()
    (arrived,) = worker.batches.acted_ends
    customer, _, agent = arrived.participants
    assert (customer["purpose"], customer["media_types"]) == ("customer", ["VOICE"])
    assert (agent["user_id"], agent["disconnect_types"]) == (
        "9b2e4c1d-7a55-4c5e-8a3d-0c9d1e2f3a4b",
        ["PEER"],
    )
    assert CANARY not in json.dumps([arrived.participants, arrived.metrics])
    assert CANARY in json.dumps(arrived.raw)


def test_a_late_end_is_the_end_that_its_event_reported(worker: DetailsWorker) -> None:
    body = end(FIRST, name="Support")
    worker.queue.put(body)
    worker.run()
    (prompt,) = worker.batches.acted_ends
    late_worker = DetailsWorker(FakeDynamoDb())
    late_worker.analytics.there_at[FIRST] = 100
    late_worker.queue.put(body)
    late_worker.run()
    (late,) = late_worker.batches.acted_ends
    assert late == prompt
    assert late.queue_name == "Support"
    assert late.raw == json.loads(body)


def test_an_end_without_a_time_of_its_own_keeps_the_time_at_which_it_was_sent(
    worker: DetailsWorker,
) -> None:
    worker.analytics.there_at[FIRST] = 30
    worker.queue.put(end(FIRST, after=None))
    assert worker.run() == ["ignored.awaiting_details", "processed"]
    (arrived,) = worker.batches.acted_ends
    assert arrived.ended_at == format_utc(from_epoch_ms(SENT_AT))


def test_a_waiting_end_does_not_hold_up_its_neighbours(worker: DetailsWorker) -> None:
    worker.analytics.there_at[SECOND] = NEVER
    for id_ in (FIRST, SECOND, THIRD):
        worker.queue.put(end(id_))
    worker.run(until=0)
    assert worker.arrivals() == {FIRST: "complete", THIRD: "complete"}


def test_with_one_attempt_no_end_waits(dynamodb: FakeDynamoDb) -> None:
    worker = DetailsWorker(dynamodb, max_attempts=1)
    worker.analytics.there_at[FIRST] = NEVER
    worker.queue.put(end(FIRST))
    assert worker.run() == ["processed"]
    assert worker.arrivals() == {FIRST: "missing"}
    assert worker.queue.sent_to_itself == []


def test_an_end_that_is_too_large_to_be_sent_again_arrives_at_once(worker: DetailsWorker) -> None:
    worker.analytics.there_at[FIRST] = NEVER
    body = json.loads(end(FIRST)) | {"padding": "ü" * 300_000}
    worker.queue.put(json.dumps(body, ensure_ascii=False))
    assert worker.run() == ["processed"]
    assert worker.arrivals() == {FIRST: "missing"}


def test_a_thousand_ends_in_batches_of_25_cost_40_requests(worker: DetailsWorker) -> None:
    for number in range(1000):
        worker.queue.put(end(conversation_id(number)))
    worker.run(batch_size=25)
    assert set(worker.arrivals().values()) == {"complete"}
    assert len(worker.arrivals()) == 1000
    assert len(worker.analytics.requests) == 40


# Repeats and crashes


def test_a_repeat_of_a_waiting_end_costs_no_request_and_no_message(worker: DetailsWorker) -> None:
    worker.analytics.there_at[FIRST] = 30
    worker.queue.put(end(FIRST))
    worker.run(until=0)
    worker.queue.put(end(FIRST))
    assert worker.run(until=0) == ["ignored.awaiting_details"]
    assert len(worker.analytics.requests) == 1
    assert worker.attempts_sent() == [1]
    assert worker.run() == ["processed"]
    assert worker.arrivals() == {FIRST: "complete"}


def test_a_repeat_that_comes_with_the_delayed_message_changes_nothing(
    worker: DetailsWorker,
) -> None:
    worker.analytics.there_at[FIRST] = 30
    worker.queue.put(end(FIRST))
    worker.run(until=0)
    worker.clock.now = 60
    worker.queue.put(end(FIRST))
    assert sorted(worker.run()) == ["duplicate", "processed"]
    assert worker.arrivals() == {FIRST: "complete"}


def test_a_repeat_before_the_delayed_message_in_a_batch_leaves_the_end_to_the_message(
    worker: DetailsWorker,
) -> None:
    worker.analytics.there_at[FIRST] = 30
    worker.queue.put(end(FIRST))
    worker.run(until=0)
    worker.clock.now = 60
    (delayed,) = [entry["MessageBody"] for entry in worker.queue.sent_to_itself]
    report = worker.batches.run(records(end(FIRST), delayed))
    assert sorted(outcomes_of(report).values()) == ["ignored.awaiting_details", "processed"]


def test_a_repeat_with_another_time_is_the_same_end(worker: DetailsWorker) -> None:
    worker.analytics.there_at[FIRST] = 130
    worker.queue.put(end(FIRST))
    worker.run(until=0)
    worker.queue.put(end(FIRST, after=100))
    worker.run()
    worker.queue.put(end(FIRST, after=390))  # near the repeat's time, but not the first one's
    worker.run()
    assert len(worker.arrivals()) == 1


def test_after_a_crash_between_the_delayed_message_and_the_release_the_end_arrives_once(
    worker: DetailsWorker,
) -> None:
    worker.analytics.there_at[FIRST] = NEVER
    worker.queue.put(end(FIRST))
    # The first call claims the end, the second one releases the claim.
    worker.dynamodb.script("batch_execute_statement", None, Killed())
    with pytest.raises(Killed):
        worker.run()
    assert worker.attempts_sent() == [1]
    worker.run()
    assert worker.arrivals() == {FIRST: "missing"}
    assert worker.queue.waiting == {}


def test_after_a_release_that_failed_the_delayed_message_delivers_the_end(
    worker: DetailsWorker,
) -> None:
    worker.analytics.there_at[FIRST] = 30
    worker.queue.put(end(FIRST))
    worker.dynamodb.script("batch_execute_statement", None, client_error("AccessDenied"))
    worker.run()
    assert worker.arrivals() == {FIRST: "complete"}


def test_an_end_whose_delayed_message_cannot_be_sent_comes_back(worker: DetailsWorker) -> None:
    worker.analytics.there_at[FIRST] = 20
    worker.queue.script("send_message_batch", {0})
    worker.queue.put(end(FIRST))
    assert worker.run() == ["failed.settling", "processed"]
    assert worker.arrivals() == {FIRST: "complete"}
    assert worker.clock.now == 30


def test_an_end_that_a_destination_refuses_to_take_keeps_its_attempts(
    worker: DetailsWorker,
) -> None:
    worker.analytics.there_at[FIRST] = 70
    worker.batches.action_effects[FIRST] = ConnectionError("down")
    worker.queue.put(end(FIRST))
    worker.run(until=130)
    assert worker.attempts_sent() == [1, 2]
    worker.batches.action_effects.clear()
    worker.batches.acted_ends.clear()
    worker.run()
    assert worker.arrivals() == {FIRST: "complete"}


def test_a_second_end_of_a_conversation_gets_the_metrics_since_the_first(
    worker: DetailsWorker,
) -> None:
    for after in (0, HOUR):
        worker.queue.put(end(FIRST, after=after))
        worker.run()
    first, second = worker.batches.acted_ends
    # Analytics still show the conversation as it was before it was re-opened.
    assert (first.details, second.details) == ("complete", "missing")


# After a change of the settings


def test_without_the_setting_a_delayed_message_is_delivered_without_details(
    worker: DetailsWorker,
) -> None:
    worker.analytics.there_at[FIRST] = NEVER
    worker.queue.put(end(FIRST, name="Support"))
    worker.run(until=0)
    worker.batches.details = None
    assert worker.run() == ["processed"]
    (arrived,) = worker.batches.acted_ends
    body = json.loads(end(FIRST, name="Support"))
    assert arrived.details == "none"
    assert arrived.participants == body["attributes"]["participants"]
    assert arrived.raw == body


def test_with_fewer_attempts_than_were_made_the_end_waits_no_more(worker: DetailsWorker) -> None:
    worker.analytics.there_at[FIRST] = NEVER
    worker.queue.put(end(FIRST))
    worker.run(until=60)
    shorter = DetailsWorker(worker.dynamodb, max_attempts=1)
    shorter.analytics.there_at[FIRST] = NEVER
    worker.batches.details = shorter.batches.details
    assert worker.run() == ["processed"]
    assert worker.arrivals() == {FIRST: "missing"}


# Faults of Genesys Cloud, each with its outcome


Fault = Callable[[float, Sequence[str]], BaseException | None]


def until(seconds: float, error_: BaseException) -> Fault:
    return lambda now, _: error_ if now < seconds else None


def refuse(status: int, *, id_: str) -> Fault:
    return lambda _, ids: error(status) if id_ in ids else None


@pytest.mark.parametrize(
    ("fault", "details", "seconds"),
    [
        pytest.param(until(NEVER, error(403)), "missing", 120, id="permission missing"),
        pytest.param(until(70, error(403)), "complete", 120, id="permission given late"),
        pytest.param(until(60, error(429, 60)), "complete", 60, id="429 for a minute"),
        pytest.param(until(61, error(429)), "complete", 120, id="429 without Retry-After"),
        pytest.param(until(HOUR, error(503)), "missing", 120, id="down for an hour"),
        pytest.param(until(30, error(500)), "complete", 60, id="500"),
        pytest.param(
            until(HOUR, Unreachable("GET", PATH, message="no route")), "missing", 120, id="gone"
        ),
        pytest.param(until(NEVER, TimeoutError("slow")), "missing", 120, id="hangs"),
        pytest.param(
            until(30, LoginRefused("POST", "/oauth/token", status=401)),
            "complete",
            60,
            id="login refused",
        ),
        pytest.param(
            until(30, CredentialsError("There is no secret.")), "complete", 60, id="no secret"
        ),
        pytest.param(until(30, ValueError("a bug")), "complete", 60, id="an unforeseen error"),
    ],
)
def test_a_fault_of_all_requests_costs_no_end(
    worker: DetailsWorker, fault: Fault, details: str, seconds: float
) -> None:
    worker.analytics.fault = lambda ids: fault(worker.clock.now, ids)
    for number in range(30):
        worker.queue.put(end(conversation_id(number)))
    worker.run()
    assert worker.arrivals() == {conversation_id(number): details for number in range(30)}
    assert worker.clock.now == seconds


@pytest.mark.parametrize("status", [400, 404])
def test_an_id_that_genesys_cloud_refuses_costs_only_its_own_end_the_details(
    worker: DetailsWorker, status: int
) -> None:
    fault = refuse(status, id_=SECOND)
    worker.analytics.fault = lambda ids: fault(worker.clock.now, ids)
    for id_ in (FIRST, SECOND, THIRD):
        worker.queue.put(end(id_))
    worker.run()
    assert worker.arrivals() == {FIRST: "complete", SECOND: "missing", THIRD: "complete"}


def test_answers_with_half_of_the_ids_complete_all_ends_in_time(worker: DetailsWorker) -> None:
    def leave_out_half(ids: Sequence[str]) -> None:
        for id_ in ids[1::2]:
            worker.analytics.there_at[id_] = worker.clock.now + 1

    worker.analytics.fault = leave_out_half
    for number in range(8):
        worker.queue.put(end(conversation_id(number)))
    worker.run()
    assert [worker.arrivals()[conversation_id(n)] for n in range(7)] == ["complete"] * 7


def test_while_requests_pause_no_request_is_sent(worker: DetailsWorker) -> None:
    worker.analytics.fault = lambda _: error(429, 90)
    for number in range(25):
        worker.queue.put(end(conversation_id(number)))
    worker.run(until=60)
    assert len(worker.analytics.requests) == 1


def test_a_failure_is_logged_once_for_the_batch_and_without_secrets(
    worker: DetailsWorker, log: Log
) -> None:
    worker.analytics.fault = lambda _: error(403)
    worker.batches.run(records(end(FIRST, name=CANARY), end(SECOND, name=CANARY)))
    (line,) = log.lines("WARNING", "Details not requested")
    assert "403" in line["reason"]
    assert CANARY not in log.text


def test_an_end_whose_conversation_id_is_none_of_genesys_clouds_is_not_requested(
    worker: DetailsWorker,
) -> None:
    worker.queue.put(end("c-1"))
    worker.run()
    assert worker.analytics.requests == []
    assert worker.arrivals() == {"c-1": "missing"}


def test_a_delayed_message_that_was_damaged_is_rejected(worker: DetailsWorker) -> None:
    worker.analytics.there_at[FIRST] = NEVER
    worker.queue.put(end(FIRST))
    worker.run(until=0)
    (message,) = worker.queue.waiting.values()
    message.body = message.body.replace('"attempts": 1', '"attempts": "one"')
    assert worker.run() == ["rejected.invalid_field"]


def test_an_end_of_a_queue_that_is_no_longer_ours_is_ignored(worker: DetailsWorker) -> None:
    worker.analytics.there_at[FIRST] = NEVER
    worker.queue.put(end(FIRST, queue_id="second-queue"))
    worker.run(until=0)
    (message,) = worker.queue.waiting.values()
    message.body = message.body.replace('"queueId": "second-queue"', '"queueId": "third"')
    assert worker.run() == ["ignored.other_queue"]


def test_without_time_for_the_delayed_message_the_end_comes_back_at_once(
    worker: DetailsWorker,
) -> None:
    def take_time(_: Sequence[str]) -> None:
        worker.analytics.there_at[FIRST] = NEVER
        worker.clock.sleep(28)

    worker.analytics.fault = take_time
    report = worker.batches.run([record(end(FIRST), "m-1")])
    ((outcome, reason),) = [(o.kind, o.reason) for o in report.outcomes]
    assert (outcome, reason) == ("failed", "no_time")


def test_details_leave_the_ends_identity_alone(worker: DetailsWorker) -> None:
    worker.queue.put(end(FIRST))
    worker.run()
    (complete,) = worker.batches.acted_ends
    plain_worker = DetailsWorker(FakeDynamoDb())
    plain_worker.batches.details = None
    plain_worker.queue.put(end(FIRST))
    plain_worker.run()
    (plain,) = plain_worker.batches.acted_ends
    assert plain.details == "none"
    assert complete == replace(
        plain,
        participants=complete.participants,
        metrics=complete.metrics,
        details="complete",
        conversation_start=complete.conversation_start,
    )
