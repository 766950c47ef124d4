"""Delayed messages: ends that Queue Ends itself puts on the intake queue.

The worker sends them to itself, to deliver an end later with its details. The backfill sends ends
that never arrived. They are understood whatever the settings are now, because a deployment can
change these while messages are on their way.
"""

import json
import re
from collections.abc import Collection
from typing import Annotated, Any

import msgspec

from conversations.end import ConversationEnd, Source, make_end_id
from conversations.fields import (
    format_utc,
    from_epoch_ms,
    parse_json_object,
    require_conversation_id,
)
from conversations.parsed import Accepted, Ignored, Rejected, RejectError

# Only Queue Ends writes bodies that begin like this. They have no event type, so after a roll-back,
# a version without details moves them to the dead-letter queue. No end is lost.
BODY_PREFIX = '{"queueEndsDelayedEnd":'


class _DelayedEnd(msgspec.Struct, rename="camel"):
    attempts: Annotated[int, msgspec.Meta(ge=0)]
    conversation_id: Annotated[str, msgspec.Meta(min_length=1)]
    queue_id: str
    ended_at_ms: int
    has_own_time: bool
    source: Source
    event: dict[str, Any]
    queue_name: str | None = None
    media_type: str | None = None
    direction: str | None = None
    disconnect_type: str | None = None
    participants: list[Any] = []
    metrics: list[Any] = []


class _Body(msgspec.Struct, rename="camel"):
    queue_ends_delayed_end: _DelayedEnd


def make_delayed_body(
    end: ConversationEnd, ended_at_ms: int, *, has_own_time: bool, details_attempts: int
) -> str | None:
    """Return the body of a delayed message, in ASCII; None if the end cannot be encoded.

    Parameters
    ----------
    ended_at_ms
        The end's time in the ledger, in epoch milliseconds.
    has_own_time, details_attempts
        As in `Accepted`.
    """
    delayed = _DelayedEnd(
        attempts=details_attempts,
        conversation_id=end.conversation_id,
        queue_id=end.queue_id,
        ended_at_ms=ended_at_ms,
        has_own_time=has_own_time,
        source=end.source,
        event=end.raw,
        queue_name=end.queue_name,
        media_type=end.media_type,
        direction=end.direction,
        disconnect_type=end.disconnect_type,
        participants=end.participants,
        metrics=end.metrics,
    )
    try:
        fields = {name: getattr(delayed, field) for field, name in _NAMES.items()}
        return json.dumps({"queueEndsDelayedEnd": fields})
    except RecursionError:  # The encoder needs more stack than the decoder, which succeeded.
        return None


def parse_delayed_body(body: str, queue_ids: Collection[str]) -> Accepted | Ignored | Rejected:
    """Return the end in the body of a delayed message, or the reason why there is none."""
    try:
        event = parse_json_object(body)
        delayed = msgspec.convert(event, _Body).queue_ends_delayed_end
        require_conversation_id(event["queueEndsDelayedEnd"], "$.queueEndsDelayedEnd")
        ended_at = from_epoch_ms(delayed.ended_at_ms)
    except RejectError as error:
        return error.rejected
    except msgspec.ValidationError as error:
        return Rejected("invalid_field", _describe_mismatch(error))
    except OverflowError:
        path = "$.queueEndsDelayedEnd.endedAtMs"
        return Rejected("invalid_field", f"{path}: expected a time in the years 1 to 9999")
    if delayed.queue_id not in queue_ids:
        return Ignored("other_queue")
    end = ConversationEnd(
        conversation_id=delayed.conversation_id,
        queue_id=delayed.queue_id,
        queue_name=delayed.queue_name,
        ended_at=format_utc(ended_at),
        media_type=delayed.media_type,
        direction=delayed.direction,
        disconnect_type=delayed.disconnect_type,
        participants=delayed.participants,
        metrics=delayed.metrics,
        source=delayed.source,
        sequence=1,
        end_id=make_end_id(delayed.conversation_id, delayed.queue_id, delayed.ended_at_ms),
        details="none",
        conversation_start=None,
        raw=delayed.event,
    )
    return Accepted(end, delayed.ended_at_ms, delayed.has_own_time, delayed.attempts)


def _describe_mismatch(error: msgspec.ValidationError) -> str:
    """Return the path of an invalid field, without its value, which the message could quote."""
    path = re.search(r"at `(\$[\w.]*)`$", str(error))
    return f"{path[1] if path else '$'}: expected a delayed message of this version"


_NAMES = dict(zip(_DelayedEnd.__struct_fields__, _DelayedEnd.__struct_encode_fields__, strict=True))
