"""The outcome of each message with the delivery `eventbridge`, and its number of calls."""

import json
import random
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import ReadTimeoutError

from tests.bodies import OTHER_QUEUE, QUEUE
from tests.bodies import end as subscription_end
from tests.fakes.aws.dynamodb import Lost, client_error
from tests.fakes.aws.sqs import client_error as sqs_error
from tests.fakes.aws.sqs_event import record
from tests.fakes.batches import SECOND_QUEUE
from tests.fakes.partner_worker import RULES, PartnerWorker
from tests.partner_events import ENDED_MS, SAMPLES, event, settle

Start = Callable[..., PartnerWorker]

WRITE, READ, SEND = "batch_execute_statement", "batch_get_item", "send_message_batch"
A, B, FOREIGN = QUEUE, SECOND_QUEUE, OTHER_QUEUE
HOUR = 3600
END = event("customer.end")
TRANSFER = event("customer.end", disconnectType="CONFERENCE_TRANSFER")
HISTORY_RULES = ("touched", "last_queue")


@pytest.fixture
def start() -> Iterator[Start]:
    """Return a function that starts a worker with an end rule. Its calls are checked afterwards."""
    workers: list[PartnerWorker] = []

    def start(rule: str, dynamodb: Any = None) -> PartnerWorker:
        workers.append(PartnerWorker(rule, dynamodb=dynamodb))
        return workers[-1]

    yield start
    for worker in workers:
        assert worker.dynamodb.mistakes() == []
        assert worker.sqs.refused == []


def ends_of(worker: PartnerWorker) -> list[tuple[str, float]]:
    """Return each delivered end's queue id and its time in seconds after `ENDED_MS`."""
    return [(queue_id, (at_ms - ENDED_MS) / 1000) for _, queue_id, at_ms in worker.delivered_ends()]


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize(
    ("body", "outcome"),
    [
        (event("customer.start"), "ignored.other_event_type"),
        (event("acw", FOREIGN), "ignored.other_queue"),
        (SAMPLES["user-end-no-queue"], "ignored.other_queue"),
        (TRANSFER, "ignored.noted"),
        (event("acd.start", A), "ignored.noted"),
        (SAMPLES["acd-end-answered"], "ignored.noted"),
        (END, "ignored.noted"),
        (settle(), "ignored.noted"),
        (event("acw", ""), "ignored.other_queue"),
        (event("acw", A, eventTime="never"), "rejected.invalid_field"),
        (event("customer.end", conversationId=""), "rejected.missing_conversation_id"),
        ("{", "rejected.not_json"),
    ],
)
def test_a_message_that_completes_no_end_has_the_documented_outcome(
    start: Start, rule: str, body: str, outcome: str
) -> None:
    worker = start(rule)
    assert worker.process(body) == [outcome]
    assert worker.process(body, body) == [outcome] * 2
    assert ends_of(worker) == []
    assert worker.sqs.delayed == []


def test_the_later_of_customer_end_and_queue_event_is_processed(start: Start) -> None:
    worker = start("touched")
    assert worker.process(event("acd.start", A, after=-60)) == ["ignored.noted"]
    assert worker.process(END) == ["processed"]
    assert worker.process(event("customer.end", conversation_id="d")) == ["ignored.noted"]
    assert worker.process(event("acw", A, conversation_id="d", after=60)) == ["processed"]
    assert ends_of(worker) == [(A, 0), (A, 0)]


def test_a_repeated_event_is_a_duplicate(start: Start) -> None:
    worker = start("touched")
    queue = event("acd.start", A, after=-60)
    assert worker.process(queue, END, END) == ["processed", "duplicate", "duplicate"]
    assert worker.process(queue) == ["duplicate"]
    assert worker.process(END) == ["duplicate"]
    assert worker.process(event("user.end", A, after=1)) == ["duplicate"]
    assert worker.process(event("wrapup", A, after=60)) == ["ignored.noted"]
    assert ends_of(worker) == [(A, 0)]


