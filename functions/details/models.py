"""The parts of a conversation in analytics that an end's details come from.

The names are those of the models in the official SDK (`AnalyticsConversationWithoutAttributes` and
below). Every field can be absent.
"""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

import msgspec

Time = Annotated[datetime, msgspec.Meta(tz=True)]
# The limit is 31,000 years. Beyond 2**53, many JSON readers round.
Value = Annotated[int, msgspec.Meta(ge=-(10**15), le=10**15)]
# A word such as `inbound`. Genesys Cloud's longest one has 22 characters.
Word = Annotated[str, msgspec.Meta(max_length=100)]
# All ids of conversations are UUIDs.
CONVERSATION_ID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


class Model(msgspec.Struct, frozen=True, rename="camel"):
    """Base class of the models; the field `user_id` is `userId` in JSON, and so on."""


class Metric(Model, frozen=True, rename="camel"):
    """A metric of a session, in milliseconds if its name begins with `t`."""

    name: str | None = None
    value: Value | None = None


class Segment(Model, frozen=True, rename="camel"):
    """A part of a session, such as `interact`, `hold` or `wrapup`, which is after-call work."""

    segment_type: Word | None = None
    segment_start: Time | None = None
    segment_end: Time | None = None
    queue_id: str | None = None
    disconnect_type: Word | None = None
    wrap_up_code: str | None = None
    wrap_up_note: str | None = None


class Session(Model, frozen=True, rename="camel"):
    """A participant's activity in one medium."""

    media_type: Word | None = None
    direction: Word | None = None
    ani: str | None = None
    dnis: str | None = None
    session_dnis: str | None = None
    address_from: str | None = None
    address_to: str | None = None
    address_self: str | None = None
    address_other: str | None = None
    callback_numbers: list[str] | None = None
    metrics: list[Metric] | None = None
    segments: list[Segment] | None = None


class Participant(Model, frozen=True, rename="camel"):
    """A customer, an agent, a queue's wait (`acd`), a menu (`ivr`) or another participant."""

    participant_id: str | None = None
    participant_name: str | None = None
    purpose: Word | None = None
    user_id: str | None = None
    external_contact_id: str | None = None
    sessions: list[Session] | None = None


class Conversation(Model, frozen=True, rename="camel"):
    """A conversation."""

    conversation_id: str
    conversation_start: Time | None = None
    conversation_end: Time | None = None
    originating_direction: Word | None = None
    participants: list[Participant] | None = None


def parse_conversation(json: Mapping[str, Any]) -> Conversation | None:
    """Return the conversation in an answer's JSON; None if it is not in this form."""
    try:
        conversation = msgspec.convert(json, Conversation)
        # An end with half of a surrogate pair could not be encoded, and so not be delivered.
        msgspec.json.encode(conversation)
    except (msgspec.ValidationError, UnicodeEncodeError):
        return None
    return conversation
