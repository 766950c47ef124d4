"""Each end reaches each destination that lacks it, even if other ends fail."""

import json
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from conversations.end import ConversationEnd
from deadline import Deadline
from destinations.destination import Receipt
from local.http.messages import Answer, Request
from tests.bodies import QUEUE, end
from tests.fakes.aws.dynamodb import FakeDynamoDb, client_error
from tests.fakes.aws.sqs import FakeSqs
from tests.fakes.aws.sqs_event import Countdown, record, records
from tests.fakes.batches import Batches, outcomes_of, reported_ids
from tests.fakes.clock import Clock
from tests.fakes.destinations import FakeDestination
from tests.fakes.webhook_receiver import Receiver, webhook_to

WRITE, READ = "batch_execute_statement", "batch_get_item"
THROTTLED = client_error("ThrottlingException")


@pytest.fixture
def bus(batches: Batches) -> FakeDestination:
    return _add_destination(batches, "bus")


@pytest.fixture
def webhook(batches: Batches, bus: FakeDestination) -> FakeDestination:
    return _add_destination(batches, "webhook")


def _add_destination(batches: Batches, name: str) -> FakeDestination:
    destination = FakeDestination(name)
    batches.destinations = [*(batches.destinations or []), destination]
    return destination


def item(dynamodb: FakeDynamoDb, conversation_id: str, sequence: str = "") -> dict[str, Any]:
    """Return a ledger item as plain values."""
    values = dynamodb.items[conversation_id, QUEUE + sequence]
    return {
        name: [v["S"] for v in value["L"]] if "L" in value else next(iter(value.values()))
        for name, value in values.items()
    }


def test_an_end_goes_to_every_destination_and_is_done(
    batches: Batches, bus: FakeDestination, webhook: FakeDestination, dynamodb: FakeDynamoDb
) -> None:
    report = batches.run(records(end("c")))
    assert outcomes_of(report) == {"m-1": "processed"}
    assert bus.received == webhook.received == [("c", QUEUE, 1)]
    ledger = item(dynamodb, "c")
    assert (ledger["state"], ledger["delivered"]) == ("done", ["bus", "webhook"])
    assert (ledger["lease_until"], ledger["source"]) == ("0", "subscription")
    assert int(ledger["expires_at"]) == batches.now_ms() // 1000 + 20 * 86_400


def test_an_end_that_fails_at_one_destination_is_retried_only_there(
    batches: Batches,
    bus: FakeDestination,
    webhook: FakeDestination,
    dynamodb: FakeDynamoDb,
    sqs: FakeSqs,
) -> None:
    bus.results["bad"] = "failed"
    report = batches.run(records(end("good"), end("bad")))
    assert outcomes_of(report) == {"m-1": "processed", "m-2": "failed.destination"}
    assert report.delivery_failures == 1
    assert webhook.received == [("good", QUEUE, 1), ("bad", QUEUE, 1)]
    assert item(dynamodb, "bad")["delivered"] == ["webhook"]
    assert item(dynamodb, "bad")["lease_until"] == "0"
    assert sqs.visibility == {"r:m-2": 30}

    bus.results.clear()
    assert outcomes_of(batches.run(records(end("bad")))) == {"m-1": "processed"}
    assert bus.received == [("good", QUEUE, 1), ("bad", QUEUE, 1)]
    assert webhook.received == [("good", QUEUE, 1), ("bad", QUEUE, 1)]


def test_a_refused_end_goes_to_the_dead_letter_queue_with_its_reason(
    batches: Batches, bus: FakeDestination, webhook: FakeDestination, sqs: FakeSqs
) -> None:
    webhook.results["gone"] = "refused"
    gone_records = [record(end("gone"), f"m-{n}") for n in range(2)]
    report = batches.run([*gone_records, record(end("good"), "m-2")])
    assert outcomes_of(report) == {
        "m-0": "rejected.destination_refused",
        "m-1": "rejected.destination_refused",
        "m-2": "processed",
    }
    assert reported_ids(report) == []
    assert [entry["MessageBody"] for entry in sqs.dead] == [end("gone")] * 2
    reasons = [entry["MessageAttributes"]["detail"]["StringValue"] for entry in sqs.dead]
    assert reasons == ["webhook: why"] * 2
    assert bus.received == [("gone", QUEUE, 1), ("good", QUEUE, 1)]

    webhook.results.clear()  # an operator has repaired the webhook and redrives the messages
    assert outcomes_of(batches.run([record(end("gone"), "m-9")])) == {"m-9": "processed"}
    assert len(bus.received) == 2
    assert ("gone", QUEUE, 1) in webhook.received


