"""A Lambda record becomes a message, even if most of its fields are missing."""

import time
from typing import Any

import pytest

from tests.fakes.aws.sqs_event import SENT_AT, record, text
from tests.unit.worker.conftest import Log
from worker.messages import Message, read_records


def test_a_message_has_the_record_s_id_handle_body_sent_time_and_attributes() -> None:
    message = Message.from_record(record("{}", "m-7", receives=3, attributes={"a": text("b")}))
    assert (message.id, message.receipt_handle, message.body) == ("m-7", "r:m-7", "{}")
    assert (message.sent_at_ms, message.receive_count) == (SENT_AT, 3)
    assert message.attributes == {"a": text("b")}


@pytest.mark.parametrize(
    "other_fields",
    [
        {},
        {"body": None, "attributes": None, "messageAttributes": None, "receiptHandle": None},
        {"attributes": {}},
        {"attributes": {"SentTimestamp": "soon", "ApproximateReceiveCount": "-1"}},
        {"attributes": {"SentTimestamp": "١٢٣", "ApproximateReceiveCount": "0"}},
        {"attributes": {"SentTimestamp": 1.5, "ApproximateReceiveCount": None}},
        {"attributes": {"SentTimestamp": "9" * 5000, "ApproximateReceiveCount": "9" * 5000}},
        {"body": 5, "attributes": [], "messageAttributes": "a", "receiptHandle": {}},
        {"body": {"a": 1}, "attributes": "x", "messageAttributes": [1], "receiptHandle": 5},
        {"messageAttributes": {"a": None, "b": "text", "c": ["x"]}},
    ],
    ids=lambda fields: ascii(fields)[:50],
)
def test_a_record_needs_only_its_id(other_fields: dict[str, Any]) -> None:
    message = Message.from_record({"messageId": "m-1", **other_fields})
    assert (message.receipt_handle, message.body, message.receive_count) == ("", "", 1)
    assert message.attributes == {}
    assert abs(message.sent_at_ms / 1000 - time.time()) < 60


@pytest.mark.parametrize("sent_at", [253_402_300_800_000, 10**30])
def test_a_sent_time_after_the_year_9999_becomes_its_last_moment(sent_at: int) -> None:
    assert Message.from_record(record("{}", sent_at=sent_at)).sent_at_ms == 253_402_300_799_999


@pytest.mark.parametrize(
    "event", [None, 5, "x", [], {}, {"Records": None}, {"Records": {}}, {"records": []}]
)
def test_an_event_without_records_has_no_messages(event: object, log: Log) -> None:
    assert read_records(event) == []
    assert len(log.warnings()) == 1


@pytest.mark.parametrize("odd_record", [None, 5, "x", [], True])
def test_a_record_that_is_no_object_is_left_out(odd_record: object, log: Log) -> None:
    messages = read_records({"Records": [odd_record, record("{}", "m-1"), odd_record]})

    assert [message.id for message in messages] == ["m-1"]
    (warning,) = log.warnings()
    assert warning["records"] == 2


@pytest.mark.parametrize("odd_id", [None, "", 5, []])
def test_a_record_without_an_id_becomes_a_message_and_a_warning(odd_id: object, log: Log) -> None:
    messages = read_records({"Records": [{**record("{}"), "messageId": odd_id}, record("[]")]})

    assert [(message.id, message.body) for message in messages] == [("", "{}"), ("m-1", "[]")]
    (warning,) = log.warnings()
    assert warning["records"] == 1


def test_the_records_of_a_queue_cause_no_warning(log: Log) -> None:
    assert len(read_records({"Records": [record("{}")]})) == 1
    assert read_records({"Records": []}) == []
    assert log.warnings() == []
