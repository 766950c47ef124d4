"""The events of a chaos run, in either delivery, and the ends that they should make."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from conversations.topics import CUSTOMER_END
from local.chaos.plan import Plan
from local.receivers.receiver import End
from local.traffic.analytics import analytics_of
from local.traffic.analytics_of_ends import analytics_of_ends
from local.traffic.end_rules import derive_ends
from local.traffic.eventbridge import malformed_events, partner_conversations
from local.traffic.subscription import (
    Event,
    Malformed,
    conversations,
    malformed_bodies,
)

RULE = "touched"
"""The end rule of the delivery `eventbridge`."""
REOPENED_EVERY = 20
"""Every so many conversations, a subscription conversation is re-opened and ends once more."""
REOPENED_AFTER = timedelta(hours=2)
"""How long after its first end a re-opened conversation ends again."""
EVENTS_OF_A_CONVERSATION = 8
"""Fewer than a conversation has on average."""
OUR_SHARE = 0.8
"""The probability that a conversation in partner events goes to one of our queues."""
BEFORE_ALL = timedelta(minutes=1)
"""How long before the first conversation the traffic starts. The first end can lie at its start."""
MOST_SECONDS_BETWEEN_CONVERSATIONS = 4
MOST_SECONDS_OF_A_CONVERSATION = 12 * 3600


@dataclass(frozen=True, slots=True)
class TrafficEvent:
    """An event that Genesys Cloud publishes.

    Attributes
    ----------
    may_be_lost
        Whether a backfill can find the conversation's ends if the event is lost. It cannot if the
        conversation ended again later: the analytics then show the later end only, or a part of
        the events would make an end that the conversation never had.
    """

    body: Mapping[str, Any]
    conversation_id: str
    may_be_lost: bool


@dataclass(frozen=True, slots=True)
class Traffic:
    """The events of a run.

    Attributes
    ----------
    events
        The distinct events.
    ends
        The ends that the events make, as the keys of their ledger items.
    malformed
        The malformed bodies, which are sent straight to the intake queue.
    analytics_of
        Returns a conversation as analytics have it, from its id.
    start
        A time before all events.
    """

    events: Sequence[TrafficEvent]
    ends: frozenset[End]
    malformed: Sequence[Malformed]
    analytics_of: Callable[[str], Mapping[str, Any]]
    start: datetime


def subscription_traffic(plan: Plan, now: datetime | None = None) -> Traffic:
    """Return traffic with an event for each end; some conversations end twice in a queue."""
    start = _start(plan.events, now)
    by_conversation: dict[str, list[Event]] = {}
    ends: list[tuple[Event, bool]] = []
    made = conversations(plan.seed, plan.events, own_share=1, other_type_share=0, start=start)
    for event in made:
        by_conversation.setdefault(event.conversation_id, []).append(event)
    for number, events in enumerate(by_conversation.values()):
        is_reopened = number % REOPENED_EVERY == 0 and len(events) == 1
        # A part of a conversation would be no traffic that the analytics could show.
        if len(ends) + len(events) + is_reopened > plan.events:
            continue
        ends += [(event, not is_reopened) for event in events]
        if is_reopened:
            ended = datetime.fromisoformat(events[0].body["eventTime"])
            events[:] = [events[0].with_time(ended + REOPENED_AFTER)]
            ends.append((events[0], True))
    return Traffic(
        [TrafficEvent(event.body, event.conversation_id, lost) for event, lost in ends],
        _keys((event.conversation_id, event.queue_id) for event, _ in ends),
        malformed_bodies(),
        lambda conversation_id: analytics_of_ends(by_conversation[conversation_id]),
        start - BEFORE_ALL,
    )


def partner_traffic(plan: Plan, now: datetime | None = None) -> Traffic:
    """Return traffic with the partner events of conversations of all stories."""
    start = _start(plan.events // EVENTS_OF_A_CONVERSATION, now)
    made = partner_conversations(
        plan.seed,
        plan.events,
        own_share=OUR_SHARE,
        any_order=True,
        rules=[RULE],
        start=start,
    )
    events: list[TrafficEvent] = []
    ends: list[End] = []
    by_conversation = {}
    for conversation in made:
        if len(events) + len(conversation.events) > plan.events:
            break
        by_conversation[conversation.id] = conversation
        ended_count = sum(
            each["detail-type"].endswith(CUSTOMER_END) for each in conversation.events
        )
        events += [
            TrafficEvent(each, conversation.id, ended_count == 1) for each in conversation.events
        ]
        in_order = [[event] for event in conversation.events]
        ends += [
            (conversation.id, end.queue_id)
            for end in derive_ends(RULE, in_order, conversation.queue_ids)
        ]
    return Traffic(
        events,
        _keys(ends),
        malformed_events(),
        lambda conversation_id: analytics_of(by_conversation[conversation_id].events),
        start - BEFORE_ALL,
    )


def _start(conversation_count: int, now: datetime | None) -> datetime:
    """Return a start so early that all conversations are over: a backfill then looks at them."""
    lasts = timedelta(
        seconds=MOST_SECONDS_BETWEEN_CONVERSATIONS * conversation_count
        + MOST_SECONDS_OF_A_CONVERSATION
    )
    return (now or datetime.now(UTC)) - lasts


def _keys(ends: Iterable[End]) -> frozenset[End]:
    """Return the keys of the ledger items of ends, some of which are in the same queue."""
    counts = Counter(ends)
    return frozenset(
        (conversation_id, queue_id if number == 1 else f"{queue_id}#{number}")
        for (conversation_id, queue_id), count in counts.items()
        for number in range(1, count + 1)
    )
