"""Ends as destinations are given them."""

import dataclasses

from conversations.end import ConversationEnd
from conversations.parsed import Accepted
from conversations.subscription_event import parse_subscription_event
from tests.bodies import QUEUE, SAMPLE_TEXT, end


def ended(conversation_id: str = "c-1", *, name: str = "") -> ConversationEnd:
    """Return the end of a conversation as big as usual; `name` as `tests.bodies.end` has it."""
    return _of(end(conversation_id, name=name))


def sample() -> ConversationEnd:
    """Return the sample's end."""
    return _of(SAMPLE_TEXT)


def big(conversation_id: str, raw_bytes: int, other_bytes: int = 0) -> ConversationEnd:
    """Return an end with so many bytes in `raw`, and so many elsewhere."""
    return dataclasses.replace(
        ended(conversation_id),
        raw={"padding": "x" * raw_bytes},
        participants=["x" * other_bytes] if other_bytes else [],
    )


def _of(body: str) -> ConversationEnd:
    parsed = parse_subscription_event(body, 0, {QUEUE})
    assert isinstance(parsed, Accepted)
    return parsed.end
