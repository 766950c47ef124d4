"""The results of reading a message: an accepted end, an ignored event or a rejected message."""

from dataclasses import dataclass
from typing import Literal

import msgspec

from conversations.end import ConversationEnd

IgnoreReason = Literal["other_event_type", "other_queue", "noted", "awaiting_details"]
"""Why a valid event is ignored. The log contains these words.

`noted` means that the event completes no end, at least not yet. The event may have been added to
its conversation's history. `awaiting_details` means that a delayed message will deliver the end,
because its details are not there yet.
"""
RejectReason = Literal[
    "empty_body",
    "not_json",
    "not_an_object",
    "missing_event_type",
    "missing_conversation_id",
    "missing_queue_id",
    "invalid_field",
    "destination_refused",
]
"""Why a message can never be processed. The log and the dead-letter queue contain these words.

`destination_refused` means that a destination refused the end for good. The other reasons mean that
the body is invalid.
"""


class Accepted(msgspec.Struct, frozen=True):
    """An end in one of our queues, accepted for delivery.

    Attributes
    ----------
    end
        The end as destinations get it if it is the first one of its conversation and queue. The
        ledger may later change `sequence`, `ended_at` and `end_id`.
    ended_at_ms
        When the conversation ended, in epoch milliseconds.
    has_own_time
        Whether the event has a time of its own. If not, `ended_at_ms` is the time at which the
        message was sent.
    details_attempts
        How often the end's details have been requested already; above 0 only in a delayed message.
    """

    end: ConversationEnd
    ended_at_ms: int
    has_own_time: bool
    details_attempts: int = 0


@dataclass(frozen=True, slots=True)
class Ignored:
    """A valid event that completes no end in any of our queues."""

    reason: IgnoreReason


@dataclass(frozen=True, slots=True)
class Rejected:
    """A message that can never be processed.

    Attributes
    ----------
    reason
        A fixed word for the log.
    detail
        The invalid field's path and expected type, or the reason why the destination refused. The
        detail contains nothing from the body.
    """

    reason: RejectReason
    detail: str


class RejectError(Exception):
    """Stops the parsing of a message body. The parser then returns `rejected` as its result."""

    def __init__(self, reason: RejectReason, detail: str) -> None:
        self.rejected = Rejected(reason, detail)