@pytest.mark.parametrize("first_messages", [[TRANSFER], []])
def test_a_customer_s_transfer_completes_no_end_in_any_batch(
    start: Start, first_messages: list[str]
) -> None:
    for rule in RULES:
        worker = start(rule)
        ends = [event("acd.start", A, after=-60), END, event("user.end", A, after=1)]
        outcomes = worker.process(*first_messages, *ends, TRANSFER, settle(after=99))
        assert outcomes[-2:] == ["ignored.noted"] * 2
        assert outcomes[: len(first_messages)] == ["ignored.noted"] * len(first_messages)
        worker.settle()
        assert len(ends_of(worker)) == 1
        assert worker.process(TRANSFER) == ["ignored.noted"]


def test_an_end_has_the_fields_of_the_customer_end_event(start: Start) -> None:
    end = event("customer.end", mediaType="MESSAGE", direction="OUTBOUND", disconnectType="SYSTEM")
    queue = event("acw", A, after=60, mediaType="VOICE", disconnectType="PEER")
    for messages in ([end, queue], [queue, end]):
        for rule in HISTORY_RULES:
            worker = start(rule)
            for message in messages:
                worker.process(message)
            worker.settle()
            (delivered_end,) = worker.batches.acted_ends
            assert (
                delivered_end.conversation_id,
                delivered_end.queue_id,
                delivered_end.queue_name,
            ) == ("c-1", A, None)
            assert delivered_end.ended_at == "2026-11-23T10:00:00.000Z"
            end_fields = (
                delivered_end.media_type,
                delivered_end.direction,
                delivered_end.disconnect_type,
            )
            assert end_fields == ("MESSAGE", "OUTBOUND", "SYSTEM")
            assert (delivered_end.participants, delivered_end.metrics) == ([], [])
            assert (delivered_end.source, delivered_end.sequence) == ("eventbridge", 1)
            assert delivered_end.raw == json.loads(messages[-1])


def test_a_leg_s_end_has_the_fields_of_its_event(start: Start) -> None:
    worker = start("queue_leg")
    assert worker.process(SAMPLES["user-end"]) == ["processed"]
    (delivered_end,) = worker.batches.acted_ends
    assert (delivered_end.queue_id, delivered_end.ended_at) == (A, "2026-11-23T10:00:00.000Z")
    assert (delivered_end.media_type, delivered_end.direction, delivered_end.disconnect_type) == (
        "VOICE",
        "INBOUND",
        "PEER",
    )
    assert (delivered_end.source, delivered_end.raw) == (
        "eventbridge",
        json.loads(SAMPLES["user-end"]),
    )


@pytest.mark.parametrize(
    ("topic", "fields", "ends"),
    [
        ("acd.end", {"acdOutcome": "ABANDON"}, True),
        ("acd.end", {"acdOutcome": "ABANDON", "disconnectType": "TRANSFER"}, True),
        *[("acd.end", {"acdOutcome": o}, False) for o in ("ANSWERED", "FLOW_OUT", "UNKNOWN", 7)],
        ("acd.end", {}, False),
        ("user.end", {"interactingDurationMs": 1}, True),
        ("user.end", {"interactingDurationMs": 0.5}, True),
        ("user.end", {"interactingDurationMs": 1, "disconnectType": "A_NEW_ONE"}, True),
        ("user.end", {"interactingDurationMs": 1, "disconnectType": None}, True),
        *[("user.end", {"interactingDurationMs": ms}, False) for ms in (0, -1)],
        *[("user.end", {"interactingDurationMs": ms}, True) for ms in (None, "5", True)],
        ("user.end", {"alertingDurationMs": 9}, False),
        ("user.end", {"disconnectType": "DND_ENDPOINT"}, False),
        *[
            ("user.end", {"interactingDurationMs": 1, "disconnectType": f"{word}TRANSFER"}, False)
            for word in ("", "CONSULT_", "CONFERENCE_", "NO_ANSWER_")
        ],
        ("acw", {"acdOutcome": "ABANDON", "interactingDurationMs": 5}, False),
        ("user.start", {"interactingDurationMs": 5}, False),
    ],
)
def test_a_leg_ends_if_it_is_abandoned_or_an_agent_has_finished_it(
    start: Start, topic: str, fields: dict[str, Any], ends: bool
) -> None:
    worker = start("queue_leg")
    default_fields: dict[str, Any] = {
        "acdOutcome": None,
        "interactingDurationMs": None,
        "disconnectType": "PEER",
    }
    body = event(topic, A, **{**default_fields, **fields})
    assert worker.process(body) == ["processed" if ends else "ignored.noted"]
    assert worker.process(body) == ["duplicate" if ends else "ignored.noted"]
    assert ends_of(worker) == ([(A, 0)] if ends else [])
    if not ends:
        assert worker.dynamodb.calls == []


