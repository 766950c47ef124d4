"""Events as the EventBridge integration sends them: in any order, and some of them twice."""

import json
import random
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta

from local.demo.account import PartnerAccount
from local.demo.feed import AGAIN, BURST, EVERY, STRAYS, Body, Feed, Refusals, Send
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
    """Return the events of so many conversations."""
    now = datetime.now(UTC)
    told = [_just_over(seed * 1_000_000 + number, now) for number in range(count)]
    ours = [one for one in told if one.ends[RULE]]
    again = ours[AGAIN::EVERY]
    repeats = [event for one in again for event in one.events]
    bursts = _bursts(told, seed)
    published = [event for burst in bursts for event in burst] + repeats
    distinct = len({event["id"] for event in published})
    poison, (foreign, others) = malformed_events(), _strays(told)
    expected = Counter((one.id, end.queue_id) for one in ours for end in one.ends[RULE])
    refusals = Refusals.of([one.id for one in ours])
    return Feed(
        summary=f"{distinct} events of {count} conversations in six queues, two of them ours",
        account=PartnerAccount(
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
        late={end for end in expected if end[0] in {one.id for one in again}},
        again=repeats,
    )


def _completing(bursts: Iterable[Sequence[Event]]) -> Iterator[tuple[Sequence[Body], set[End]]]:
    """Yield bursts with the ends that the events published until then make up, and not before."""
    so_far: defaultdict[str, list[Event]] = defaultdict(list)
    fired: Counter[End] = Counter()
    for burst in bursts:
        for event in burst:
            so_far[_conversation_of(event)].append(event)
        ends = Counter(
            (conversation_id, end.queue_id)
            for conversation_id in {_conversation_of(event) for event in burst}
            for end in ends_by(RULE, so_far[conversation_id], OUR_QUEUES)
        )
        yield burst, {end for end in ends if ends[end] > fired[end]}
        fired |= ends


def _just_over(seed: int, now: datetime) -> Conversation:
    """Return a conversation whose last event is of now, however long it took."""
    (told,) = partner_conversations(seed, 1, start=now)
    last = max(event["detail"]["eventBody"]["eventTime"] for event in told.events)
    took = timedelta(milliseconds=last) - timedelta(seconds=now.timestamp())
    (again,) = partner_conversations(seed, 1, start=now - took)
    return again


def _conversation_of(event: Event) -> str:
    conversation_id: str = event["detail"]["eventBody"]["conversationId"]
    return conversation_id


def _bursts(told: Sequence[Conversation], seed: int) -> list[list[Event]]:
    """Return all events, some of them twice, a burst for so many conversations; some come late."""
    rng = random.Random(seed)
    bursts: list[list[Event]] = [[]]
    for start in range(0, len(told), BURST):
        bursts.append([])
        for event in shuffled(told[start : start + BURST], seed + start):
            bursts[-1 if rng.random() < 0.1 else -2].append(event)
    return bursts


def _strays(told: Sequence[Conversation]) -> tuple[list[Event], list[Event]]:
    """Return events that are filtered out: of queues of others, and of topics not asked for."""
    events = [event for one in told for event in one.events]
    foreign = [e for e in events if e["detail"]["eventBody"].get("queueId") in FOREIGN_QUEUES]
    others = [e for e in events if e["detail-type"].endswith("customer.start")]
    return foreign[:STRAYS], others[:STRAYS]
