"""Ends as the event subscription sends them."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime

from local.demo.account import Account
from local.demo.feed import AGAIN, BURST, EVERY, STRAYS, Body, Feed, Refusals, Send
from local.receivers.receiver import End
from local.traffic.subscription import (
    FOREIGN_QUEUES,
    OUR_QUEUES,
    Event,
    conversations,
    malformed_bodies,
)


def subscription_feed(send: Send, seed: int, count: int) -> Feed:
    """Return the ends of so many conversations, some of which are published twice."""
    events = list(conversations(seed, count))
    other_types = [e for e in events if e.kind == "other_type"]
    ends = [e for e in events if e.kind != "other_type"]
    ours = [e for e in ends if e.queue_id in OUR_QUEUES]
    foreign = [e for e in ends if e.queue_id in FOREIGN_QUEUES]
    poison, strays = malformed_bodies(), foreign[:STRAYS] + other_types[:STRAYS]
    ids = list(dict.fromkeys(event.conversation_id for event in ours))
    again = set(ids[AGAIN::EVERY])
    repeats = [_end(event) for event in ours if event.conversation_id in again]
    # Some while the first one may still be in the queue, the others when they are done.
    at_once, late = set(repeats[::2]), set(repeats[1::2])
    later: list[Body] = []

    def bursts() -> Iterator[tuple[Sequence[Body], Iterable[End]]]:
        for start in range(0, len(events), BURST):
            now = datetime.now(UTC)
            burst = [event.at(now) for event in events[start : start + BURST]]
            done = [event for event in burst if event.kind != "other_type"]
            later.extend(event.body for event in done if _end(event) in late)
            twice = burst + [event for event in done if _end(event) in at_once]
            yield [event.body for event in twice], map(_end, done)

    expected = Counter(_end(event) for event in ours)
    refusals = Refusals.of(ids)
    return Feed(
        summary=f"{len(events)} events of {count} conversations in six queues, two of them ours",
        account=Account(
            published=len(events) + len(repeats),
            repeated=len(repeats),
            straight=len(poison) + len(strays),
            expected=Counter(f"rejected.{one.reason}" for one in poison)
            + Counter(
                {
                    "processed": len(ours),
                    "ended": len(ours),
                    "duplicate": len(repeats),
                    "failed.destination": refusals.total(expected),
                    "ignored.other_queue": len(foreign[:STRAYS]),
                    "ignored.other_event_type": len(other_types[:STRAYS]),
                }
            ),
        ),
        expected=expected,
        refusals=refusals,
        straight=[one.body for one in poison] + [json.dumps(event.body) for event in strays],
        send=send,
        bursts=bursts(),
        late=late,
        again=later,
    )


def _end(event: Event) -> End:
    return event.conversation_id, event.queue_id