def test_an_end_that_one_destination_refuses_and_another_fails_is_retried(
    batches: Batches, bus: FakeDestination, webhook: FakeDestination, sqs: FakeSqs
) -> None:
    bus.results["c"], webhook.results["c"] = "failed", "refused"
    report = batches.run(records(end("c")))
    assert outcomes_of(report) == {"m-1": "failed.destination"}
    assert sqs.dead == []


def test_a_repeated_end_is_a_duplicate(
    batches: Batches, bus: FakeDestination, webhook: FakeDestination
) -> None:
    batches.run(records(end("c")))
    report = batches.run(records(end("c"), end("c", after=299), end("c", after=None), end("d")))
    assert sorted(outcomes_of(report).values()) == ["duplicate"] * 3 + ["processed"]
    assert bus.received == webhook.received == [("c", QUEUE, 1), ("d", QUEUE, 1)]


def test_an_end_that_another_invocation_holds_comes_back_when_its_lease_is_over(
    batches: Batches, bus: FakeDestination, sqs: FakeSqs, clock: Clock
) -> None:
    def process_in_another_invocation() -> None:
        bus.results.clear()
        clock.sleep(2)
        other_report = batches.run([record(end("c"), "other")])
        assert outcomes_of(other_report) == {"other": "failed.claimed_elsewhere"}
        # 30 s to the timeout, a second more for the lease, 2 s have passed, up to 5 s of jitter.
        assert 29 <= sqs.visibility.pop("r:other") <= 34

    bus.results["c"] = process_in_another_invocation
    assert outcomes_of(batches.run(records(end("c")))) == {"m-1": "processed"}
    assert bus.received == [("c", QUEUE, 1)]


def test_a_worker_that_lost_its_claim_overwrites_nothing(
    batches: Batches, bus: FakeDestination, webhook: FakeDestination, dynamodb: FakeDynamoDb
) -> None:
    def take_over() -> None:
        dynamodb.items["c", QUEUE] |= {"claimed_by": {"S": "another"}, "lease_until": {"N": "9"}}

    bus.results["c"] = take_over
    report = batches.run(records(end("c"), end("d")))
    assert outcomes_of(report) == {"m-1": "failed.claimed_elsewhere", "m-2": "processed"}
    ledger = item(dynamodb, "c")
    assert (ledger["claimed_by"], ledger["lease_until"]) == ("another", "9")
    assert (ledger["state"], ledger["delivered"]) == ("claimed", [])


def test_an_end_is_done_without_a_destination_that_is_no_longer_set(
    batches: Batches, bus: FakeDestination, webhook: FakeDestination, dynamodb: FakeDynamoDb
) -> None:
    webhook.results["c"] = "failed"
    batches.run(records(end("c")))
    batches.destinations = [bus]
    assert outcomes_of(batches.run(records(end("c")))) == {"m-1": "processed"}
    assert bus.received == [("c", QUEUE, 1)]
    assert item(dynamodb, "c")["state"] == "done"


