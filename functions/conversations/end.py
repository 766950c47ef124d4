"""The end of a conversation in a queue, as every destination gets it."""

import hashlib
from dataclasses import dataclass
from typing import Any, Literal

import msgspec

Source = Literal["subscription", "eventbridge", "backfill"]
DetailsStatus = Literal["none", "complete", "missing"]

# Two ends of a conversation in the same queue count as one if they are at most this far apart.
SAME_END_WINDOW_MS = 5 * 60 * 1000


@dataclass(frozen=True, slots=True)
class ConversationEnd:
    """The end of a conversation in one of our queues.

    Attributes
    ----------
    conversation_id, queue_id
        The conversation's and the queue's ids in Genesys Cloud.
    queue_name
        The queue's name: the event's, else the name at the last deploy; None if neither is known.
    ended_at
        When the conversation ended: ISO 8601, UTC, to the millisecond (`2026-11-23T10:00:00.000Z`).
        If several events report the end with different times, this is the time that the ledger
        recorded first.
    media_type, direction, disconnect_type
        The values of the customer or, under the end rule `queue_leg`, of the participant whose
        event ended the leg, as Genesys Cloud writes them (`VOICE`, `INBOUND`, `ENDPOINT`); None if
        neither the event nor the details have them. Genesys Cloud adds new values without notice.
    participants, metrics
        If `details` is `none`, the event's lists of the same names, unchanged; empty if the event
        does not have them. Otherwise, lists in the form that docs/details.md describes.
    source
        The delivery that reported the end, `subscription` or `eventbridge`; or `backfill`, if its
        event never arrived, and the end was found by a search in Genesys Cloud.
    sequence
        1 for the conversation's first end in this queue, 2 for the next end after the conversation
        was re-opened, and so on. The sequences begin again when the ledger has forgotten the
        earlier ends, `ledger_days` after the last of them.
    end_id
        The end's unique id (see `make_end_id`). It is the same for every delivery of the end, and
        different for every other end.
    details
        Whether Genesys Cloud's analytics have completed the end: `complete`, or `missing` if they
        did not have its conversation in time. `none` if the setting `details` is `none`.
    conversation_start
        When the conversation began, in the form of `ended_at`; None unless `details` is `complete`.
    raw
        The whole event, including the fields that have no attribute here. Halves of surrogate pairs
        are U+FFFD in it, and numbers that no double can hold are null (docs/outcomes.md).
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
    end_id: str
    details: DetailsStatus
    conversation_start: str | None
    raw: dict[str, Any]

    def as_json(self, *, include_raw: bool = True) -> bytes:
        """Return the end as a JSON object in UTF-8.

        The object has a field for each attribute. `docs/conversation-end.schema.json` is its
        schema.

        Parameters
        ----------
        include_raw
            Whether to include `raw`, which makes up most of the object.
        """
        if include_raw:
            return msgspec.json.encode(self)
        return msgspec.json.encode(
            {name: getattr(self, name) for name in self.__slots__ if name != "raw"}
        )


def make_end_id(conversation_id: str, queue_id: str, ended_at_ms: int) -> str:
    """Return an end's id: 32 hexadecimal digits.

    Parameters
    ----------
    ended_at_ms
        The end's time in the ledger, in epoch milliseconds. An end keeps it through retries,
        takeovers and repeats, and no other end of the conversation in the queue has the same time.
    """
    # In a JSON array, the ids cannot run into one another, whatever characters they contain.
    identity = msgspec.json.encode([conversation_id, queue_id, ended_at_ms])
    return hashlib.sha256(identity).hexdigest()[:32]
