"""The results of reading a message body: an end that is accepted, or why there is none."""

from dataclasses import dataclass
from typing import Literal

from conversations.end import ConversationEnd

IgnoreReason = Literal["other_event_type", "other_queue", "noted"]
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


@dataclass(frozen=True, slots=True)
class Accepted:
    """An end in one of our queues.

    Attributes
    ----------
    end
        The end as destinations get it.
    ended_at_ms
        When the conversation ended, in epoch milliseconds.
    has_own_time
        Whether the event has a time of its own; otherwise the message's sent time stands in.
    """

    end: ConversationEnd
    ended_at_ms: int
    has_own_time: bool


@dataclass(frozen=True, slots=True)
class Ignored:
    """A sound event that is not for us."""

    reason: IgnoreReason


@dataclass(frozen=True, slots=True)
class Rejected:
    """A body that can never be processed: a fixed word, and the field with what was expected."""

    reason: RejectReason
    detail: str


class Reject(Exception):
    """Ends the reading of a body; `rejected` is the result."""

    def __init__(self, reason: RejectReason, detail: str) -> None:
        self.rejected = Rejected(reason, detail)