def test_leg_ends_within_five_minutes_are_one_end_and_later_ones_are_further_ends(
    start: Start,
) -> None:
    worker = start("queue_leg")
    legs = [
        event("user.end", queue, after=after)
        for queue, after in [(A, 0), (A, 300), (B, 10), (A, 601), (A, HOUR)]
    ]
    assert worker.process(*legs) == [
        "processed",
        "duplicate",
        "processed",
        "processed",
        "processed",
    ]
    sequences = sorted((end.queue_id, end.sequence) for end in worker.batches.acted_ends)
    assert sequences == sorted([(A, 1), (A, 2), (A, 3), (B, 1)])


def test_one_message_completes_an_end_in_every_queue_touched(start: Start) -> None:
    worker = start("touched")
    worker.process(event("acd.start", A, after=-90), event("acd.start", B, after=-60))
    report = worker.run(END)
    assert report.outcome_counts()["processed"] == 1
    assert {queue_id: len(ms) for queue_id, ms in report.latencies_ms.items()} == {A: 1, B: 1}
    assert ends_of(worker) == sorted([(A, 0), (B, 0)])


def test_a_message_fails_if_one_of_its_ends_fails_and_only_that_end_is_retried(
    start: Start,
) -> None:
    worker = start("touched")
    worker.process(event("acd.start", A, after=-90), event("acd.start", B, after=-60))
    original_action = worker.batches.action

    def fail_in_b(end: object) -> None:
        if getattr(end, "queue_id", None) == B:
            raise ValueError
        original_action(end)  # type: ignore[arg-type]

    worker.batches.action = fail_in_b
    assert worker.process(END) == ["failed.destination"]
    assert ends_of(worker) == [(A, 0)]
    assert worker.process(END, event("user.end", A, after=5)) == ["failed.destination", "duplicate"]
    worker.batches.action = original_action
    assert worker.process(END) == ["processed"]
    assert ends_of(worker) == sorted([(A, 0), (B, 0)])
    assert worker.process(END) == ["duplicate"]


def test_a_re_opened_conversation_ends_again_in_the_queues_it_has_been_in_since(
    start: Start,
) -> None:
    worker = start("touched")
    worker.process(event("acd.start", A, after=-60), END)
    later_messages = [event("acd.start", B, after=HOUR), event("customer.end", after=2 * HOUR)]
    assert worker.process(*later_messages) == ["processed", "duplicate"]
    assert worker.process(event("customer.end", after=3 * HOUR)) == ["ignored.noted"]
    back = [event("acd.start", A, after=4 * HOUR), event("customer.end", after=5 * HOUR)]
    assert worker.process(*back) == ["processed", "duplicate"]
    assert ends_of(worker) == sorted([(A, 0), (B, 2 * HOUR), (A, 5 * HOUR)])
    sequences = sorted((end.queue_id, end.sequence) for end in worker.batches.acted_ends)
    assert sequences == sorted([(A, 1), (A, 2), (B, 1)])


def test_a_customer_s_end_that_arrives_after_a_later_one_ends_the_queues_of_its_own_session(
    start: Start,
) -> None:
    worker = start("touched")
    worker.process(event("acd.start", B, after=HOUR - 60), event("customer.end", after=HOUR))
    assert worker.process(event("acd.start", A, after=-60)) == ["processed"]  # nobody knows yet
    assert worker.process(END) == ["processed"]
    assert ends_of(worker) == sorted([(A, 0), (A, HOUR), (B, HOUR)])


