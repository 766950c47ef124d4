"""Rejected messages reach the dead-letter queue unchanged, and failed messages are delayed."""

import random
from collections.abc import Iterable
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError, ReadTimeoutError

from aws_calls import MAX_ATTEMPTS
from conversations.parsed import Rejected
from deadline import Deadline
from tests.bodies import CANARY
from tests.fakes.aws.sqs import DEAD, INTAKE, MIB, FakeSqs, Fault, client_error, size_of
from tests.fakes.aws.sqs_event import binary, record, text
from tests.fakes.clock import Alarm, Clock
from tests.unit.worker.conftest import Log
from worker.intake_queue import IntakeQueue
from worker.messages import Message
from worker.report import FailReason, Outcome

DETAIL = "expected a JSON object: JSON is malformed (byte 7)"
NO_NETWORK = EndpointConnectionError(endpoint_url=f"https://{CANARY}")
NO_ANSWER = ReadTimeoutError(endpoint_url=f"https://{CANARY}")
NOW_MS = 1_795_428_000_000
SEND, DELETE = "send_message_batch", "delete_message_batch"
CHANGE = "change_message_visibility_batch"


@pytest.fixture
def intake(sqs: FakeSqs) -> IntakeQueue:
    return IntakeQueue(sqs, INTAKE, DEAD, retry_delay_seconds=30)  # type: ignore[arg-type]


def messages(*bodies: str, **attributes: Any) -> list[Message]:
    """Return the messages `m-0`, `m-1`, …, all with the given message attributes."""
    return [
        Message.from_record(record(body, f"m-{n}", attributes=attributes))
        for n, body in enumerate(bodies)
    ]


def reject(
    intake: IntakeQueue, poison: Iterable[Message], deadline: Deadline | None = None
) -> dict[str, str]:
    """Reject messages; return each message's outcome, keyed by id."""
    rejections = [(message, Rejected("not_json", DETAIL)) for message in poison]
    outcomes = intake.reject(rejections, deadline or Clock().deadline(20))
    assert len({outcome.message.id for outcome in outcomes}) == len(outcomes) == len(rejections)
    return {outcome.message.id: f"{outcome.kind}.{outcome.reason}" for outcome in outcomes}


def delay(
    intake: IntakeQueue,
    count: int,
    reason: FailReason = "destination",
    receives: int = 1,
    deadline: Deadline | None = None,
) -> None:
    """Delay the failed messages `m-0`, `m-1`, …"""
    message_records = [record("{}", f"m-{n}", receives=receives) for n in range(count)]
    failed = [Outcome(Message.from_record(each), "failed", reason) for each in message_records]
    intake.delay(failed, NOW_MS, deadline or Clock().deadline(20))


def string(value: str) -> dict[str, str]:
    return {"DataType": "String", "StringValue": value}


OUR_ATTRIBUTES = {
    "reason": string("not_json"),
    "detail": string(DETAIL),
    "source_message_id": string("m-0"),
}
MIN_SIZE = size_of({"MessageAttributes": OUR_ATTRIBUTES})
"""The bytes that our attributes take up in a rejected message."""


@pytest.mark.parametrize(
    "body", ["{", " {\r\n\t", "käse 😀 \ufffd", '{"a": "\\ud83d"}', "x" * 90_000]
)
def test_a_rejected_message_arrives_unchanged_with_its_reason(
    intake: IntakeQueue, sqs: FakeSqs, body: str
) -> None:
    assert reject(intake, messages(body)) == {"m-0": "rejected.not_json"}
    (entry,) = sqs.dead
    assert (entry["MessageBody"], entry["MessageAttributes"]) == (body, OUR_ATTRIBUTES)


def test_a_rejected_message_is_deleted_right_after_it_was_sent(
    intake: IntakeQueue, sqs: FakeSqs
) -> None:
    reject(intake, messages(*"{" * 12))
    assert [(call.operation, len(call.entries)) for call in sqs.calls] == [
        (SEND, 10),
        (DELETE, 10),
        (SEND, 2),
        (DELETE, 2),
    ]
    assert sqs.deleted == [f"r:m-{n}" for n in range(12)]


