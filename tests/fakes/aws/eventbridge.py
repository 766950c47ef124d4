"""Amazon EventBridge in memory: takes and refuses what the real one does, fails as a test says."""

import json
from typing import Any

from tests.fakes.aws.many_entries import Entry, ManyEntries

BUS = "queue-ends-dev"
MAX_BYTES = 262_144


class FakeEventBridge(ManyEntries):
    """A bus; the limits: "Calculating Amazon EventBridge PutEvents event entry size"."""

    def __init__(self) -> None:
        super().__init__("events", "PutEvents")

    def put_events(self, **parameters: Any) -> dict[str, Any]:
        entries = parameters["Entries"]
        codes = self.take(
            parameters,
            entries,
            lambda: {
                "ResourceNotFoundException": any(e["EventBusName"] != BUS for e in entries),
                "ValidationException": len(entries) not in range(1, 11)
                or sum(map(size_of, entries)) >= MAX_BYTES
                or not all(map(_is_event, entries)),
            },
        )
        return {
            "FailedEntryCount": len([code for code in codes if code]),
            "Entries": [
                {"ErrorCode": code, "ErrorMessage": "canary"} if code else {"EventId": str(number)}
                for number, code in enumerate(codes)
            ],
        }


def size_of(entry: Entry) -> int:
    """Return the bytes of an entry by EventBridge's count."""
    texts = [entry["Source"], entry["DetailType"], entry["Detail"], *entry["Resources"]]
    return sum(len(text.encode()) for text in texts) + (14 if "Time" in entry else 0)


def _is_event(entry: Entry) -> bool:
    return (
        bool(entry["Source"] and entry["DetailType"])
        and not entry["Source"].startswith("aws.")
        and isinstance(json.loads(entry["Detail"]), dict)
    )