def test_a_later_end_does_not_retry_a_failed_end(start: Start) -> None:
    worker = start("touched")
    worker.process(event("acd.start", A, after=-60))
    worker.batches.action_effects = {"c-1": ValueError()}
    assert worker.process(END) == ["failed.destination"]
    worker.batches.action_effects = {}
    worker.process(event("acd.start", A, after=HOUR - 60))
    assert worker.process(event("customer.end", after=HOUR)) == ["processed"]
    assert worker.process(END) == ["processed"]
    assert {*ends_of(worker)} == {(A, 0), (A, HOUR)}


@pytest.mark.parametrize("rule", HISTORY_RULES)
def test_a_customer_end_without_a_time_is_never_a_further_end(start: Start, rule: str) -> None:
    worker = start(rule)
    worker.process(event("acd.start", A, after=-60), END)
    worker.settle()
    undated, sent = event("customer.end", after=None), ENDED_MS + HOUR * 1000
    worker.batches.run([record(undated, "u", sent_at=sent)])
    worker.settle()
    assert ends_of(worker) == [(A, 0)]


def test_an_end_that_expires_while_a_batch_is_processed_does_not_stop_the_batch(
    start: Start,
) -> None:
    worker = start("last_queue")
    first_event = event("acd.start", A, after=-60)
    worker.process(first_event, END)
    worker.settle()
    worker.clock.now = later = 19 * 24 * HOUR
    worker.process(event("acd.start", B, after=later), event("customer.end", after=later + 60))
    (settling,) = worker.settling_bodies()

    worker.clock.now = 20 * 24 * HOUR - 0.5
    worker.dynamodb.script("batch_get_item", None, lambda: worker.clock.sleep(1))
    assert worker.process(first_event, settling) == ["ignored.noted", "processed"]
    assert ends_of(worker) == sorted([(A, 0), (B, later + 60)])


def test_an_end_is_not_delivered_again_after_its_items_expired(start: Start) -> None:
    worker = start("touched")
    worker.process(event("acd.start", A, after=-60), END)
    for day in (12, 21, 27):
        worker.clock.now = day * 24 * HOUR
        now = worker.batches.now_ms() / 1000
        items = worker.dynamodb.items
        for key in [key for key, item in items.items() if int(item["expires_at"]["N"]) < now]:
            del items[key]
        worker.process(event("user.start", A, after=worker.clock.now))
    assert ends_of(worker) == [(A, 0)]


@pytest.mark.parametrize("rule", HISTORY_RULES)
def test_a_customer_end_in_other_queues_costs_a_read_and_a_write(start: Start, rule: str) -> None:
    worker = start(rule)
    assert worker.process(END) == ["ignored.noted"]
    assert [call.operation for call in worker.dynamodb.calls] == [READ, WRITE]
    (written,) = worker.dynamodb.written
    assert written.key == ("c-1", "#join")
    now = worker.batches.now_ms() // 1000
    assert int(written.after["expires_at"]["N"]) == now + 20 * 24 * HOUR
    assert worker.process(END) == ["ignored.noted"]
    assert len(worker.dynamodb.written) == 1
    assert worker.sqs.calls == []


@pytest.mark.parametrize("rule", HISTORY_RULES)
def test_a_hundred_customer_ends_take_five_calls(start: Start, rule: str) -> None:
    worker = start(rule)
    bodies = [event("customer.end", conversation_id=f"c-{n}") for n in range(100)]
    assert worker.process(*bodies) == ["ignored.noted"] * 100
    assert [call.operation for call in worker.dynamodb.calls] == [READ] + [WRITE] * 4


@pytest.mark.parametrize("rule", HISTORY_RULES)
def test_a_batch_with_nothing_to_record_makes_no_call(start: Start, rule: str) -> None:
    worker = start(rule)
    worker.process(TRANSFER, event("acw", FOREIGN), event("flow.end"))
    assert worker.dynamodb.calls == []
    assert worker.sqs.calls == []


