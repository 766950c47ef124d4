"""The ends that a conversation in analytics should have in the ledger, by each end rule."""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from backfill.events import list_activities, to_partner_events
from conversations.end import SAME_END_WINDOW_MS
from conversations.end_rules.additions import collect_additions
from conversations.end_rules.last_queue import find_last_queue
from conversations.end_rules.queue_leg import is_leg_end
from conversations.end_rules.stays import Stay, find_counting_stays
from conversations.fields import normalize_id, to_epoch_ms
from conversations.history import History
from conversations.ledger_store import Span
from conversations.partner_event import PartnerEvent
from details.models import Conversation

CONVERSATION = "conversation"
"""The name of the rule for ends that Genesys Cloud itself decides about."""
MINUTE_MS = 60_000
# The rest of a conversation that pauses no longer than this is not a new part of it. A callback or
# a transfer follows within seconds.
_MAX_PAUSE_MS = 10_000
# The end of what goes on: the latest time that a Python datetime can represent.
_FOREVER_MS = 253_402_300_799_999


@dataclass(frozen=True, slots=True)
class ExpectedEnd:
    """An end that a conversation should have in one of our queues.

    Attributes
    ----------
    ended_at_ms
        The end's time, in epoch milliseconds.
    span
        The span of the times that belong to the end, because they are close together.
    began_ms
        When the conversation entered the queue before this end, in epoch milliseconds.
    known_in
        The ids of the queues whose ends can be this one.
    conversation_start_ms, conversation_end_ms
        When the conversation began and ended, in epoch milliseconds; None if unknown.
    """

    conversation_id: str
    queue_id: str
    ended_at_ms: int
    span: Span
    began_ms: int
    known_in: frozenset[str]
    media_type: str | None
    direction: str | None
    disconnect_type: str | None
    conversation_start_ms: int | None = None
    conversation_end_ms: int | None = None


def find_expected_ends(
    conversation: Conversation, rule: str, queue_ids: Collection[str]
) -> list[ExpectedEnd]:
    """Return the ends of a conversation in our queues, in order of time.

    An end that has no time yet, because the conversation goes on, is left out.

    Parameters
    ----------
    rule
        `CONVERSATION` or the name of an end rule.
    queue_ids
        The ids of our queues.
    """
    events = to_partner_events(conversation, queue_ids)
    history = collect_additions(events).get(normalize_id(conversation.conversation_id), History())
    if not history.queues:
        return []
    ends = (
        _ends_of_parts(conversation, events)
        if rule == CONVERSATION
        else _RULES[rule](events, history)
    )
    start, end = conversation.conversation_start, conversation.conversation_end
    return [
        replace(
            one,
            conversation_start_ms=to_epoch_ms(start) if start else None,
            conversation_end_ms=to_epoch_ms(end) if end else None,
        )
        for one in _merge(ends)
    ]


def settle_ms(rule: str) -> int:
    """Return how long after an end the ledger and analytics should have it, in milliseconds."""
    # Under `last_queue`, the worker decides up to 15 minutes after the customer's end.
    return (25 if rule == "last_queue" else 10) * MINUTE_MS


def _ends_by_touched(events: Sequence[PartnerEvent], history: History) -> Iterator[ExpectedEnd]:
    for cause in _customer_ends(events):
        for queue_id, stays in _counting_stays(history, cause.at_ms).items():
            yield _expect(cause, queue_id, cause.at_ms, _beginning(stays), {queue_id})


def _ends_by_last_queue(events: Sequence[PartnerEvent], history: History) -> Iterator[ExpectedEnd]:
    for cause in _customer_ends(events):
        stays = _counting_stays(history, cause.at_ms)
        queue_id = find_last_queue(history, cause.at_ms)
        if queue_id:
            began_ms = min(map(_beginning, stays.values()))
            yield _expect(cause, queue_id, cause.at_ms, began_ms, stays)


def _ends_by_queue_leg(events: Sequence[PartnerEvent], _: History) -> Iterator[ExpectedEnd]:
    for event in events:
        if event.queue_id is not None and is_leg_end(event):
            began_ms = event.at_ms - event.duration_ms
            yield _expect(event, event.queue_id, event.at_ms, began_ms, {event.queue_id})


