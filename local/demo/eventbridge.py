"""A feed of partner events, in random order and some of them twice."""

import json
import random
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta

from local.demo.report import PartnerRunReport
from local.demo.feed import BURST, CYCLE, REPEATED, UNWANTED, Body, Feed, Refusals, Send
from local.receivers.receiver import End
from local.traffic.end_rules import ends_by
from local.traffic.eventbridge import (
    Conversation,
    Event,
    malformed_events,
    partner_conversations,
    shuffled,
)
from local.traffic.subscription import FOREIGN_QUEUES, OUR_QUEUES

RULE = "touched"
"""The end rule that the stack is deployed with."""


def eventbridge_feed(send: Send, seed: int, count: int) -> Feed:
    """Return a feed of the events of `count` conversations."""
    now = datetime.now(UTC)
    conversations = [_just_over(seed * 1_000_000 + number, now) for number in range(count)]
    ours = [one for one in conversations if one.ends[RULE]]
    repeated = ours[REPEATED::CYCLE]
    repeats = [event for one in repeated for event in one.events]
    bursts = _bursts(conversations, seed)
    published = [event for burst in bursts for event in burst] + repeats
    distinct = len({event["id"] for event in published})
    poison, (foreign, others) = malformed_events(), _unwanted(conversations)
    expected = Counter((one.id, end.queue_id) for one in ours for end in one.ends[RULE])
    refusals = Refusals.of([one.id for one in ours])
    return Feed(
        summary=f"Send {distinct} events: {count} conversations in our 2 queues and 4 others",
        report=PartnerRunReport(
            published=len(published),
            repeated=len(published) - distinct,
            straight=len(poison) + len(foreign) + len(others),
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
        straight=[one.body for one in poison] + [json.dumps(e) for e in foreign + others],
        send=send,
        bursts=_completing(bursts),
        repeated_ends={end for end in expected if end[0] in {one.id for one in repeated}},
        repeated_events=repeats,
    )


def _completing(bursts: Iterable[Sequence[Event]]) -> Iterator[tuple[Sequence[Body], set[End]]]:
    """Yield each burst with the ends that it completes."""
    events: defaultdict[str, list[Event]] = defaultdict(list)
    completed: Counter[End] = Counter()
    for burst in bursts:
        for event in burst:
            events[_conversation_of(event)].append(event)
        ends = Counter(
            (conversation_id, end.queue_id)
            for conversation_id in {_conversation_of(event) for event in burst}
            for end in ends_by(RULE, events[conversation_id], OUR_QUEUES)
        )
        yield burst, {end for end in ends if ends[end] > completed[end]}
        completed |= ends


def _just_over(seed: int, now: datetime) -> Conversation:
    """Return a conversation whose last event is at this moment."""
    (early,) = partner_conversations(seed, 1, start=now)
    last = max(event["detail"]["eventBody"]["eventTime"] for event in early.events)
    duration = timedelta(milliseconds=last) - timedelta(seconds=now.timestamp())
    (conversation,) = partner_conversations(seed, 1, start=now - duration)
    return conversation


def _conversation_of(event: Event) -> str:
    conversation_id: str = event["detail"]["eventBody"]["conversationId"]
    return conversation_id


def _bursts(conversations: Sequence[Conversation], seed: int) -> list[list[Event]]:
    """Return all events in bursts, some of them twice and some of them a burst late."""
    rng = random.Random(seed)
    bursts: list[list[Event]] = [[]]
    for start in range(0, len(conversations), BURST):
        bursts.append([])
        for event in shuffled(conversations[start : start + BURST], seed + start):
            bursts[-1 if rng.random() < 0.1 else -2].append(event)
    return bursts


def _unwanted(conversations: Sequence[Conversation]) -> tuple[list[Event], list[Event]]:
    """Return events that the rules drop: of foreign queues, and of other topics."""
    events = [event for one in conversations for event in one.events]
    foreign = [e for e in events if e["detail"]["eventBody"].get("queueId") in FOREIGN_QUEUES]
    others = [e for e in events if e["detail-type"].endswith("customer.start")]
    return foreign[:UNWANTED], others[:UNWANTED]
