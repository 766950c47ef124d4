"""What becomes of each message of the EventBridge integration, and what it costs."""

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
JOINED = ("touched", "last_queue")


@pytest.fixture
def start() -> Iterator[Start]:
    """Return what starts a worker with an end rule; in the end its calls are looked at."""
    workers: list[PartnerWorker] = []

    def start(rule: str, dynamodb: Any = None) -> PartnerWorker:
        workers.append(PartnerWorker(rule, dynamodb=dynamodb))
        return workers[-1]

    yield start
    for worker in workers:
        assert worker.dynamodb.mistakes() == []
        assert worker.sqs.refused == []


def ended(worker: PartnerWorker) -> list[tuple[str, float]]:
    """Return queue and time of each end that was delivered, in seconds after the first one."""
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
def test_a_message_that_fires_no_end_has_the_outcome_of_the_contract(
    start: Start, rule: str, body: str, outcome: str
) -> None:
    worker = start(rule)
    assert worker.process(body) == [outcome]
    assert worker.process(body, body) == [outcome] * 2
    assert ended(worker) == []
    assert worker.sqs.delayed == []


def test_the_second_of_end_and_queue_event_is_processed(start: Start) -> None:
    worker = start("touched")
    assert worker.process(event("acd.start", A, after=-60)) == ["ignored.noted"]
    assert worker.process(END) == ["processed"]
    assert worker.process(event("customer.end", conversation_id="d")) == ["ignored.noted"]
    assert worker.process(event("acw", A, conversation_id="d", after=60)) == ["processed"]
    assert ended(worker) == [(A, 0), (A, 0)]


def test_a_repeated_event_is_a_duplicate(start: Start) -> None:
    worker = start("touched")
    queue = event("acd.start", A, after=-60)
    assert worker.process(queue, END, END) == ["processed", "duplicate", "duplicate"]
    assert worker.process(queue) == ["duplicate"]
    assert worker.process(END) == ["duplicate"]
    assert worker.process(event("wrapup", A, after=60)) == ["duplicate"]
    assert ended(worker) == [(A, 0)]


@pytest.mark.parametrize("first", [[TRANSFER], []])
def test_a_customer_s_transfer_fires_nothing_in_any_batch(start: Start, first: list[str]) -> None:
    for rule in RULES:
        worker = start(rule)
        ends = [event("acd.start", A, after=-60), END, event("user.end", A, after=1)]
        outcomes = worker.process(*first, *ends, TRANSFER, settle(after=99))
        assert outcomes[-2:] == ["ignored.noted"] * 2
        assert outcomes[: len(first)] == ["ignored.noted"] * len(first)
        worker.settle()
        assert len(ended(worker)) == 1
        assert worker.process(TRANSFER) == ["ignored.noted"]


def test_an_end_has_the_fields_of_the_customer_s_end(start: Start) -> None:
    end = event("customer.end", mediaType="MESSAGE", direction="OUTBOUND", disconnectType="SYSTEM")
    queue = event("acw", A, after=60, mediaType="VOICE", disconnectType="PEER")
    for messages in ([end, queue], [queue, end]):
        for rule in JOINED:
            worker = start(rule)
            for message in messages:
                worker.process(message)
            worker.settle()
            (fired,) = worker.batches.acted_ends
            assert (fired.conversation_id, fired.queue_id, fired.queue_name) == ("c-1", A, None)
            assert fired.ended_at == "2026-11-23T10:00:00.000Z"
            end_fields = (fired.media_type, fired.direction, fired.disconnect_type)
            assert end_fields == ("MESSAGE", "OUTBOUND", "SYSTEM")
            assert (fired.participants, fired.metrics) == ([], [])
            assert (fired.source, fired.sequence) == ("eventbridge", 1)
            last = messages[-1] if rule == "touched" else settle()
            assert fired.raw == json.loads(last)


