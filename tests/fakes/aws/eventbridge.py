"""Amazon EventBridge in memory: takes and refuses what the real one does, fails as a test says."""

import json
from typing import Any

from tests.fakes.aws.many_entries import Entry, ManyEntries

BUS = "queue-ends-dev"
MAX_BYTES = 1_000_000
TOO_LARGE = "Total size of the entries in the request is over the limit."


class FakeEventBridge(ManyEntries):
    """A bus; the limits: "PutEvents" in the "Amazon EventBridge API Reference".

    Attributes
    ----------
    max_bytes
        The size that all entries of a call together must stay below.
    """

    def __init__(self) -> None:
        super().__init__("events", "PutEvents")
        self.max_bytes = MAX_BYTES

    def put_events(self, **parameters: Any) -> dict[str, Any]:
        entries = parameters["Entries"]
        codes = self.take(
            parameters,
            entries,
            lambda: {
                "ResourceNotFoundException": any(e["EventBusName"] != BUS for e in entries),
                "ValidationException": len(entries) not in range(1, 11)
                or not all(map(_is_event, entries))
                or (TOO_LARGE if sum(map(size_of, entries)) >= self.max_bytes else ""),
            },
            lambda entry: "MalformedDetail" if _is_malformed(entry) else "",
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


def _is_malformed(entry: Entry) -> bool:
    """Return whether the detail has an integer beyond 64 bits, which EventBridge does not take."""
    integers: list[int] = []
    json.loads(entry["Detail"], parse_int=lambda text: integers.append(int(text)))
    return not all(-(2**63) <= integer < 2**63 for integer in integers)