@pytest.mark.parametrize("rule", HISTORY_RULES)
def test_while_the_table_is_throttled_messages_fail_and_come_back(start: Start, rule: str) -> None:
    worker = start(rule)
    worker.process(event("acd.start", A, after=-60))
    worker.dynamodb.always(WRITE, client_error("ThrottlingException"))
    assert worker.process(END, TRANSFER) == ["failed.ledger", "ignored.noted"]
    worker.dynamodb.no_more_faults()
    worker.process(END)
    worker.settle()
    assert ends_of(worker) == [(A, 0)]


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("seed", range(20))
def test_with_random_failures_no_end_is_lost_and_none_is_delivered_twice(
    start: Start, rule: str, seed: int
) -> None:
    rng = random.Random(seed)
    no_answer = ReadTimeoutError(endpoint_url="(somewhere)")

    def random_fault() -> object:
        faults = [[0], no_answer, Lost(no_answer), client_error("ThrottlingException")]
        return rng.choice([*faults, *[None] * 4])

    worker = start(rule)
    for operation in (WRITE, READ):
        worker.dynamodb.always(operation, random_fault)
    worker.sqs.always(SEND, lambda: worker.clock.sleep(rng.choice([0, 12])))
    fields: dict[str, Any] = {"interactingDurationMs": 9, "disconnectType": "PEER"}
    pending_messages = [
        *(event("acd.start", A, after=-90), event("user.end", B, after=-1, **fields), END, END),
        *(event("acw", A, after=9 * 60), event("user.end", B, after=HOUR - 1, **fields)),
        event("customer.end", after=HOUR),
    ]
    while pending_messages:
        batch = [
            pending_messages.pop(rng.randrange(len(pending_messages)))
            for _ in range(min(len(pending_messages), rng.randint(1, 3)))
        ]
        outcomes = worker.process(*batch)
        pending_messages += [
            m for m, outcome in zip(batch, outcomes, strict=True) if "failed" in outcome
        ]
        worker.clock.now += 40
    worker.dynamodb.no_more_faults()
    worker.sqs.always(SEND, lambda: None)
    worker.settle()
    expected_ends = {
        "touched": [(A, 0), (B, 0), (B, HOUR)],
        "last_queue": [(B, 0), (B, HOUR)],
        "queue_leg": [(B, -1), (B, HOUR - 1)],
    }
    # If the second end arrives before the first, nobody knows that A has ended before.
    ends = [end for end in ends_of(worker) if end != (A, HOUR)]
    assert ends == sorted(expected_ends[rule])
    assert rule == "touched" or len(ends) == len(ends_of(worker))


@pytest.mark.parametrize("rule", HISTORY_RULES)
def test_a_throttled_conversation_does_not_delay_others(start: Start, rule: str) -> None:
    worker = start(rule)
    other = event("customer.end", conversation_id="d")
    worker.dynamodb.always(WRITE, [0])
    assert worker.process(END, other) == ["failed.ledger", "ignored.noted"]


@pytest.mark.parametrize("rule", RULES)
def test_without_time_all_messages_come_back_at_once(start: Start, rule: str) -> None:
    worker = start(rule)
    report = worker.batches.run([record(END)], worker.clock.invocation(2))
    assert report.reason_counts() == {"failed.no_time": 1}
    assert worker.sqs.visibility == {"r:m-1": 0}


def test_the_last_queue_is_decided_after_settling(start: Start) -> None:
    worker = start("last_queue")
    worker.process(event("acd.start", A, after=-90))
    assert worker.process(END) == ["ignored.noted"]
    (settling_entry,) = worker.sqs.delayed
    settle_event = json.loads(settling_entry["MessageBody"])
    assert settle_event["detail"].pop("event") == json.loads(END)
    assert settle_event == json.loads(settle())
    assert settling_entry["DelaySeconds"] == 60
    assert worker.process(event("acd.start", B, after=-60)) == ["ignored.noted"]
    assert ends_of(worker) == []
    assert worker.settle() == ["processed", "duplicate"]
    assert ends_of(worker) == [(B, 0)]