def test_the_end_of_a_leg_has_the_fields_of_its_event(start: Start) -> None:
    worker = start("queue_leg")
    assert worker.process(SAMPLES["user-end"]) == ["processed"]
    (fired,) = worker.batches.acted_ends
    assert (fired.queue_id, fired.ended_at) == (A, "2026-11-23T10:00:00.000Z")
    assert (fired.media_type, fired.direction, fired.disconnect_type) == (
        "VOICE",
        "INBOUND",
        "PEER",
    )
    assert (fired.source, fired.raw) == ("eventbridge", json.loads(SAMPLES["user-end"]))


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
        *[("user.end", {"interactingDurationMs": ms}, False) for ms in (0, None, "5", True, -1)],
        *[
            ("user.end", {"interactingDurationMs": 1, "disconnectType": f"{word}TRANSFER"}, False)
            for word in ("", "CONSULT_", "CONFERENCE_", "NO_ANSWER_")
        ],
        ("acw", {"acdOutcome": "ABANDON", "interactingDurationMs": 5}, False),
        ("user.start", {"interactingDurationMs": 5}, False),
    ],
)
def test_a_leg_ends_when_it_is_abandoned_or_an_agent_is_done_with_it(
    start: Start, topic: str, fields: dict[str, Any], ends: bool
) -> None:
    worker = start("queue_leg")
    sound: dict[str, Any] = {
        "acdOutcome": None,
        "interactingDurationMs": None,
        "disconnectType": "PEER",
    }
    body = event(topic, A, **{**sound, **fields})
    assert worker.process(body) == ["processed" if ends else "ignored.noted"]
    assert worker.process(body) == ["duplicate" if ends else "ignored.noted"]
    assert ended(worker) == ([(A, 0)] if ends else [])
    if not ends:
        assert worker.dynamodb.calls == []


