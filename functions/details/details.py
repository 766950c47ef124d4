"""Reads an end's details from its conversation in analytics. docs/details.md describes them."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec

from conversations.end import SAME_END_WINDOW_MS
from conversations.fields import format_utc, to_epoch_ms
from details.models import Conversation, Participant, Segment, Session

JsonObject = dict[str, Any]


@dataclass(frozen=True, slots=True)
class EndInConversation:
    """Which part of a conversation belongs to an end.

    Attributes
    ----------
    ended_at
        The end's time, in epoch milliseconds.
    previous_end_at
        The time of the conversation's previous end in the queue, in epoch milliseconds; None if
        there was none.
    is_leg
        Whether the conversation can go on after the end, as under the end rule `queue_leg`.
    """

    queue_id: str
    ended_at: int
    previous_end_at: int | None
    is_leg: bool


@dataclass(frozen=True, slots=True)
class Details:
    """An end's details. The attributes are those of `ConversationEnd`."""

    conversation_start: str | None
    media_type: str | None
    direction: str | None
    disconnect_type: str | None
    participants: list[JsonObject]
    metrics: list[JsonObject]


def read_details(
    conversation: Conversation,
    end: EndInConversation,
    *,
    with_personal_data: bool,
    is_last_attempt: bool,
) -> Details | None:
    """Return an end's details; None if analytics do not have them yet.

    Until the last attempt, the details also wait for the end of the after-call work. The last
    attempt does without it, because this work can take long.
    """
    everyone = conversation.participants or []
    participants = [
        kept for one in everyone if (kept := _without_later_sessions(one, end.ended_at))
    ]
    sessions_in_queue = [
        session
        for participant in participants
        for session in participant.sessions or []
        if _is_in_queue(session, end.queue_id) and _earliest_ms(session) is not None
    ]
    sessions = [
        session for session in sessions_in_queue if not _began_by(session, end.previous_end_at)
    ]
    open_types = {s.segment_type for s in _segments(sessions) if s.segment_end is None}
    if open_types - ({"wrapup"} if is_last_attempt else set()):
        return None
    is_over = (
        _is_leg_over(sessions_in_queue, end)
        if end.is_leg
        else _is_conversation_over(conversation, sessions, end)
    )
    if not is_over:
        return None
    customer = next((p for p in participants if p.purpose in ("customer", "external")), None)
    customer_sessions = (customer and customer.sessions) or [Session()]
    customer_segments = customer_sessions[-1].segments or [Segment()]
    return Details(
        conversation_start=_format(conversation.conversation_start),
        media_type=spell_as_in_events(customer_sessions[0].media_type),
        direction=spell_as_in_events(conversation.originating_direction),
        disconnect_type=spell_as_in_events(customer_segments[-1].disconnect_type),
        participants=[
            _describe(participant, with_personal_data=with_personal_data)
            for participant in participants
        ],
        metrics=_add_up_metrics(sessions),
    )


def _is_leg_over(sessions: Iterable[Session], end: EndInConversation) -> bool:
    """Return whether a session ended with the leg or later, or at most five minutes before it."""
    ends = [segment.segment_end for segment in _segments(sessions) if segment.segment_end]
    return any(to_epoch_ms(at) >= end.ended_at - SAME_END_WINDOW_MS for at in ends)


def _is_conversation_over(
    conversation: Conversation, sessions: Iterable[Session], end: EndInConversation
) -> bool:
    """Return whether the part of the conversation that the end belongs to is over.

    Analytics that lag behind can still show the end of an earlier part, from before the
    conversation was re-opened. If the conversation has gone on after this part, it need not have an
    end.
    """
    everyone = conversation.participants or []
    all_sessions = [session for participant in everyone for session in participant.sessions or []]
    starts = [ms for session in all_sessions if (ms := _earliest_ms(session)) is not None]
    if any(ms > end.ended_at + SAME_END_WINDOW_MS for ms in starts):
        return True
    if conversation.conversation_end is None:
        return False
    conversation_end_ms = to_epoch_ms(conversation.conversation_end)
    ended_after_sessions = any(_began_by(session, conversation_end_ms) for session in sessions)
    return ended_after_sessions or conversation_end_ms >= end.ended_at - SAME_END_WINDOW_MS


