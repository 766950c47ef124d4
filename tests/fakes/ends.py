"""Functions that make ends to deliver."""

import dataclasses

from conversations.end import ConversationEnd, make_end_id
from conversations.parsed import Accepted
from conversations.subscription_event import parse_subscription_event
from tests.bodies import QUEUE, SAMPLE_TEXT, end


def make_end(conversation_id: str = "c-1", *, name: str = "") -> ConversationEnd:
    """Return an end of the usual size; `name` is passed to `tests.bodies.end`."""
    return _parse(end(conversation_id, name=name))


def sample_end() -> ConversationEnd:
    """Return the end in the sample event."""
    return _parse(SAMPLE_TEXT)


def large_end(conversation_id: str, raw_bytes: int, other_bytes: int = 0) -> ConversationEnd:
    """Return an end with padding: `raw_bytes` in `raw` and `other_bytes` in `participants`."""
    return dataclasses.replace(
        make_end(conversation_id),
        raw={"padding": "x" * raw_bytes},
        participants=["x" * other_bytes] if other_bytes else [],
    )


def with_end_id(accepted: Accepted) -> ConversationEnd:
    """Return an accepted end with the id that it gets if the ledger does not know it yet."""
    end = accepted.end
    end_id = make_end_id(end.conversation_id, end.queue_id, accepted.ended_at_ms)
    return dataclasses.replace(end, end_id=end_id)


def _parse(body: str) -> ConversationEnd:
    parsed = parse_subscription_event(body, 0, {QUEUE})
    assert isinstance(parsed, Accepted)
    return with_end_id(parsed)