def test_legs_within_five_minutes_are_one_and_later_ones_are_further_ones(start: Start) -> None:
    worker = start("queue_leg")
    legs = [
        event("user.end", queue, after=after)
        for queue, after in [(A, 0), (A, 300), (B, 10), (A, 301), (A, HOUR)]
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


def test_one_message_fires_an_end_in_every_queue_touched(start: Start) -> None:
    worker = start("touched")
    worker.process(event("acd.start", A, after=-90), event("acd.start", B, after=-60))
    report = worker.run(END)
    assert report.outcome_counts()["processed"] == 1
    assert {queue_id: len(of) for queue_id, of in report.latencies_ms.items()} == {A: 1, B: 1}
    assert ended(worker) == sorted([(A, 0), (B, 0)])


def test_a_message_has_failed_if_one_of_its_ends_has_and_repeats_only_that(start: Start) -> None:
    worker = start("touched")
    worker.process(event("acd.start", A, after=-90), event("acd.start", B, after=-60))
    act = worker.batches.action

    def refuse(end: object) -> None:
        if getattr(end, "queue_id", None) == B:
            raise ValueError
        act(end)  # type: ignore[arg-type]

    worker.batches.action = refuse
    assert worker.process(END) == ["failed.destination"]
    assert ended(worker) == [(A, 0)]
    assert worker.process(END, event("acw", A, after=5)) == ["failed.destination", "duplicate"]
    worker.batches.action = act
    assert worker.process(END) == ["processed"]
    assert ended(worker) == sorted([(A, 0), (B, 0)])
    assert worker.process(END) == ["duplicate"]


def test_a_re_opened_conversation_ends_again_in_each_queue_that_it_has_been_in(
    start: Start,
) -> None:
    worker = start("touched")
    worker.process(event("acd.start", A, after=-60), END)
    again = [event("acd.start", B, after=HOUR), event("customer.end", after=2 * HOUR)]
    assert worker.process(*again) == ["processed", "processed"]
    assert ended(worker) == sorted([(A, 0), (A, 2 * HOUR), (B, 2 * HOUR)])
    sequences = sorted((end.queue_id, end.sequence) for end in worker.batches.acted_ends)
    assert sequences == sorted([(A, 1), (A, 2), (B, 1)])


def test_a_failed_end_is_not_repeated_by_a_later_one(start: Start) -> None:
    worker = start("touched")
    worker.process(event("acd.start", A, after=-60))
    worker.batches.action_effects = {"c-1": ValueError()}
    assert worker.process(END) == ["failed.destination"]
    worker.batches.action_effects = {}
    assert worker.process(event("customer.end", after=HOUR)) == ["processed"]
    assert worker.process(END) == ["processed"]


@pytest.mark.parametrize("rule", JOINED)
def test_a_customer_s_end_without_a_time_never_is_a_further_one(start: Start, rule: str) -> None:
    worker = start(rule)
    worker.process(event("acd.start", A, after=-60), END)
    worker.settle()
    undated, sent = event("customer.end", after=None), ENDED_MS + HOUR * 1000
    worker.batches.run([record(undated, "u", sent_at=sent)])
    worker.settle()
    assert ended(worker) == [(A, 0)]


def test_an_end_does_not_come_again_when_the_ledger_has_forgotten_it(start: Start) -> None:
    worker = start("touched")
    worker.process(event("acd.start", A, after=-60), END)
    for day in (12, 21, 27):
        worker.clock.now = day * 24 * HOUR
        now = worker.batches.now_ms() / 1000
        items = worker.dynamodb.items
        for key in [key for key, item in items.items() if int(item["expires_at"]["N"]) < now]:
            del items[key]
        worker.process(event("user.start", A, after=worker.clock.now))
    assert ended(worker) == [(A, 0)]


@pytest.mark.parametrize("rule", JOINED)
def test_a_customer_s_end_of_other_queues_costs_one_write(start: Start, rule: str) -> None:
    worker = start(rule)
    assert worker.process(END) == ["ignored.noted"]
    assert [call.operation for call in worker.dynamodb.calls] == [WRITE]
    (written,) = worker.dynamodb.written
    assert written.key == ("c-1", "#join")
    now = worker.batches.now_ms() // 1000
    assert int(written.after["expires_at"]["N"]) == now + 20 * 24 * HOUR
    assert worker.process(END) == ["ignored.noted"]
    assert len(worker.dynamodb.written) == 1
    assert worker.sqs.calls == []


@pytest.mark.parametrize("rule", JOINED)
def test_a_hundred_customers_ends_take_four_calls(start: Start, rule: str) -> None:
    worker = start(rule)
    bodies = [event("customer.end", conversation_id=f"c-{n}") for n in range(100)]
    assert worker.process(*bodies) == ["ignored.noted"] * 100
    assert [call.operation for call in worker.dynamodb.calls] == [WRITE] * 4


@pytest.mark.parametrize("rule", JOINED)
def test_a_batch_without_news_makes_no_call(start: Start, rule: str) -> None:
    worker = start(rule)
    worker.process(TRANSFER, event("acw", FOREIGN), event("flow.end"))
    assert worker.dynamodb.calls == []
    assert worker.sqs.calls == []


@pytest.mark.parametrize("rule", JOINED)
def test_while_the_table_does_not_answer_messages_fail_and_come_back(
    start: Start, rule: str
) -> None:
    worker = start(rule)
    worker.process(event("acd.start", A, after=-60))
    worker.dynamodb.always(WRITE, client_error("ThrottlingException"))
    assert worker.process(END, TRANSFER) == ["failed.ledger", "ignored.noted"]
    worker.dynamodb.no_more_faults()
    worker.process(END)
    worker.settle()
    assert ended(worker) == [(A, 0)]


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("seed", range(20))
def test_whatever_calls_fail_no_end_is_lost_and_none_comes_twice(
    start: Start, rule: str, seed: int
) -> None:
    chance = random.Random(seed)
    no_answer = ReadTimeoutError(endpoint_url="(somewhere)")

    def trouble() -> object:
        faults = [[0], no_answer, Lost(no_answer), client_error("ThrottlingException")]
        return chance.choice([*faults, *[None] * 4])

    worker = start(rule)
    for operation in (WRITE, READ):
        worker.dynamodb.always(operation, trouble)
    worker.sqs.always(SEND, lambda: worker.clock.sleep(chance.choice([0, 12])))
    fields: dict[str, Any] = {"interactingDurationMs": 9, "disconnectType": "PEER"}
    waiting = [
        *(event("acd.start", A, after=-90), event("user.end", B, after=-1, **fields), END, END),
        *(event("acw", A, after=9 * 60), event("user.end", B, after=HOUR - 1, **fields)),
        event("customer.end", after=HOUR),
    ]
    while waiting:
        batch = [
            waiting.pop(chance.randrange(len(waiting)))
            for _ in range(min(len(waiting), chance.randint(1, 3)))
        ]
        outcomes = worker.process(*batch)
        waiting += [m for m, outcome in zip(batch, outcomes, strict=True) if "failed" in outcome]
        worker.clock.now += 40
    worker.dynamodb.no_more_faults()
    worker.sqs.always(SEND, lambda: None)
    worker.settle()
    ends = {
        "touched": [(A, 0), (A, HOUR), (B, 0), (B, HOUR)],
        "last_queue": [(B, 0), (B, HOUR)],
        "queue_leg": [(B, -1), (B, HOUR - 1)],
    }
    assert ended(worker) == sorted(ends[rule])


@pytest.mark.parametrize("rule", JOINED)
def test_a_throttled_conversation_keeps_no_other_waiting(start: Start, rule: str) -> None:
    worker = start(rule)
    other = event("customer.end", conversation_id="d")
    worker.dynamodb.always(WRITE, [0])
    assert worker.process(END, other) == ["failed.ledger", "ignored.noted"]


@pytest.mark.parametrize("rule", RULES)
def test_without_time_everything_comes_back_at_once(start: Start, rule: str) -> None:
    worker = start(rule)
    report = worker.batches.run([record(END)], worker.clock.invocation(2))
    assert report.reason_counts() == {"failed.no_time": 1}
    assert worker.sqs.visibility == {"r:m-1": 0}


def test_the_last_queue_is_decided_on_after_settling(start: Start) -> None:
    worker = start("last_queue")
    worker.process(event("acd.start", A, after=-90))
    assert worker.process(END) == ["ignored.noted"]
    (sent,) = worker.sqs.delayed
    assert json.loads(sent["MessageBody"]) == json.loads(settle())
    assert sent["DelaySeconds"] == 60
    assert worker.process(event("acd.start", B, after=-60)) == ["ignored.noted"]
    assert ended(worker) == []
    assert worker.settle() == ["processed"]
    assert ended(worker) == [(B, 0)]


def test_later_events_change_no_decision(start: Start) -> None:
    worker = start("last_queue")
    worker.process(event("acd.start", A, after=-90), END)
    assert worker.settle() == ["processed"]
    later = [event("acd.start", B, after=-60), event("acw", B, after=30), END]
    assert worker.process(*later) == ["ignored.noted"] * 3
    assert worker.sqs.delayed == []
    assert worker.process(settle()) == ["duplicate"]
    assert ended(worker) == [(A, 0)]


@pytest.mark.parametrize("apart", [[0], [60], [-60], [300, 120]])
def test_one_message_is_sent_for_an_end_however_often_it_comes(
    start: Start, apart: list[float]
) -> None:
    again = [event("customer.end", after=after) for after in apart]
    queue = event("acd.start", A, after=-90)
    for batches in ([[queue], [END], again], [[END], again, [queue]], [[queue, END, *again]]):
        worker = start("last_queue")
        for batch in batches:
            assert {*worker.process(*batch)} == {"ignored.noted"}
        assert worker.process(queue, event("acw", A, after=9)) == ["ignored.noted"] * 2
        assert len(worker.sqs.delayed) == 1
        assert worker.settle() == ["processed"]
        assert ended(worker) == [(A, 0)]


def test_nothing_is_sent_for_conversations_of_other_queues(start: Start) -> None:
    worker = start("last_queue")
    worker.process(event("acd.start", FOREIGN, after=-60), END)
    later = event("customer.end", conversation_id="d")
    # Only after this end was the conversation in a queue of ours.
    worker.process(later, event("acd.start", A, conversation_id="d", after=301))
    assert worker.sqs.calls == []


@pytest.mark.parametrize(
    "fault", [[0], sqs_error("OverLimit"), ReadTimeoutError(endpoint_url="(somewhere)")]
)
@pytest.mark.parametrize("second", [END, event("acd.start", A, after=-60)])
def test_a_settling_message_that_could_not_be_sent_is_sent_at_the_next_receive(
    start: Start, fault: object, second: str
) -> None:
    worker = start("last_queue")
    worker.process(event("acd.start", A, after=-60) if second == END else END)
    worker.sqs.script(SEND, fault)
    other = event("customer.end", conversation_id="d")
    assert worker.process(second, other) == ["failed.ledger", "ignored.noted"]
    assert worker.sqs.delayed == []
    assert worker.process(second) == ["ignored.noted"]
    assert worker.settle() == ["processed"]
    assert ended(worker) == [(A, 0)]


def test_without_time_to_send_the_settling_message_the_event_comes_back_at_once(
    start: Start,
) -> None:
    worker = start("last_queue")
    worker.process(event("acd.start", A, after=-60))
    # The end is known by then, and nothing sent.
    worker.dynamodb.script(WRITE, None, lambda: worker.clock.sleep(12))
    assert worker.process(END) == ["failed.no_time"]
    assert worker.sqs.visibility == {"r:m-2": 0}
    assert worker.sqs.count(SEND) == 0
    assert worker.process(END) == ["ignored.noted"]
    assert worker.settle() == ["processed"]


def test_ends_of_many_conversations_are_sent_ten_at_a_time(start: Start) -> None:
    worker = start("last_queue")
    bodies = [
        message.replace("c-1", f"c-{number}")
        for number in range(25)
        for message in (event("acd.start", A, after=-60), END)
    ]
    worker.sqs.script(SEND, None, [3])
    outcomes = worker.process(*bodies)
    assert [len(call.entries) for call in worker.sqs.calls if call.operation == SEND] == [10, 10, 5]
    assert outcomes.count("failed.ledger") == 2
    assert len(worker.sqs.delayed) == 24
    worker.process(*bodies)
    assert worker.settle() == ["processed"] * 25


@pytest.mark.parametrize("refused", [[0], [1], [0, 1]])
def test_when_one_of_two_settling_messages_cannot_be_sent_both_ends_fire(
    start: Start, refused: list[int]
) -> None:
    worker = start("last_queue")
    worker.process(END, event("customer.end", after=HOUR))
    queue = event("acd.start", A, after=-60)
    worker.sqs.script(SEND, refused)
    assert worker.process(queue) == ["failed.ledger"]
    assert worker.process(queue) == ["ignored.noted"]
    assert worker.settle() == ["processed"] * 2
    assert ended(worker) == [(A, 0), (A, HOUR)]


def test_a_second_settling_message_decides_the_same(
    start: Start,
) -> None:
    worker = start("last_queue")
    worker.process(event("acd.start", A, after=-60))
    # The end is added in two writes; the third would be the mark.
    worker.dynamodb.script(WRITE, None, None, client_error("AccessDeniedException"))
    assert worker.process(END) == ["ignored.noted"]
    assert worker.process(END) == ["ignored.noted"]
    assert len(worker.sqs.delayed) == 2
    assert sorted(worker.settle(batch_size=1)) == ["duplicate", "processed"]
    assert ended(worker) == [(A, 0)]


def test_a_decided_end_is_not_settled_again(
    start: Start,
) -> None:
    worker = start("last_queue")
    worker.process(event("acd.start", A, after=-60))
    worker.dynamodb.script(WRITE, None, None, client_error("AccessDeniedException"))
    worker.process(END)
    assert worker.settle() == ["processed"]
    assert worker.process(END, event("acw", A, after=9)) == ["ignored.noted"] * 2
    assert worker.sqs.count(SEND) == 1
    assert ended(worker) == [(A, 0)]


def test_a_decision_that_could_not_be_written_fires_nothing(start: Start) -> None:
    worker = start("last_queue")
    worker.process(event("acd.start", A, after=-60), END)
    worker.dynamodb.always(WRITE, client_error("AccessDeniedException"))
    assert worker.settle() == ["failed.ledger"]
    assert ended(worker) == []
    worker.dynamodb.no_more_faults()
    worker.process(event("acd.start", B, after=-30))
    assert worker.process(settle()) == ["processed"]
    assert ended(worker) == [(B, 0)]


def test_a_decision_stands_when_its_delivery_fails(start: Start) -> None:
    worker = start("last_queue")
    worker.process(event("acd.start", A, after=-60), END)
    worker.batches.action_effects = {"c-1": ValueError()}
    assert worker.settle() == ["failed.destination"]
    worker.batches.action_effects = {}
    worker.batches.acted_ends.clear()
    worker.process(event("acd.start", B, after=-30))
    assert worker.process(settle()) == ["processed"]
    assert ended(worker) == [(A, 0)]


def test_events_after_a_re_opening_decide_no_earlier_end(start: Start) -> None:
    worker = start("last_queue")
    worker.process(
        *(event("acd.start", A, after=-90), event("acd.start", B, after=-60), END),
        *(event("acd.start", A, after=HOUR), event("customer.end", after=HOUR + 60)),
    )
    assert worker.settle() == ["processed"] * 2
    assert ended(worker) == sorted([(B, 0), (A, HOUR + 60)])


def test_agents_work_after_the_end_decides_too(start: Start) -> None:
    worker = start("last_queue")
    worker.process(event("acd.start", B, after=-60), END, event("acw", A, after=300))
    assert worker.settle() == ["processed"]
    assert ended(worker) == [(A, 0)]


@pytest.mark.parametrize("rule", ["touched", "queue_leg"])
def test_an_end_that_settles_while_the_rule_changes_fires_once(start: Start, rule: str) -> None:
    before = start("last_queue")
    assert before.process(event("acd.start", A, after=-60), END) == ["ignored.noted"] * 2
    (message,) = before.settling_bodies()
    after = start(rule, before.dynamodb)
    assert after.process(message) == ["processed"]
    assert ended(after) == [(A, 0)]
    assert after.process(message, event("acw", A, after=9))[0] == "duplicate"
    assert ended(after) == [(A, 0)]


def test_a_body_of_the_subscription_is_processed_after_a_change_of_delivery(start: Start) -> None:
    worker = start("touched")
    bodies = [
        subscription_end("c-9"),
        subscription_end("c-9"),
        subscription_end("c-8", queue_id="z"),
    ]
    assert worker.process(*bodies) == ["processed", "duplicate", "ignored.other_queue"]
    assert ended(worker) == [(A, 0)]
    assert worker.process("{}", '{"eventType": 7}') == [
        "rejected.missing_event_type",
        "rejected.invalid_field",
    ]


def test_queues_that_are_no_longer_ours_fire_nothing(start: Start) -> None:
    before = start("touched")
    before.process(event("acd.start", A, after=-90), event("acd.start", B, after=-60))
    after = PartnerWorker("touched", dynamodb=before.dynamodb, queue_ids=[A])
    assert after.process(END) == ["processed"]
    assert ended(after) == [(A, 0)]
    none = PartnerWorker("touched", dynamodb=before.dynamodb, queue_ids=["another"])
    assert none.process(END) == ["ignored.other_queue"]


def test_a_conversation_that_was_reopened_often_costs_no_more_than_one_that_was_not(
    start: Start,
) -> None:
    worker = start("touched")
    for n in range(30):
        worker.process(event("acd.start", A, after=n * HOUR), event("customer.end", after=n * HOUR))
    calls = len(worker.dynamodb.calls)
    assert worker.process(event("acd.start", A, after=30 * HOUR)) == ["ignored.noted"]
    assert len(worker.dynamodb.calls) - calls <= 3
