"""Amazon Data Firehose in memory: takes and refuses what the real one does."""

import base64
from typing import Any

from tests.fakes.aws.many_entries import Entry, ManyEntries

STREAM = "queue-ends-dev"
MAX_RECORD_BYTES = 1_024_000
MAX_CALL_BYTES = 4_194_304


class FakeFirehose(ManyEntries):
    """A delivery stream; the limits are those of "Amazon Data Firehose quotas", the call's after
    base64, since AWS does not say which.
    """

    def __init__(self) -> None:
        super().__init__("firehose", "PutRecordBatch")

    def put_record_batch(self, **parameters: Any) -> dict[str, Any]:
        records = parameters["Records"]
        codes = self.take(
            parameters,
            records,
            lambda: {
                "ResourceNotFoundException": parameters["DeliveryStreamName"] != STREAM,
                "InvalidArgumentException": len(records) not in range(1, 501)
                or any(size_of(record) > MAX_RECORD_BYTES for record in records)
                or sum(len(base64.b64encode(r["Data"])) for r in records) > MAX_CALL_BYTES,
            },
        )
        return {
            "FailedPutCount": len([code for code in codes if code]),
            "Encrypted": True,
            "RequestResponses": [
                {"ErrorCode": code, "ErrorMessage": "canary"} if code else {"RecordId": str(number)}
                for number, code in enumerate(codes)
            ],
        }


def size_of(record: Entry) -> int:
    """Return the bytes of a record before base64, which is how Firehose counts it."""
    return len(record["Data"])