@pytest.mark.parametrize("count", [1, 24, 25, 26, 100])
def test_a_call_writes_up_to_twenty_five_marks(
    batches: Batches, bus: FakeDestination, dynamodb: FakeDynamoDb, count: int
) -> None:
    batches.run(records(*(end(f"c-{n}") for n in range(count))))
    calls = -(-count // 25)
    assert (dynamodb.count(WRITE), dynamodb.count(READ)) == (2 * calls, 0)


def test_ends_at_a_slow_destination_are_marked_about_every_second(
    batches: Batches, bus: FakeDestination, dynamodb: FakeDynamoDb, clock: Clock
) -> None:
    done_counts: list[int] = []

    def be_slow() -> None:
        done_items = [v for v in dynamodb.items.values() if v["state"]["S"] == "done"]
        done_counts.append(len(done_items))
        clock.sleep(0.6)

    bus.results = {f"c-{n}": be_slow for n in range(6)}
    batches.run(records(*(end(f"c-{n}") for n in range(6))))
    assert all(number - done <= 3 for number, done in enumerate(done_counts))


def test_destinations_get_the_ends_at_the_same_time(
    batches: Batches, bus: FakeDestination, webhook: FakeDestination, clock: Clock
) -> None:
    bus.results["slow"] = lambda: clock.sleep(12)
    webhook.results["slow"] = lambda: clock.sleep(14)
    batches.run(records(end("slow"), end("c")))
    assert bus.seconds_given == webhook.seconds_given == [27]
    assert len(bus.received) == len(webhook.received) == 2
    assert clock.now == 14


def test_destinations_in_the_main_thread_share_the_time(
    batches: Batches, bus: FakeDestination, webhook: FakeDestination, clock: Clock
) -> None:
    """Otherwise the second one would never get the ends for which the first takes all the time."""
    bus.needs_main_thread = webhook.needs_main_thread = True
    for number in range(3):
        bus.results[f"c-{number}"] = lambda: clock.sleep(10)
    report = batches.run(records(*(end(f"c-{number}") for number in range(3))))
    assert set(outcomes_of(report).values()) == {"processed", "failed.no_time"}
    assert bus.seconds_given == [13.5]
    assert (len(bus.received), len(webhook.received)) == (2, 3)


def test_a_receipt_just_after_the_deadline_counts(
    batches: Batches, bus: FakeDestination, webhook: FakeDestination, clock: Clock
) -> None:
    bus.results["c"] = lambda: clock.sleep(27.1)
    assert outcomes_of(batches.run(records(end("c")))) == {"m-1": "processed"}


def test_ends_not_tried_because_of_slow_successes_come_back_at_once(
    batches: Batches, bus: FakeDestination, webhook: FakeDestination, clock: Clock, sqs: FakeSqs
) -> None:
    bus.results["slow"] = lambda: clock.sleep(27)
    report = batches.run(records(end("slow"), end("c")))
    assert outcomes_of(report) == {"m-1": "processed", "m-2": "failed.no_time"}
    assert sqs.visibility == {"r:m-2": 0}
    assert webhook.received == [("slow", QUEUE, 1), ("c", QUEUE, 1)]


def test_ends_not_tried_because_of_failures_wait_as_long_as_failed_ends(
    batches: Batches, bus: FakeDestination, clock: Clock, sqs: FakeSqs
) -> None:
    """Otherwise the untried messages would use up their receives while calls hang."""

    def hang() -> None:
        clock.sleep(27)

    bus.results = {"slow": "failed", "hangs": hang}
    report = batches.run(records(end("slow"), end("hangs"), end("c")))
    assert outcomes_of(report)["m-3"] == "failed.destination"
    assert sqs.visibility["r:m-3"] == 30
    assert report.delivery_failures == 1


def test_a_bug_in_a_destination_fails_its_ends_only_there(
    batches: Batches, bus: FakeDestination, webhook: FakeDestination
) -> None:
    def raise_error() -> None:
        raise ZeroDivisionError("canary")

    bus.results["bad"] = raise_error
    report = batches.run(records(end("good"), end("bad"), end("after")))
    assert outcomes_of(report) == {
        "m-1": "processed",
        "m-2": "failed.destination",
        "m-3": "failed.destination",
    }
    assert len(webhook.received) == 3
    assert "canary" not in json.dumps([outcome.detail for outcome in report.outcomes])


def test_a_receipt_for_no_end_fails_the_ends_only_at_its_destination(
    batches: Batches, bus: FakeDestination, webhook: FakeDestination
) -> None:
    def deliver(ends: Sequence[ConversationEnd], deadline: Deadline) -> Iterator[Receipt]:
        yield Receipt(len(ends), "arrived")

    bus.deliver = deliver  # type: ignore[method-assign]
    report = batches.run(records(end("c"), end("d")))
    assert {outcome.reason for outcome in report.outcomes} == {"destination"}
    assert all("IndexError" in outcome.detail for outcome in report.outcomes)
    assert len(webhook.received) == 2


@pytest.mark.parametrize("webhook_fails", [False, True])
def test_a_late_mark_does_not_undo_a_delivery(
    batches: Batches,
    bus: FakeDestination,
    webhook: FakeDestination,
    dynamodb: FakeDynamoDb,
    webhook_fails: bool,
) -> None:
    """An abandoned attempt can reach the table after later writes of the same holder."""
    third_destination = _add_destination(batches, "third")
    webhook.results["c"] = "failed" if webhook_fails else "arrived"
    batches.run(records(end("c")))
    old_item = item(dynamodb, "c")

    for call in dynamodb.calls[1:-1]:
        dynamodb.batch_execute_statement(Statements=call.entries)

    assert item(dynamodb, "c") == old_item
    batches.run(records(end("c")))
    assert bus.received == third_destination.received == [("c", QUEUE, 1)]


@pytest.mark.parametrize("throttled_calls", [1, 3])
def test_only_throttled_statements_are_repeated(
    batches: Batches, bus: FakeDestination, dynamodb: FakeDynamoDb, throttled_calls: int
) -> None:
    dynamodb.script(WRITE, *[{0, 2}] * throttled_calls)
    report = batches.run(records(*(end(f"c-{n}") for n in range(4))))
    assert set(outcomes_of(report).values()) == {"processed"}
    sizes = [len(call.entries) for call in dynamodb.calls]
    assert sizes[0] == 4
    assert all(size < 4 for size in sizes[1 : 1 + throttled_calls])


def test_a_permanently_throttled_ledger_fails_the_batch_in_time(
    batches: Batches, bus: FakeDestination, dynamodb: FakeDynamoDb, clock: Clock, sqs: FakeSqs
) -> None:
    dynamodb.always(WRITE, THROTTLED)
    context = clock.invocation(30)
    report = batches.run(records(end("c"), end("d")), context)
    assert set(outcomes_of(report).values()) == {"failed.ledger"}
    assert context.get_remaining_time_in_millis() > 10_000
    assert sqs.visibility == {"r:m-1": 30, "r:m-2": 30}
    assert bus.received == []


def test_a_permanently_throttled_statement_does_not_stop_other_ends(
    batches: Batches, bus: FakeDestination, dynamodb: FakeDynamoDb
) -> None:
    def throttle() -> set[int]:
        statements = dynamodb.calls[-1].entries
        return {n for n, s in enumerate(statements) if {"S": "c"} in s["Parameters"]}

    dynamodb.always(WRITE, throttle)
    report = batches.run(records(end("c"), end("d")))
    assert outcomes_of(report) == {"m-1": "failed.ledger", "m-2": "processed"}
    assert bus.received == [("d", QUEUE, 1)]


def test_a_permanently_throttled_mark_leaves_time_for_the_other_destinations(
    batches: Batches,
    bus: FakeDestination,
    webhook: FakeDestination,
    dynamodb: FakeDynamoDb,
    clock: Clock,
) -> None:
    def throttle() -> set[int]:
        statements = dynamodb.calls[-1].entries
        updates = [
            s["Parameters"] if s["Statement"].startswith("UPDATE") else [] for s in statements
        ]
        return {n for n, parameters in enumerate(updates) if {"S": "c-0"} in parameters}

    dynamodb.always(WRITE, throttle)
    bus.results["c-1"] = "failed"
    context = clock.invocation(30)
    report = batches.run(records(*(end(f"c-{n}") for n in range(30))), context)
    outcomes = outcomes_of(report)
    assert (outcomes.pop("m-1"), outcomes.pop("m-2")) == ("failed.ledger", "failed.destination")
    assert set(outcomes.values()) == {"processed"}
    assert len(webhook.received) == 30
    assert context.get_remaining_time_in_millis() >= 1000
    assert batches.sqs.visibility == {"r:m-1": 30, "r:m-2": 30}


def test_a_dead_letter_queue_that_hangs_leaves_time_for_good_ends(
    batches: Batches, bus: FakeDestination, clock: Clock, sqs: FakeSqs
) -> None:
    sqs.always("send_message_batch", lambda: clock.sleep(6))
    poison_records = [record("{", f"p-{n}") for n in range(60)]
    report = batches.run([*poison_records, record(end("good"), "good")], clock.invocation(30))
    assert outcomes_of(report)["good"] == "processed"


def test_a_delivered_end_that_could_not_be_marked_is_not_acknowledged(
    batches: Batches, bus: FakeDestination, dynamodb: FakeDynamoDb
) -> None:
    def throttle_the_ledger() -> None:
        dynamodb.always(WRITE, THROTTLED)

    bus.results["c"] = throttle_the_ledger
    report = batches.run(records(end("c")))
    assert outcomes_of(report) == {"m-1": "failed.ledger"}


def test_a_failed_mark_is_written_by_the_next_mark_or_the_release(
    batches: Batches, bus: FakeDestination, webhook: FakeDestination, dynamodb: FakeDynamoDb
) -> None:
    access_denied = client_error("AccessDeniedException")
    dynamodb.script(WRITE, None, access_denied)
    assert outcomes_of(batches.run(records(end("c")))) == {"m-1": "processed"}
    assert item(dynamodb, "c")["delivered"] == ["bus", "webhook"]

    dynamodb.script(WRITE, None, access_denied, access_denied)
    assert outcomes_of(batches.run(records(end("d")))) == {"m-1": "failed.ledger"}
    assert outcomes_of(batches.run(records(end("d")))) == {"m-1": "processed"}
    assert bus.received.count(("d", QUEUE, 1)) == webhook.received.count(("d", QUEUE, 1)) == 1


def test_a_reopened_conversation_ends_again_with_the_next_sequence(
    batches: Batches, bus: FakeDestination, dynamodb: FakeDynamoDb
) -> None:
    for after in (0, 600, 1800, -900):
        batches.run(records(end("c", after=after)))
    assert [sequence for _, _, sequence in bus.received] == [1, 2, 3, 4]
    assert {queue_id for _, queue_id in dynamodb.items} == {
        QUEUE, f"{QUEUE}#2", f"{QUEUE}#3", f"{QUEUE}#4"
    }  # fmt: skip
    report = batches.run(records(*(end("c", after=after) for after in (1801, 600, -905, 1))))
    assert set(outcomes_of(report).values()) == {"duplicate"}


def test_a_further_end_extends_the_expiry_of_earlier_items(
    batches: Batches, bus: FakeDestination, dynamodb: FakeDynamoDb, clock: Clock
) -> None:
    """Otherwise an end of a later item could create the expired item again."""
    batches.run(records(end("c")))
    clock.sleep(86_400)
    batches.run(records(end("c", after=86_400)))
    first, second = item(dynamodb, "c"), item(dynamodb, "c", "#2")
    assert first["expires_at"] == second["expires_at"]
    assert int(second["expires_at"]) == batches.now_ms() // 1000 + 20 * 86_400


@pytest.mark.usefixtures("real_alarm")
def test_a_webhook_call_that_hangs_does_not_stop_other_ends(
    batches: Batches, bus: FakeDestination, dynamodb: FakeDynamoDb
) -> None:
    def respond(request: Request) -> Answer:
        hangs = request.json["data"]["conversation_id"] == "c-3"
        return Answer(204, fate="hung" if hangs else "sent")

    with Receiver() as receiver, webhook_to(receiver.url, call_seconds=1) as webhook:
        receiver.respond = respond
        batches.destinations = [webhook, bus]
        report = batches.run(records(*(end(f"c-{n}") for n in range(10))), Countdown(30))

    outcomes = outcomes_of(report)
    assert outcomes.pop("m-4") == "failed.destination"
    assert set(outcomes.values()) == {"processed"}
    done_ids = {c for (c, _), values in dynamodb.items.items() if values["state"]["S"] == "done"}
    assert done_ids == {f"c-{n}" for n in range(10)} - {"c-3"}
    assert item(dynamodb, "c-3")["delivered"] == ["bus"]