@pytest.mark.parametrize("count", [0, 1, 9, 10, 11, 99, 100, 101])
def test_an_sqs_call_contains_up_to_ten_messages(
    intake: IntakeQueue, sqs: FakeSqs, count: int
) -> None:
    delay(intake, count)
    reject(intake, messages(*"{" * count))
    assert [sqs.count(name) for name in (SEND, DELETE, CHANGE)] == [-(-count // 10)] * 3
    assert len(sqs.dead) == len(sqs.deleted) == count


def test_a_message_s_own_attributes_are_kept(intake: IntakeQueue, sqs: FakeSqs) -> None:
    reject(
        intake,
        messages(
            "{",
            a=text("é"),
            b=text("-1.5e3", "Number"),
            c=text("7", "Number.int"),
            d=binary(b"\x00\xff"),
            e=binary(b"PNG", "Binary.png"),
        ),
    )
    assert sqs.dead[0]["MessageAttributes"] == {
        **OUR_ATTRIBUTES,
        "a": string("é"),
        "b": {"DataType": "Number", "StringValue": "-1.5e3"},
        "c": {"DataType": "Number.int", "StringValue": "7"},
        "d": {"DataType": "Binary", "BinaryValue": b"\x00\xff"},
        "e": {"DataType": "Binary.png", "BinaryValue": b"PNG"},
    }


@pytest.mark.parametrize("count", [6, 7, 8, 10])
def test_at_most_seven_of_a_message_s_own_attributes_are_kept(
    intake: IntakeQueue, sqs: FakeSqs, count: int
) -> None:
    own_attributes = {f"own-{n}": text(str(n)) for n in range(count)}
    assert reject(intake, messages("{", **own_attributes)) == {"m-0": "rejected.not_json"}
    sent_attributes = sqs.dead[0]["MessageAttributes"]
    assert len(sent_attributes) == min(10, 3 + count)
    assert {name: sent_attributes[name] for name in OUR_ATTRIBUTES} == OUR_ATTRIBUTES


def test_our_attributes_replace_the_message_s_own_of_the_same_name(
    intake: IntakeQueue, sqs: FakeSqs
) -> None:
    own_attributes = {
        "reason": text("mine"),
        "detail": binary(b"mine"),
        "source_message_id": text("first"),
    }
    reject(intake, messages("{", **own_attributes, other=text("kept")))
    assert sqs.dead[0]["MessageAttributes"] == {**OUR_ATTRIBUTES, "other": string("kept")}


@pytest.mark.parametrize(
    "invalid_attribute",
    [
        {},
        text(""),
        {"dataType": "String"},
        {"stringValue": "no type"},
        binary(b""),
        {"dataType": "Binary", "binaryValue": "no base64!"},
        {"dataType": "Binary", "binaryValue": "é"},
        {"dataType": "Binary", "stringValue": "", "binaryValue": None},
        *(text(value) for value in ("\x00", "\ufffe", "half a pair \ud83d")),
        *(
            text("1", kind)
            for kind in ("Text", "string", "String.", "String.\x00", "Number.\ud83d")
        ),
        *(text(value, "Number") for value in ("one", "1e9999", "9" * 39, "-")),
        {"dataType": 5, "stringValue": "a"},
        {"dataType": "String", "stringValue": 5},
        {"dataType": "Binary", "binaryValue": [5]},
    ],
    ids=ascii,
)
def test_an_attribute_that_sqs_would_refuse_is_left_out(
    intake: IntakeQueue, sqs: FakeSqs, invalid_attribute: dict[str, Any]
) -> None:
    poison = messages("{", odd=invalid_attribute, fine=text("kept"))
    assert reject(intake, poison) == {"m-0": "rejected.not_json"}
    assert sqs.dead[0]["MessageAttributes"] == {**OUR_ATTRIBUTES, "fine": string("kept")}
    assert sqs.refused == []


@pytest.mark.parametrize(
    "name", ["", "a b", "é", "\ud83d", ".a", "a.", "a..b", "AWS.a", "a" * 257], ids=ascii
)
def test_an_attribute_whose_name_sqs_would_refuse_is_left_out(
    intake: IntakeQueue, sqs: FakeSqs, name: str
) -> None:
    reject(intake, messages("{", **{name: text("odd"), "fine": text("kept")}))

    assert sqs.dead[0]["MessageAttributes"] == {**OUR_ATTRIBUTES, "fine": string("kept")}


@pytest.mark.parametrize(
    ("detail", "sent_detail"),
    [
        ("", "no detail"),
        ("\x00 \x1b[31m \ud83d \ufffe \U0001f600", "\ufffd \ufffd[31m \ufffd \ufffd \U0001f600"),
        ("tab\tline\nline\x85\u2028", "tab\tline\nline\x85\u2028"),
    ],
    ids=ascii,
)
def test_a_detail_can_contain_any_character(
    intake: IntakeQueue, sqs: FakeSqs, detail: str, sent_detail: str
) -> None:
    (message,) = messages("{")

    (outcome,) = intake.reject(
        [(message, Rejected("destination_refused", detail))], Clock().deadline(20)
    )

    assert outcome.kind == "rejected"
    assert sqs.dead[0]["MessageAttributes"]["detail"] == string(sent_detail)


def test_a_detail_of_many_bytes_a_character_is_shortened_to_fit(
    intake: IntakeQueue, sqs: FakeSqs
) -> None:
    (message,) = messages("x" * (MIB - 200))

    intake.reject(
        [(message, Rejected("destination_refused", "\U0001f600" * 100))], Clock().deadline(20)
    )

    assert MIB - 3 <= size_of(sqs.dead[0]) <= MIB


def test_a_message_without_an_id_and_a_receipt_handle_is_rejected(
    intake: IntakeQueue, sqs: FakeSqs
) -> None:
    reject(intake, [Message.from_record({"body": "{"}), *messages("{")])

    without_id = {name: OUR_ATTRIBUTES[name] for name in ("reason", "detail")}
    assert [entry["MessageAttributes"] for entry in sqs.dead] == [without_id, OUR_ATTRIBUTES]
    assert sqs.deleted == ["r:m-0"]
    assert sqs.refused == []


@pytest.mark.parametrize(
    ("sizes", "calls"),
    [
        ([400_000] * 3, [2, 1]),
        ([1_000_000] * 3, [1, 1, 1]),
        ([100, 1_048_300, 100, 100], [1, 1, 2]),
        ([100_000] * 11, [10, 1]),
        ([104_857] * 10, [9, 1]),  # with their attributes, ten exceed 1 MiB
        ([MIB // 2 - MIN_SIZE] * 4, [2, 2]),
        ([MIB // 2 - MIN_SIZE, MIB // 2 - MIN_SIZE + 1], [1, 1]),
    ],
)
def test_calls_are_filled_up_to_the_size_limit(
    intake: IntakeQueue, sqs: FakeSqs, sizes: list[int], calls: list[int]
) -> None:
    poison = messages(*("x" * size for size in sizes))
    assert set(reject(intake, poison).values()) == {"rejected.not_json"}
    assert [len(call.entries) for call in sqs.calls if call.operation == SEND] == calls
    assert sqs.refused == []


@pytest.mark.parametrize("seed", range(5))
def test_messages_of_any_size_arrive_once_without_a_refusal(
    intake: IntakeQueue, sqs: FakeSqs, seed: int
) -> None:
    rng = random.Random(seed)
    sizes = [int(MIB ** rng.uniform(0.1, 1.001)) for _ in range(40)]
    poison = [
        Message.from_record(
            record(
                "é" * (size // 2) or "x",
                f"m-{n}",
                attributes={"own": text("y" * rng.randint(1, 9999))},
            )
        )
        for n, size in enumerate(sizes)
    ]
    outcomes = reject(intake, poison)
    sent_ids = [e["MessageAttributes"]["source_message_id"]["StringValue"] for e in sqs.dead]
    assert sorted(sent_ids) == sorted(id_ for id_, word in outcomes.items() if "rejected" in word)
    assert sqs.refused == []


@pytest.mark.parametrize("character", ["x", "é"])
@pytest.mark.parametrize("free_bytes", [100, 1, 0, -1, -10, 3 - len(DETAIL)])
def test_a_detail_is_shortened_to_fit_beside_the_body(
    intake: IntakeQueue, sqs: FakeSqs, character: str, free_bytes: int
) -> None:
    size = MIB - MIN_SIZE - free_bytes
    body = character * (size // len(character.encode()))
    body += "y" * (size - len(body.encode()))
    assert reject(intake, messages(body, own=text("z" * 200))) == {"m-0": "rejected.not_json"}
    (entry,) = sqs.dead
    assert entry["MessageBody"] == body
    detail = DETAIL
    if free_bytes < 0:
        assert size_of(entry) == MIB
        detail = DETAIL[: free_bytes - len("…".encode())] + "…"
    assert entry["MessageAttributes"] == OUR_ATTRIBUTES | {"detail": string(detail)}


@pytest.mark.parametrize("excess_bytes", [1, 1000])
def test_only_a_message_too_large_for_its_reason_fails(
    intake: IntakeQueue, sqs: FakeSqs, excess_bytes: int
) -> None:
    small, large = messages("{", "x" * (MIB - MIN_SIZE + len(DETAIL) - 3 + excess_bytes))
    assert reject(intake, [large, small]) == {
        "m-0": "rejected.not_json",
        "m-1": "failed.dead_letter_queue",
    }
    assert len(sqs.dead) == 1
    assert sqs.deleted == ["r:m-0"]
    assert sqs.refused == []


@pytest.mark.parametrize("position", [0, 4, 9])
@pytest.mark.parametrize("bad_body", ["", "\x00", "\ufffe", "\ud800"])
def test_a_message_that_sqs_refuses_does_not_stop_other_messages(
    intake: IntakeQueue, sqs: FakeSqs, bad_body: str, position: int
) -> None:
    bodies = ["{"] * 10
    bodies[position] = bad_body
    outcomes = reject(intake, messages(*bodies))
    assert outcomes.pop(f"m-{position}") == "failed.dead_letter_queue"
    assert set(outcomes.values()) == {"rejected.not_json"}
    assert sorted(sqs.deleted) == sorted(f"r:{id_}" for id_ in outcomes)
    assert len(sqs.dead) == 9


def test_messages_that_the_dead_letter_queue_refused_have_failed(
    intake: IntakeQueue, sqs: FakeSqs
) -> None:
    sqs.script(SEND, {0, 3}, None)
    outcomes = reject(intake, messages(*"{" * 12))
    failed_ids = {id_ for id_, word in outcomes.items() if word == "failed.dead_letter_queue"}
    assert failed_ids == {"m-0", "m-3"}
    assert sorted(sqs.deleted) == sorted(f"r:m-{n}" for n in range(12) if n not in (0, 3))


@pytest.mark.parametrize(
    ("fault", "calls"),
    [
        (client_error("RequestThrottled"), 2 * MAX_ATTEMPTS),
        (client_error("AccessDenied"), 22),
        (NO_NETWORK, 2 * MAX_ATTEMPTS),
        (NO_ANSWER, 2),
        (range(10), 2),
    ],
)
def test_messages_that_cannot_be_sent_fail_and_are_not_deleted(
    intake: IntakeQueue, sqs: FakeSqs, fault: Fault, calls: int
) -> None:
    sqs.always(SEND, fault)
    assert set(reject(intake, messages(*"{" * 20)).values()) == {"failed.dead_letter_queue"}
    assert (sqs.dead, sqs.deleted) == ([], [])
    assert len(sqs.calls) == calls


def test_a_send_that_fails_does_not_stop_the_next(intake: IntakeQueue, sqs: FakeSqs) -> None:
    sqs.script(SEND, *[NO_NETWORK] * MAX_ATTEMPTS, None)
    outcomes = list(reject(intake, messages(*"{" * 15)).values())
    assert (outcomes.count("failed.dead_letter_queue"), outcomes.count("rejected.not_json")) == (
        10,
        5,
    )


@pytest.mark.parametrize("operation", [SEND, DELETE, CHANGE])
@pytest.mark.parametrize("fault", [client_error("RequestThrottled"), NO_NETWORK])
def test_a_transient_sqs_error_is_retried(
    intake: IntakeQueue, sqs: FakeSqs, log: Log, operation: str, fault: Fault
) -> None:
    sqs.script(operation, fault)
    delay(intake, 1)
    assert reject(intake, messages("{")) == {"m-0": "rejected.not_json"}
    assert (len(sqs.dead), sqs.deleted, sqs.visibility) == (1, ["r:m-0"], {"r:m-0": 30})
    assert log.text == ""


@pytest.mark.parametrize("fault", [client_error("RequestThrottled"), NO_NETWORK, range(10)])
def test_a_sent_message_that_cannot_be_deleted_is_still_rejected(
    intake: IntakeQueue, sqs: FakeSqs, fault: Fault
) -> None:
    sqs.always(DELETE, fault)
    assert set(reject(intake, messages(*"{" * 10)).values()) == {"rejected.not_json"}


@pytest.mark.parametrize(
    ("seconds_left", "delete_limit"), [(5, 1), (0.7, 1), (0.2, 0.7), (-0.3, 0.2)]
)
def test_deleting_takes_up_to_a_second_and_ends_half_a_second_after_the_deadline(
    intake: IntakeQueue,
    sqs: FakeSqs,
    clock: Clock,
    alarm: Alarm,
    *,
    seconds_left: float,
    delete_limit: float,
) -> None:
    sqs.script(SEND, lambda: clock.sleep(10 - seconds_left))
    sqs.always(DELETE, alarm.hang)
    outcomes = reject(intake, messages("{"), clock.deadline(10))
    assert outcomes == {"m-0": "rejected.not_json"}
    assert clock.now == pytest.approx(10 - seconds_left + delete_limit)


def test_rejecting_stops_at_the_deadline_even_if_sqs_throttles(
    sqs: FakeSqs, intake: IntakeQueue
) -> None:
    clock = Clock()

    def throttle() -> Exception:
        clock.sleep(1.5)
        return client_error("RequestThrottled")

    sqs.always(SEND, throttle)
    outcomes = reject(intake, messages(*"{" * 30), deadline=clock.deadline(6))
    assert clock.now <= 7.5
    assert set(outcomes.values()) == {"failed.dead_letter_queue", "failed.no_time"}


def test_without_time_no_message_is_sent(sqs: FakeSqs, intake: IntakeQueue) -> None:
    outcomes = reject(intake, messages(*"{" * 3), deadline=Clock().deadline(0))
    assert set(outcomes.values()) == {"failed.no_time"}
    assert sqs.calls == []


@pytest.mark.parametrize(
    ("retry_delay", "delays_by_receives"),
    [
        (30, {1: 30, 2: 60, 3: 120, 4: 240, 5: 480, 6: 900, 7: 900, 12: 900, 1000: 900}),
        (1, {1: 1, 2: 2, 10: 512, 11: 900, 1000: 900}),
        (900, {1: 900, 2: 900, 1000: 900}),
        (7, {1: 7, 8: 896, 9: 900}),
    ],
)
def test_the_delay_doubles_with_each_receive_to_fifteen_minutes(
    sqs: FakeSqs, retry_delay: int, delays_by_receives: dict[int, int]
) -> None:
    intake = IntakeQueue(sqs, INTAKE, DEAD, retry_delay)  # type: ignore[arg-type]
    for receives, seconds in delays_by_receives.items():
        delay(intake, 1, receives=receives)
        assert sqs.visibility == {"r:m-0": seconds}


def test_a_message_failed_for_no_time_comes_back_at_once_the_first_time(
    sqs: FakeSqs, intake: IntakeQueue
) -> None:
    delay(intake, 1, "no_time", receives=1)
    assert sqs.visibility == {"r:m-0": 0}


@pytest.mark.parametrize(("receives", "seconds"), [(2, 60), (3, 120), (6, 900)])
@pytest.mark.usefixtures("random_delays")
def test_ten_messages_failed_for_no_time_again_have_the_usual_delay(
    sqs: FakeSqs, intake: IntakeQueue, receives: int, seconds: int
) -> None:
    delay(intake, 10, "no_time", receives)
    assert [*sqs.visibility.values()] == [seconds] * 10


@pytest.mark.parametrize(
    ("receives", "shortest", "longest"),
    [(2, 60, 90), (3, 120, 180), (5, 480, 720), (6, 900, 900), (1000, 900, 900)],
)
@pytest.mark.usefixtures("random_delays")
def test_many_messages_failed_for_no_time_again_are_spread_over_half_of_the_usual_delay_after_it(
    sqs: FakeSqs, intake: IntakeQueue, receives: int, shortest: int, longest: int
) -> None:
    delay(intake, 200, "no_time", receives)
    delays = sqs.visibility.values()
    tenth = (longest - shortest) / 10
    assert shortest <= min(delays) <= shortest + tenth
    assert longest - tenth <= max(delays) <= longest


@pytest.mark.parametrize("fault", [client_error("RequestThrottled"), NO_NETWORK, NO_ANSWER, {0}])
def test_a_delay_that_cannot_be_set_does_not_stop_other_delays(
    sqs: FakeSqs, intake: IntakeQueue, fault: Fault, log: Log
) -> None:
    sqs.script(CHANGE, *[fault] * (1 if fault in (NO_ANSWER, {0}) else MAX_ATTEMPTS))
    delay(intake, 20)
    assert {f"r:m-{n}" for n in range(10, 20)} <= set(sqs.visibility)
    (line,) = log.lines("WARNING", "Delays not set")
    assert len(line["errors"]) == 1
    assert CANARY not in log.text
    assert "canary" not in log.text


def test_delays_stop_at_the_deadline(sqs: FakeSqs, intake: IntakeQueue, log: Log) -> None:
    clock = Clock()
    sqs.always(CHANGE, lambda: clock.sleep(1))
    delay(intake, 100, deadline=clock.deadline(2.5))
    assert len(sqs.visibility) == 30
    (line,) = log.lines("WARNING", "No time to set delays")
    assert line["messages"] == 70
