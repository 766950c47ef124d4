"""The destination `archive`: writes each end as a line of JSON to S3, through Firehose."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from aws_calls import call
from aws_clients import make_client
from conversations.end import ConversationEnd
from deadline import Deadline
from destinations.destination import Receipt
from destinations.grouped_calls import READ_TIMEOUT_SECONDS, CallLimits, send_in_groups
from side_by_side import Runner, SideBySide, run_in_turn

if TYPE_CHECKING:
    from mypy_boto3_firehose import FirehoseClient

NEWLINE = b"\n"
LIMITS = CallLimits(
    service="Firehose",
    # Firehose accepts 500 records in a call. With 100, fewer ends are sent twice if the worker
    # crashes after a call and before it marks the ends.
    max_entries=100,
    # Firehose accepts 4 MiB in a call after the base64 encoding, which is 3 MiB before it (see
    # "Amazon Data Firehose quotas" in the AWS documentation).
    max_call_bytes=3 * 1024 * 1024,
    # Firehose accepts 1000 KiB in a record, counted before the base64 encoding.
    max_entry_bytes=1000 * 1024,
    overhead_bytes=len(NEWLINE),  # `_make_record` adds a newline to each end
)


def make_destination(environment: Mapping[str, str]) -> "Archive":
    """Return the destination for the Firehose stream that the variable `ARCHIVE_STREAM` names."""
    client = make_client("firehose", read_timeout_seconds=READ_TIMEOUT_SECONDS)
    return Archive(client, environment["ARCHIVE_STREAM"], SideBySide())


class Archive:
    """The destination that puts ends into a Firehose stream. `run` runs the calls."""

    name = "archive"
    needs_main_thread = False

    def __init__(
        self, firehose: "FirehoseClient", stream_name: str, run: Runner = run_in_turn
    ) -> None:
        self._firehose = firehose
        self._stream_name = stream_name
        self._run = run

    def deliver(self, ends: Sequence[ConversationEnd], deadline: Deadline) -> Iterator[Receipt]:
        """Put ends into the stream, up to 100 in each call; see `Destination.deliver`."""
        return send_in_groups(
            ends,
            deadline,
            limits=LIMITS,
            make_entry=_make_record,
            send=self._put,
            run=self._run,
        )

    def _put(self, records: list[Any], deadline: Deadline) -> list[str]:
        """Put records; return each record's error code, empty if the record arrived."""
        response = call(
            deadline,
            self._firehose.put_record_batch,
            DeliveryStreamName=self._stream_name,
            Records=records,
        )
        return [result.get("ErrorCode") or "" for result in response["RequestResponses"]]


def _make_record(_end: ConversationEnd, end_json: bytes) -> dict[str, bytes]:
    return {"Data": end_json + NEWLINE}
