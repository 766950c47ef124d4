"""Converts a conversation in analytics to the partner events that it corresponds to.

The end rules then decide about the conversation as they decide about events that arrive.
"""

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from typing import NamedTuple

from conversations.fields import normalize_id, to_epoch_ms
from conversations.partner_event import PartnerEvent
from conversations.topics import CUSTOMER_END
from details.details import spell_as_in_events
from details.models import Conversation, Participant, Segment, Session

_CUSTOMERS = ("customer", "external")
_AGENTS = ("agent", "user")
_AFTER_CALL = "wrapup"
# The segments in which an agent talks with the customer.
_TALKING = ("callback", "interact")
# The metrics of a wait that say how the wait ended.
_ABANDONED, _NOT_ABANDONED = "tAbandon", ("tAnswered", "tFlowOut")


class Activity(NamedTuple):
    """A time in which somebody took part in a conversation, without after-call work.

    `ends_ms` is None if it goes on.
    """

    begins_ms: int
    ends_ms: int | None


def list_activities(conversation: Conversation) -> list[Activity]:
    """Return the activities of a conversation's participants, in order of their beginnings."""
    spans = (
        _span_of(_segments_before_wrapup(session))
        for participant in conversation.participants or []
        for session in participant.sessions or []
    )
    return sorted((span for span in spans if span), key=lambda span: span.begins_ms)


def to_partner_events(conversation: Conversation, queue_ids: Collection[str]) -> list[PartnerEvent]:
    """Return the events of a conversation that reach the worker, in order of time.

    Parameters
    ----------
    queue_ids
        The ids of our queues.
    """
    events = [
        event
        for participant in conversation.participants or []
        for session in participant.sessions or []
        for event in _events_of(conversation, participant, session)
        if event.topic == CUSTOMER_END or event.queue_id in queue_ids
    ]
    return sorted(events, key=lambda event: event.at_ms)


def _events_of(
    conversation: Conversation, participant: Participant, session: Session
) -> Iterator[PartnerEvent]:
    segments = _segments_before_wrapup(session)
    span = _span_of(segments)
    queue_id = next((segment.queue_id for segment in segments if segment.queue_id), None)

    def event(topic: str, at_ms: int, duration_ms: int = 0) -> PartnerEvent:
        return PartnerEvent(
            conversation_id=normalize_id(conversation.conversation_id),
            topic=topic,
            queue_id=None if topic == CUSTOMER_END else queue_id and normalize_id(queue_id),
            at_ms=at_ms,
            has_own_time=True,
            media_type=spell_as_in_events(session.media_type),
            direction=spell_as_in_events(session.direction or conversation.originating_direction),
            disconnect_type=spell_as_in_events(_disconnect_type(segments)),
            acd_outcome="ABANDON" if topic == "acd.end" and _is_abandoned(session) else None,
            duration_ms=duration_ms,
            agent_talked=topic == "user.end" and _has_talk(segments),
            raw={},
        )

    if participant.purpose in _CUSTOMERS:
        if span and span.ends_ms is not None:
            yield event(CUSTOMER_END, span.ends_ms)
        return
    kind = "acd" if participant.purpose == "acd" else "user"
    if kind == "user" and participant.purpose not in _AGENTS:
        return
    if span:
        yield event(f"{kind}.start", span.begins_ms)
        if span.ends_ms is not None:
            yield event(f"{kind}.end", span.ends_ms, span.ends_ms - span.begins_ms)
    for segment in session.segments or []:
        if segment.segment_type == _AFTER_CALL and segment.segment_end:
            queue_id = segment.queue_id or queue_id
            yield event("acw", to_epoch_ms(segment.segment_end))


def _segments_before_wrapup(session: Session) -> list[Segment]:
    return [one for one in session.segments or [] if one.segment_type != _AFTER_CALL]


def _span_of(segments: Sequence[Segment]) -> Activity | None:
    """Return the time from the first segment's start to the last one's end; None without one."""
    starts: list[datetime] = [one.segment_start for one in segments if one.segment_start]
    if not starts:
        return None
    begins_ms = to_epoch_ms(min(starts))
    if any(one.segment_end is None for one in segments):
        return Activity(begins_ms, None)
    ends_ms = max(to_epoch_ms(one.segment_end) for one in segments if one.segment_end)
    return Activity(begins_ms, max(begins_ms, ends_ms))


def _disconnect_type(segments: Sequence[Segment]) -> str | None:
    return next((one.disconnect_type for one in reversed(segments) if one.disconnect_type), None)


def _is_abandoned(session: Session) -> bool:
    names = {metric.name for metric in session.metrics or []}
    if _ABANDONED in names or names.intersection(_NOT_ABANDONED):
        return _ABANDONED in names
    how = spell_as_in_events(_disconnect_type(_segments_before_wrapup(session)))
    # Without any sign, an end that never was would be worse than one that is overlooked.
    return how is not None and not how.endswith("TRANSFER")


def _has_talk(segments: Sequence[Segment]) -> bool:
    return any(
        one.segment_type in _TALKING
        and one.segment_start
        and one.segment_end
        and one.segment_end > one.segment_start
        for one in segments
    )
