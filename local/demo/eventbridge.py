"""A feed of partner events. They come in random order, and some of them come twice."""

import json
import random
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta

from local.demo.feed import (
    BURST,
    CYCLE,
    REPEATED,
    UNWANTED,
    Body,
    Feed,
    Refusals,
    Send,
    conversation_id_of,
)
from local.demo.report import PartnerRunReport
from local.receivers.receiver import End
from local.traffic.analytics import analytics_of
from local.traffic.end_rules import derive_ends
from local.traffic.eventbridge import (
    Conversation,
    Event,
    malformed_events,
    partner_conversations,
    shuffled,
)
from local.traffic.subscription import FOREIGN_QUEUES, OUR_QUEUES

RULE = "touched"
"""The end rule with which the stack is deployed."""


def eventbridge_feed(send: Send, seed: int, count: int) -> Feed:
    """Return a feed with the events of `count` conversations."""
    now = datetime.now(UTC)
    conversations = [
        _make_ended_conversation(seed * 1_000_000 + number, now) for number in range(count)
    ]
    ours = [one for one in conversations if one.ends[RULE]]
    repeated = ours[REPEATED::CYCLE]
    repeats = [event for one in repeated for event in one.events]
    bursts = _split_into_bursts(conversations, seed)
    published = [event for burst in bursts for event in burst] + repeats
    distinct = len({event["id"] for event in published})
    poison, (foreign, others) = malformed_events(), _find_unwanted_events(conversations)
    expected = Counter((one.id, end.queue_id) for one in ours for end in one.ends[RULE])
    refusals = Refusals.for_conversations([one.id for one in ours])
    by_id = {one.id: one for one in conversations}
    return Feed(
        summary=f"Send {distinct} events: {count} conversations in our 2 queues and 4 others",
        report=PartnerRunReport(
            published=len(published),
            repeated=len(published) - distinct,
            direct_messages=len(poison) + len(foreign) + len(others),
            expected=Counter(f"rejected.{one.reason}" for one in poison)
            + Counter(
                {
                    "ended": expected.total(),
                    "conversations": len(ours),
                    "failed.destination": refusals.total(expected),
                    "ignored.other_queue": len(foreign),
                    "ignored.other_event_type": len(others),
                }
            ),
        ),
        expected=expected,
        refusals=refusals,
        direct_messages=[one.body for one in poison] + [json.dumps(e) for e in foreign + others],
        send=send,
        bursts=_with_completed_ends(bursts),
        analytics_of=lambda event: analytics_of(by_id[conversation_id_of(event)].events),
        repeated_ends={end for end in expected if end[0] in {one.id for one in repeated}},
        repeated_events=repeats,
    )


def _with_completed_ends(
    bursts: Iterable[Sequence[Event]],
) -> Iterator[tuple[Sequence[Body], set[End]]]:
    """Yield each burst, and the ends that the burst completes."""
    events: defaultdict[str, list[Event]] = defaultdict(list)
    completed: Counter[End] = Counter()
    for burst in bursts:
        for event in burst:
            events[conversation_id_of(event)].append(event)
        ends = Counter(
            (conversation_id, end.queue_id)
            for conversation_id in {conversation_id_of(event) for event in burst}
            for end in derive_ends(RULE, [events[conversation_id]], OUR_QUEUES)
        )
        yield burst, {end for end in ends if ends[end] > completed[end]}
        completed |= ends


def _make_ended_conversation(seed: int, now: datetime) -> Conversation:
    """Return a conversation whose last event has this time.

    Nobody controls the order in which its events arrive, so its ends must not depend on it.
    """
    (early,) = partner_conversations(seed, 1, any_order=True, start=now)
    last = max(event["detail"]["eventBody"]["eventTime"] for event in early.events)
    duration = timedelta(milliseconds=last) - timedelta(seconds=now.timestamp())
    (conversation,) = partner_conversations(seed, 1, any_order=True, start=now - duration)
    return conversation


def _split_into_bursts(conversations: Sequence[Conversation], seed: int) -> list[list[Event]]:
    """Split all events into bursts. Some events come twice, and some come one burst later."""
    rng = random.Random(seed)
    bursts: list[list[Event]] = [[]]
    for start in range(0, len(conversations), BURST):
        bursts.append([])
        for event in shuffled(conversations[start : start + BURST], seed + start):
            bursts[-1 if rng.random() < 0.1 else -2].append(event)
    return bursts


def _find_unwanted_events(conversations: Sequence[Conversation]) -> tuple[list[Event], list[Event]]:
    """Return events that the EventBridge rules drop: by foreign queues, and by other topics."""
    events = [event for one in conversations for event in one.events]
    foreign = [e for e in events if e["detail"]["eventBody"].get("queueId") in FOREIGN_QUEUES]
    others = [e for e in events if e["detail-type"].endswith("customer.start")]
    return foreign[:UNWANTED], others[:UNWANTED]