def _without_later_sessions(participant: Participant, at_ms: int) -> Participant | None:
    """Return a participant without the sessions that began after a time; None if all did.

    Sessions that began after an end belong to a later part of the conversation.
    """
    all_sessions = participant.sessions or []
    sessions = [
        session
        for session in all_sessions
        if _earliest_ms(session) is None or _began_by(session, at_ms)
    ]
    if all_sessions and not sessions:
        return None
    return msgspec.structs.replace(participant, sessions=sessions)


def _is_in_queue(session: Session, queue_id: str) -> bool:
    return any(segment.queue_id == queue_id for segment in session.segments or [])


def _began_by(session: Session, at_ms: int | None) -> bool:
    """Return whether a session began before a time or at it; False if either is unknown."""
    began_at = _earliest_ms(session)
    return began_at is not None and at_ms is not None and began_at <= at_ms


def _segments(sessions: Iterable[Session]) -> Iterator[Segment]:
    for session in sessions:
        yield from session.segments or []


def _earliest_ms(session: Session) -> int | None:
    starts = [s.segment_start for s in session.segments or [] if s.segment_start]
    return min(map(to_epoch_ms, starts), default=None)


def _add_up_metrics(sessions: Iterable[Session]) -> list[JsonObject]:
    """Return the sum of each metric, in order of the names.

    The names of durations begin with `t`, those of counts with `n`. Other metrics cannot be added.
    """
    sums: dict[str, int] = {}
    for session in sessions:
        for metric in session.metrics or []:
            if metric.name and metric.value is not None and metric.name[0] in "tn":
                sums[metric.name] = sums.get(metric.name, 0) + metric.value
    return [{"name": name, "value": sums[name]} for name in sorted(sums)]


def _describe(participant: Participant, *, with_personal_data: bool) -> JsonObject:
    sessions = participant.sessions or []
    segments = [*_segments(sessions)]
    is_open = any(segment.segment_end is None for segment in segments)
    starts = [s.segment_start for s in segments if s.segment_start]
    ends = [s.segment_end for s in segments if s.segment_end]
    described: JsonObject = {
        "participant_id": participant.participant_id,
        "purpose": participant.purpose,
        "user_id": participant.user_id,
        "external_contact_id": participant.external_contact_id,
        "queue_ids": _distinct(segment.queue_id for segment in segments),
        "media_types": _distinct(spell_as_in_events(session.media_type) for session in sessions),
        "wrapup_codes": _distinct(segment.wrap_up_code for segment in segments),
        "disconnect_types": _distinct(spell_as_in_events(s.disconnect_type) for s in segments),
        "started_at": _format(min(starts, default=None)),
        "ended_at": None if is_open else _format(max(ends, default=None)),
    }
    if with_personal_data:
        described["name"] = participant.participant_name
        described["addresses"] = _distinct(a for session in sessions for a in _addresses(session))
        described["notes"] = _distinct(segment.wrap_up_note for segment in segments)
    return described


def _addresses(session: Session) -> Iterator[str | None]:
    yield from (session.ani, session.dnis, session.session_dnis)
    yield from (session.address_from, session.address_to)
    yield from (session.address_self, session.address_other)
    yield from session.callback_numbers or []


def _distinct(values: Iterable[str | None]) -> list[str]:
    return [*dict.fromkeys(value for value in values if value)]


def spell_as_in_events(word: str | None) -> str | None:
    """Return a word such as `noAnswerTransfer` as events spell it: `NO_ANSWER_TRANSFER`."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", word).upper() if word else None


def _format(time: datetime | None) -> str | None:
    try:
        return format_utc(time.astimezone(UTC)) if time else None
    except OverflowError:
        return None  # In UTC, the year is 0 or 10000.