def test_later_events_change_no_decision(start: Start) -> None:
    worker = start("last_queue")
    worker.process(event("acd.start", A, after=-90), END)
    assert worker.settle() == ["processed"]
    later_messages = [event("acd.start", B, after=-60), event("acw", B, after=30), END]
    assert worker.process(*later_messages) == ["ignored.noted"] * 3
    assert worker.sqs.delayed == []
    assert worker.process(settle()) == ["duplicate"]
    assert ends_of(worker) == [(A, 0)]


@pytest.mark.parametrize("repeat_times", [[0], [60], [-60], [300, 120]])
def test_an_end_is_delivered_once_however_often_it_is_reported(
    start: Start, repeat_times: list[float]
) -> None:
    repeats = [event("customer.end", after=after) for after in repeat_times]
    queue = event("acd.start", A, after=-90)
    for batches in ([[queue], [END], repeats], [[END], repeats, [queue]], [[queue, END, *repeats]]):
        worker = start("last_queue")
        for batch in batches:
            assert {*worker.process(*batch)} == {"ignored.noted"}
        assert worker.process(queue, event("acw", A, after=9)) == ["ignored.noted"] * 2
        assert worker.settle().count("processed") == 1
        assert len(ends_of(worker)) == 1
        assert worker.process(queue, *repeats) == ["ignored.noted"] * (1 + len(repeats))
        assert {*worker.settle()} <= {"duplicate", "ignored.noted"}


def test_a_settle_event_that_comes_too_early_is_made_up_for(start: Start) -> None:
    worker = start("last_queue")
    worker.process(event("acd.start", A, after=-60), event("customer.end", after=HOUR))
    worker.process(END)  # now the later end has no queue
    worker.process(worker.settling_bodies()[0])
    assert ends_of(worker) == []
    assert worker.process(event("acd.start", B, after=HOUR - 60)) == ["ignored.noted"]
    worker.settle()
    assert ends_of(worker) == sorted([(A, 0), (B, HOUR)])


def test_no_settling_message_is_sent_for_conversations_in_other_queues(start: Start) -> None:
    worker = start("last_queue")
    worker.process(event("acd.start", FOREIGN, after=-60), END)
    earlier_end = event("customer.end", conversation_id="d")
    # The conversation entered our queue only after this end.
    worker.process(earlier_end, event("acd.start", A, conversation_id="d", after=301))
    assert worker.sqs.calls == []


@pytest.mark.parametrize(
    "fault", [[0], sqs_error("OverLimit"), ReadTimeoutError(endpoint_url="(somewhere)")]
)
@pytest.mark.parametrize("second_message", [END, event("acd.start", A, after=-60)])
def test_a_settling_message_that_sqs_refused_is_sent_at_the_next_receive(
    start: Start, fault: object, second_message: str
) -> None:
    worker = start("last_queue")
    worker.process(event("acd.start", A, after=-60) if second_message == END else END)
    worker.sqs.script(SEND, fault)
    other = event("customer.end", conversation_id="d")
    assert worker.process(second_message, other) == ["failed.settling", "ignored.noted"]
    assert worker.sqs.delayed == []
    assert worker.process(second_message) == ["ignored.noted"]
    assert worker.settle() == ["processed"]
    assert ends_of(worker) == [(A, 0)]


def test_without_time_to_send_a_settling_message_the_event_comes_back_at_once(
    start: Start,
) -> None:
    worker = start("last_queue")
    worker.process(event("acd.start", A, after=-60))
    # The history has the end by then, but no settling message has been sent.
    worker.dynamodb.script(WRITE, lambda: worker.clock.sleep(12))
    assert worker.process(END) == ["failed.no_time"]
    assert worker.sqs.visibility == {"r:m-2": 0}
    assert worker.sqs.count(SEND) == 0
    assert worker.process(END) == ["ignored.noted"]
    assert worker.settle() == ["processed"]