_RULES: dict[str, Callable[[Sequence[PartnerEvent], History], Iterable[ExpectedEnd]]] = {
    "touched": _ends_by_touched,
    "last_queue": _ends_by_last_queue,
    "queue_leg": _ends_by_queue_leg,
}


def _ends_of_parts(
    conversation: Conversation, events: Sequence[PartnerEvent]
) -> Iterator[ExpectedEnd]:
    """Yield the ends of each part of a conversation, which is re-opened after all but the last."""
    customer_ends = _customer_ends(events)
    parts = _find_parts(conversation, [event.at_ms for event in customer_ends])
    for part in parts:
        causes = [e for e in customer_ends if part.earliest_at <= e.at_ms <= part.latest_at]
        in_part = [e for e in events if part.earliest_at <= e.at_ms <= part.latest_at]
        cause = causes[-1] if causes else in_part[-1] if in_part else None
        if cause is None:
            continue
        ended_at_ms = cause.at_ms
        if part is parts[-1]:
            if conversation.conversation_end is None:
                return
            ended_at_ms = to_epoch_ms(conversation.conversation_end)
        began_ms: dict[str, int] = {}
        for event in in_part:
            if event.queue_id is not None and event.topic != "acw":
                began_ms.setdefault(event.queue_id, event.at_ms)
        for queue_id, began in sorted(began_ms.items()):
            yield _expect(cause, queue_id, ended_at_ms, began, {queue_id})


def _find_parts(conversation: Conversation, customer_ends: Sequence[int]) -> list[Span]:
    """Return the parts of a conversation, in order.

    A part is over if the customer has left and nobody takes part any more, until somebody does
    again after a pause.
    """
    parts: list[Span] = []
    for begins_ms, ends_ms in list_activities(conversation):
        activity = Span(begins_ms, _FOREVER_MS if ends_ms is None else ends_ms)
        part = parts[-1] if parts else activity
        customer_left = any(part.earliest_at <= at_ms <= part.latest_at for at_ms in customer_ends)
        if not parts or (customer_left and begins_ms > part.latest_at + _MAX_PAUSE_MS):
            parts.append(activity)
        else:
            parts[-1] = part.extended_to(activity.latest_at)
    return parts


def _customer_ends(events: Iterable[PartnerEvent]) -> list[PartnerEvent]:
    return [event for event in events if event.ends_conversation]


def _counting_stays(history: History, ended_at_ms: int) -> dict[str, list[Stay]]:
    """Return the stays that count for a customer's end, keyed by queue id."""
    stays = {
        queue_id: find_counting_stays(history, events, ended_at_ms)
        for queue_id, events in sorted(history.queues.items())
    }
    return {queue_id: found for queue_id, found in stays.items() if found}


def _beginning(stays: Iterable[Stay]) -> int:
    return min(s.ends_ms if s.begins_ms is None else s.begins_ms for s in stays)


def _expect(
    cause: PartnerEvent, queue_id: str, ended_at_ms: int, began_ms: int, known_in: Iterable[str]
) -> ExpectedEnd:
    return ExpectedEnd(
        conversation_id=cause.conversation_id,
        queue_id=queue_id,
        ended_at_ms=ended_at_ms,
        span=Span(ended_at_ms, ended_at_ms),
        began_ms=began_ms,
        known_in=frozenset(known_in),
        media_type=cause.media_type,
        direction=cause.direction,
        disconnect_type=cause.disconnect_type,
    )


def _merge(ends: Iterable[ExpectedEnd]) -> list[ExpectedEnd]:
    """Return ends in order of time, without those that the ledger takes for an earlier one."""
    merged: list[ExpectedEnd] = []
    latest: dict[str, int] = {}  # the position of each queue's latest end
    for end in sorted(ends, key=lambda one: (one.ended_at_ms, one.queue_id)):
        position = latest.get(end.queue_id)
        if position is not None:
            known = merged[position]
            if known.span.distance_to(end.ended_at_ms) <= SAME_END_WINDOW_MS:
                merged[position] = replace(
                    known,
                    span=known.span.extended_to(end.ended_at_ms),
                    began_ms=min(known.began_ms, end.began_ms),
                    known_in=known.known_in | end.known_in,
                )
                continue
        latest[end.queue_id] = len(merged)
        merged.append(end)
    return merged
