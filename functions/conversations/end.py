"""The end of a conversation in a queue, as every destination gets it."""

from dataclasses import dataclass
from typing import Any, Literal

import msgspec

Source = Literal["subscription", "eventbridge", "backfill"]

# Ends of one conversation in one queue that lie no further apart than this are the same end.
SAME_END_WINDOW_MS = 5 * 60 * 1000


@dataclass(frozen=True, slots=True)
class ConversationEnd:
    """The end of a conversation in one of our queues.

    Attributes
    ----------
    conversation_id, queue_id
        Genesys Cloud's ids of the conversation and of the routing queue.
    queue_name
        The queue's name, where the event has it.
    ended_at
        When it ended: ISO 8601, UTC, to the millisecond (`2026-11-23T10:00:00.000Z`).
    media_type, direction, disconnect_type
        Those of the customer's participant, as Genesys Cloud spells them (`VOICE`, `INBOUND`,
        `ENDPOINT`); None where the event has none. New values appear without notice.
    participants, metrics
        As the event has them; empty where it has none.
    source
        How the end became known.
    sequence
        1 for the conversation's first end in this queue, 2 for the end after it was re-opened, …
    raw
        The whole event, unknown fields included.
    """

    conversation_id: str
    queue_id: str
    queue_name: str | None
    ended_at: str
    media_type: str | None
    direction: str | None
    disconnect_type: str | None
    participants: list[Any]
    metrics: list[Any]
    source: Source
    sequence: int
    raw: dict[str, Any]

    def as_json(self, *, raw: bool = True) -> bytes:
        """Return the JSON object that destinations publish, with these names, in UTF-8.

        `docs/conversation-end.schema.json` is its schema.

        Parameters
        ----------
        raw
            Whether to include `raw`, which is most of its size.
        """
        if raw:
            return msgspec.json.encode(self)
        return msgspec.json.encode(
            {name: getattr(self, name) for name in self.__slots__ if name != "raw"}
        )
