"""The destination `archive`: a Firehose stream to S3; each end becomes a line of JSON."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import boto3

from aws_calls import call
from conversations.end import ConversationEnd
from deadline import Deadline
from destinations.batched_calls import CLIENT_CONFIG, BatchLimits, send_in_batches
from destinations.destination import Receipt

if TYPE_CHECKING:
    from mypy_boto3_firehose import FirehoseClient

NEWLINE = b"\n"
LIMITS = BatchLimits(
    # Firehose takes 500. All ends of a call arrive before the first of them can be marked.
    entries=100,
    # A call takes 4 MiB (AWS: "Amazon Data Firehose quotas"): 3 MiB become as much in base64.
    call_bytes=3 * 1024 * 1024,
    # Of a record, before base64.
    entry_bytes=1000 * 1024,
    overhead=len(NEWLINE),
)


def destination(environment: Mapping[str, str]) -> "Archive":
    """Return the archive behind the Firehose stream that `ARCHIVE_STREAM` names."""
    return Archive(boto3.client("firehose", config=CLIENT_CONFIG), environment["ARCHIVE_STREAM"])


class Archive:
    """A Firehose stream, by its name."""

    name = "archive"

    def __init__(self, firehose: "FirehoseClient", stream_name: str) -> None:
        self._firehose = firehose
        self._stream_name = stream_name

    def deliver(self, ends: Sequence[ConversationEnd], deadline: Deadline) -> Iterator[Receipt]:
        """Put ends into the stream, up to 100 a call."""
        return send_in_batches(ends, deadline, limits=LIMITS, entry=_record, send=self._put)

    def _put(self, records: list[Any], deadline: Deadline) -> list[str]:
        answer = call(
            deadline,
            self._firehose.put_record_batch,
            DeliveryStreamName=self._stream_name,
            Records=records,
        )
        return [response.get("ErrorCode", "") for response in answer["RequestResponses"]]


def _record(_end: ConversationEnd, body: bytes) -> dict[str, bytes]:
    return {"Data": body + NEWLINE}
