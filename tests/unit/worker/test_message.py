"""A Lambda record becomes a message, even if most of its fields are missing."""

import time
from typing import Any

import pytest

from tests.fakes.aws.sqs_event import SENT_AT, record, text
from worker.messages import Message


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
    ],
)
def test_a_record_needs_only_its_id(other_fields: dict[str, Any]) -> None:
    message = Message.from_record({"messageId": "m-1", **other_fields})
    assert (message.receipt_handle, message.body, message.receive_count) == ("", "", 1)
    assert message.attributes == {}
    assert abs(message.sent_at_ms / 1000 - time.time()) < 60


@pytest.mark.parametrize("sent_at", [253_402_300_800_000, 10**30])
def test_a_sent_time_after_the_year_9999_becomes_its_last_moment(sent_at: int) -> None:
    assert Message.from_record(record("{}", sent_at=sent_at)).sent_at_ms == 253_402_300_799_999