def test_settling_messages_are_sent_ten_at_a_time(start: Start) -> None:
    worker = start("last_queue")
    bodies = [
        message.replace("c-1", f"c-{number}")
        for number in range(25)
        for message in (event("acd.start", A, after=-60), END)
    ]
    worker.sqs.script(SEND, None, [3])
    outcomes = worker.process(*bodies)
    assert [len(call.entries) for call in worker.sqs.calls if call.operation == SEND] == [10, 10, 5]
    assert outcomes.count("failed.settling") == 2
    assert len(worker.sqs.delayed) == 24
    worker.process(*bodies[26:28])  # the second group's fourth conversation
    assert len(worker.sqs.delayed) == 25
    assert worker.settle() == ["processed"] * 25


@pytest.mark.parametrize("refused_positions", [[0], [1], [0, 1]])
def test_if_a_settling_message_of_two_is_refused_both_ends_are_still_delivered(
    start: Start, refused_positions: list[int]
) -> None:
    worker = start("last_queue")
    worker.process(END, event("customer.end", after=HOUR))
    # It is still there at the second end.
    queue = event("user.end", A, after=HOUR, interactingDurationMs=(HOUR + 60) * 1000)
    worker.sqs.script(SEND, refused_positions)
    assert worker.process(queue) == ["failed.settling"]
    assert worker.process(queue) == ["ignored.noted"]
    assert worker.settle().count("processed") == 2
    assert ends_of(worker) == [(A, 0), (A, HOUR)]


def test_a_second_settling_message_leads_to_the_same_decision(start: Start) -> None:
    worker = start("last_queue")
    worker.process(event("acd.start", A, after=-60))
    assert worker.process(END) == ["ignored.noted"]
    assert worker.process(END) == ["ignored.noted"]
    assert len(worker.sqs.delayed) == 2
    assert sorted(worker.settle(batch_size=1)) == ["duplicate", "processed"]
    assert ends_of(worker) == [(A, 0)]


def test_a_decided_end_is_not_settled_again(start: Start) -> None:
    worker = start("last_queue")
    worker.process(event("acd.start", A, after=-60), END)
    assert worker.settle() == ["processed"]
    assert worker.process(END, event("user.end", A, after=9)) == ["ignored.noted"] * 2
    assert worker.sqs.count(SEND) == 1
    assert ends_of(worker) == [(A, 0)]


@pytest.mark.parametrize("filler", ["x" * 1_048_000, "é" * 175_000], ids=["ASCII", "escaped"])
def test_a_settle_event_leaves_out_an_event_that_is_too_large(start: Start, filler: str) -> None:
    worker = start("last_queue")
    worker.process(event("acd.start", A, after=-60), event("customer.end", filler=filler))
    (body,) = worker.settling_bodies()
    assert json.loads(body) == json.loads(settle())
    assert worker.settle() == ["processed"]
    assert worker.batches.acted_ends[0].raw == json.loads(settle())


def test_settle_events_are_sent_in_calls_within_the_size_limit(start: Start) -> None:
    worker = start("last_queue")
    for number in range(5):
        id_ = f"c-{number}"
        end = event("customer.end", conversation_id=id_, filler="x" * 400_000)
        worker.process(event("acd.start", A, conversation_id=id_, after=-60))
        worker.process(end)
    bodies = worker.settling_bodies()
    worker.sqs.calls.clear()
    worker.process(*(json.dumps(json.loads(body)["detail"]["event"]) for body in bodies))
    assert [len(call.entries) for call in worker.sqs.calls] == [2, 2, 1]


def test_a_decision_that_could_not_be_written_delivers_nothing(start: Start) -> None:
    worker = start("last_queue")
    worker.process(event("acd.start", A, after=-60), END)
    worker.dynamodb.always(WRITE, client_error("AccessDeniedException"))
    assert worker.settle() == ["failed.ledger"]
    assert ends_of(worker) == []
    worker.dynamodb.no_more_faults()
    worker.process(event("acd.start", B, after=-30))
    assert worker.process(settle()) == ["processed"]
    assert ends_of(worker) == [(B, 0)]


