"""The parts of a conversation in analytics: segments, metrics, times and words."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from local.traffic.subscription import FLOWS, PEOPLE, iso

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
NOTE = "Asked about an invoice; number 4711."
"""The note of every wrap-up. An agent may write anything into a note, personal data too."""
Part = dict[str, Any]


def time_of(at_ms: int) -> str:
    """Return a time in epoch milliseconds as ISO 8601 in UTC, with milliseconds."""
    return iso(EPOCH + timedelta(milliseconds=at_ms))


def epoch_ms(time: str) -> int:
    """Return an ISO 8601 time in epoch milliseconds."""
    return (datetime.fromisoformat(time) - EPOCH) // timedelta(milliseconds=1)


def analytics_word(word: str) -> str:
    """Return an event's `CONFERENCE_TRANSFER` as analytics write it: `conferenceTransfer`."""
    first, *others = word.lower().split("_")
    return first + "".join(other.title() for other in others)


def event_word(word: str) -> str:
    """Return the `conferenceTransfer` of analytics as events write it: `CONFERENCE_TRANSFER`."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", word).upper()


def segment(kind: str, start_ms: int, end_ms: int, **fields: Any) -> Part:
    """Return a segment of a session; fields that are None are left out."""
    return {
        "segmentType": kind,
        "segmentStart": time_of(start_ms),
        "segmentEnd": time_of(end_ms),
        "conference": False,
        **given(fields),
    }


def metrics(at_ms: int, values: Mapping[str, int]) -> list[Part]:
    """Return a session's metrics, which analytics emitted at this time."""
    return [
        {"name": name, "value": value, "emitDate": time_of(at_ms)} for name, value in values.items()
    ]


def given(fields: Mapping[str, Any]) -> Part:
    """Return the fields that are not None."""
    return {name: value for name, value in fields.items() if value is not None}


def agent_segments(
    start_ms: int, end_ms: int, held_ms: int, queue_id: str | None, how: str | None
) -> list[Part]:
    """Return the segments of an agent who talks, and puts the customer on hold in the middle."""
    if not held_ms:
        return [segment("interact", start_ms, end_ms, queueId=queue_id, disconnectType=how)]
    hold_ms = start_ms + (end_ms - start_ms - held_ms) // 2
    return [
        segment("interact", start_ms, hold_ms, queueId=queue_id),
        segment("hold", hold_ms, hold_ms + held_ms, queueId=queue_id),
        segment("interact", hold_ms + held_ms, end_ms, queueId=queue_id, disconnectType=how),
    ]


def person_name(participant_id: str) -> str:
    """Return the fictitious name of a customer or an agent."""
    return PEOPLE[UUID(participant_id).int % len(PEOPLE)]


def flow_name(participant_id: str) -> str:
    """Return the name of a menu."""
    return FLOWS[UUID(participant_id).int % len(FLOWS)]
