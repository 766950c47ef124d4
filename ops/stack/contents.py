"""The conversation and the queue that a message is about, even if the worker rejects the body."""

import json
from dataclasses import dataclass
from typing import Any

from conversations.fields import normalize_id, parse_json_object
from conversations.parsed import RejectError

# The objects that hold the ids: in a subscription event, in a partner event, in a settle event and
# in a delayed message.
_PLACES = (("attributes",), ("detail", "eventBody"), ("detail",), ("queueEndsDelayedEnd",))


@dataclass(frozen=True, slots=True)
class Contents:
    """The ids in a message body; an id that is not there is empty."""

    conversation_id: str = ""
    queue_id: str = ""


def contents_of(body: str) -> Contents:
    """Return the ids in a message body; never raise.

    The worker's parsers stop at the first invalid field. This function looks for the ids alone, so
    that it also finds those of a rejected message.
    """
    try:
        event = parse_json_object(body)
    except RejectError:
        return Contents()
    for path in _PLACES:
        place: Any = event
        for name in path:
            place = place.get(name) if isinstance(place, dict) else None
        if not isinstance(place, dict):
            continue
        queue = place.get("queue")
        in_queue = queue.get("id") if isinstance(queue, dict) else None
        found = Contents(_id(place.get("conversationId")), _id(place.get("queueId") or in_queue))
        if found != Contents():
            return found
    return Contents()


def readable(body: str) -> str:
    """Return a body for people: JSON with indentation; without control characters."""
    try:
        text = json.dumps(json.loads(body), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        text = body
    return "".join(
        c if c.isprintable() or c in "\n\t" else "\N{REPLACEMENT CHARACTER}" for c in text
    )


def _id(value: object) -> str:
    return normalize_id(value) if isinstance(value, str) else ""