def test_a_decision_remains_if_the_end_s_delivery_fails(start: Start) -> None:
    worker = start("last_queue")
    worker.process(event("acd.start", A, after=-60), END)
    worker.batches.action_effects = {"c-1": ValueError()}
    assert worker.settle() == ["failed.destination"]
    worker.batches.action_effects = {}
    worker.batches.acted_ends.clear()
    worker.process(event("acd.start", B, after=-30))
    assert worker.process(settle()) == ["processed"]
    assert ends_of(worker) == [(A, 0)]


def test_events_after_a_re_opening_do_not_affect_an_earlier_end(start: Start) -> None:
    worker = start("last_queue")
    worker.process(
        *(event("acd.start", A, after=-90), event("acd.start", B, after=-60), END),
        *(event("acd.start", A, after=HOUR), event("customer.end", after=HOUR + 60)),
    )
    assert worker.settle() == ["processed"] * 2
    assert ends_of(worker) == sorted([(B, 0), (A, HOUR + 60)])


def test_after_call_work_decides_only_for_a_queue_of_which_nothing_else_is_known(
    start: Start,
) -> None:
    paperwork = event("acw", A, after=300)
    for events, last_queue in [
        ([paperwork], A),
        ([paperwork, event("wrapup", B, after=200)], A),
        ([paperwork, event("acd.start", B, after=-60)], B),
        ([paperwork, event("acd.start", A, after=-90), event("acd.start", B, after=-60)], B),
    ]:
        worker = start("last_queue")
        worker.process(*events, END)
        assert worker.settle() == ["processed"]
        assert ends_of(worker) == [(last_queue, 0)]


@pytest.mark.parametrize("rule", ["touched", "queue_leg"])
def test_an_end_that_settles_while_the_rule_changes_is_delivered_once(
    start: Start, rule: str
) -> None:
    old_worker = start("last_queue")
    assert old_worker.process(event("acd.start", A, after=-60), END) == ["ignored.noted"] * 2
    (message,) = old_worker.settling_bodies()
    new_worker = start(rule, old_worker.dynamodb)
    assert new_worker.process(message) == ["processed"]
    assert ends_of(new_worker) == [(A, 0)]
    assert new_worker.process(message, event("acw", A, after=9))[0] == "duplicate"
    assert ends_of(new_worker) == [(A, 0)]


def test_a_subscription_event_is_processed_after_a_change_of_delivery(start: Start) -> None:
    worker = start("touched")
    bodies = [
        subscription_end("c-9"),
        subscription_end("c-9"),
        subscription_end("c-8", queue_id="z"),
    ]
    assert worker.process(*bodies) == ["processed", "duplicate", "ignored.other_queue"]
    assert ends_of(worker) == [(A, 0)]
    assert worker.process("{}", '{"eventType": 7}') == [
        "rejected.missing_event_type",
        "rejected.invalid_field",
    ]


def test_queues_that_are_no_longer_ours_have_no_ends(start: Start) -> None:
    old_worker = start("touched")
    old_worker.process(event("acd.start", A, after=-90), event("acd.start", B, after=-60))
    new_worker = PartnerWorker("touched", dynamodb=old_worker.dynamodb, queue_ids=[A])
    assert new_worker.process(END) == ["processed"]
    assert ends_of(new_worker) == [(A, 0)]
    foreign_worker = PartnerWorker("touched", dynamodb=old_worker.dynamodb, queue_ids=["another"])
    assert foreign_worker.process(END) == ["ignored.other_queue"]


def test_a_conversation_re_opened_often_costs_no_more_calls_than_another(
    start: Start,
) -> None:
    worker = start("touched")
    for n in range(30):
        worker.process(event("acd.start", A, after=n * HOUR), event("customer.end", after=n * HOUR))
    calls = len(worker.dynamodb.calls)
    assert worker.process(event("acd.start", A, after=30 * HOUR)) == ["ignored.noted"]
    assert len(worker.dynamodb.calls) - calls <= 3
