"""Ends arrive in the archive as lines of JSON; test_grouped_calls.py tests failures."""

import base64
import json

import botocore.session
import pytest

from destinations.archive import LIMITS, Archive, make_destination
from destinations.destination import Receipt
from local.http.messages import Answer
from local.http.server import HttpServer
from tests.bodies import CANARY
from tests.fakes.aws.firehose import MAX_RECORD_BYTES, STREAM, FakeFirehose, size_of
from tests.fakes.clock import Clock
from tests.fakes.ends import large_end, make_end


@pytest.fixture
def firehose() -> FakeFirehose:
    return FakeFirehose()


@pytest.fixture
def archive(firehose: FakeFirehose) -> Archive:
    return Archive(firehose, STREAM)  # type: ignore[arg-type]


def test_joined_records_are_a_file_with_one_end_a_line(
    archive: Archive, firehose: FakeFirehose
) -> None:
    ends = [make_end(f"c-{number}", name="line\nbreak\r\u2028é") for number in range(3)]
    receipts = list(archive.deliver(ends, Clock().deadline(9)))
    assert archive.name == "archive"
    assert receipts == [Receipt(position, "arrived") for position in range(3)]
    file = b"".join(record["Data"] for record in firehose.taken)
    assert file.endswith(b"\n")
    assert file.split(b"\n")[:-1] == [end.as_json() for end in ends]


def test_a_call_contains_a_hundred_ends_of_the_usual_size(
    archive: Archive, firehose: FakeFirehose
) -> None:
    ends = [make_end(f"c-{number}") for number in range(1001)]
    assert len(list(archive.deliver(ends, Clock().deadline(9)))) == 1001
    assert [len(records) for records in firehose.calls] == [100] * 10 + [1]
    assert firehose.refused == []


def test_a_record_of_the_maximum_size_is_accepted(archive: Archive, firehose: FakeFirehose) -> None:
    empty = len(large_end("c", 0).as_json())
    for size in (MAX_RECORD_BYTES - 1 - empty, MAX_RECORD_BYTES - empty):
        list(archive.deliver([large_end("c", size)], Clock().deadline(9)))
    assert firehose.refused == []
    sizes = [size_of(record) for record in firehose.taken]
    assert sizes[0] == MAX_RECORD_BYTES
    assert sizes[1] < 10_000


def test_the_limits_are_those_that_botocore_s_model_of_firehose_states() -> None:
    model = botocore.session.get_session().get_service_model("firehose")
    put_records = model.operation_model("PutRecordBatch")
    assert "up to a limit of 4 MB for the entire request" in put_records.documentation
    assert LIMITS.max_call_bytes == 4 * 1024 * 1024 * 3 / 4  # base64 adds a third
    assert model.shape_for("Data").metadata["max"] == LIMITS.max_entry_bytes


def test_large_ends_are_divided_between_calls(archive: Archive, firehose: FakeFirehose) -> None:
    ends = [large_end(f"c-{number}", 900_000) for number in range(7)]
    receipts = list(archive.deliver(ends, Clock().deadline(9)))
    assert receipts == [Receipt(position, "arrived") for position in range(7)]
    assert [len(records) for records in firehose.calls] == [3, 3, 1]
    assert firehose.refused == []


def test_boto3_sends_records_in_the_form_that_firehose_expects(aws: HttpServer) -> None:
    failed = {"ErrorCode": "ServiceUnavailableException", "ErrorMessage": CANARY}
    responses = [{"RecordId": "r"}, failed]
    aws.script(Answer(body={"FailedPutCount": 1, "RequestResponses": responses}))
    ends = [make_end("c-0", name="é😀"), make_end("c-1")]
    archive = make_destination({"ARCHIVE_STREAM": STREAM})
    assert list(archive.deliver(ends, Clock().deadline(9))) == [
        Receipt(0, "arrived"),
        Receipt(1, "failed", "ServiceUnavailableException"),
    ]
    (request,) = aws.requests
    assert request.headers["X-Amz-Target"] == "Firehose_20150804.PutRecordBatch"
    assert request.json["DeliveryStreamName"] == STREAM
    lines = [base64.b64decode(record["Data"]) for record in request.json["Records"]]
    assert [json.loads(line) for line in lines] == [json.loads(end.as_json()) for end in ends]
