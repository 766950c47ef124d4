"""A feed of subscription events. Some of them come twice."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

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
from local.demo.report import RunReport
from local.receivers.receiver import End
from local.traffic.analytics_of_ends import analytics_of_ends
from local.traffic.subscription import (
    FOREIGN_QUEUES,
    OUR_QUEUES,
    Event,
    conversations,
    malformed_bodies,
)


def subscription_feed(send: Send, seed: int, count: int) -> Feed:
    """Return a feed with the events of `count` conversations."""
    events = list(conversations(seed, count))
    other_types = [e for e in events if e.kind == "other_type"]
    ends = [e for e in events if e.kind != "other_type"]
    ours = [e for e in ends if e.queue_id in OUR_QUEUES]
    foreign = [e for e in ends if e.queue_id in FOREIGN_QUEUES]
    poison, unwanted = malformed_bodies(), foreign[:UNWANTED] + other_types[:UNWANTED]
    ids = list(dict.fromkeys(event.conversation_id for event in ours))
    repeated = set(ids[REPEATED::CYCLE])
    repeats = [_end(event) for event in ours if event.conversation_id in repeated]
    # Half of the repeats are published in the same burst, the other half after their end is done.
    at_once, later = set(repeats[::2]), set(repeats[1::2])
    later_bodies: list[Body] = []
    ends_by_id: defaultdict[str, list[Event]] = defaultdict(list)
    for event in ends:
        ends_by_id[event.conversation_id].append(event)

    def analytics_of(event: Body) -> dict[str, Any]:
        time = datetime.fromisoformat(event["eventTime"])
        return analytics_of_ends(
            [end.with_time(time) for end in ends_by_id[conversation_id_of(event)]]
        )

    def bursts() -> Iterator[tuple[Sequence[Body], Iterable[End]]]:
        for start in range(0, len(events), BURST):
            now = datetime.now(UTC)
            burst = [event.with_time(now) for event in events[start : start + BURST]]
            ended = [event for event in burst if event.kind != "other_type"]
            later_bodies.extend(event.body for event in ended if _end(event) in later)
            published = burst + [event for event in ended if _end(event) in at_once]
            yield [event.body for event in published], map(_end, ended)

    expected = Counter(_end(event) for event in ours)
    refusals = Refusals.for_conversations(ids)
    return Feed(
        summary=f"Send {len(events)} events: {count} conversations in our 2 queues and 4 others",
        report=RunReport(
            published=len(events) + len(repeats),
            repeated=len(repeats),
            direct_messages=len(poison) + len(unwanted),
            expected=Counter(f"rejected.{one.reason}" for one in poison)
            + Counter(
                {
                    "processed": len(ours),
                    "ended": len(ours),
                    "duplicate": len(repeats),
                    "failed.destination": refusals.total(expected),
                    "ignored.other_queue": len(foreign[:UNWANTED]),
                    "ignored.other_event_type": len(other_types[:UNWANTED]),
                }
            ),
        ),
        expected=expected,
        refusals=refusals,
        direct_messages=[one.body for one in poison]
        + [json.dumps(event.body) for event in unwanted],
        send=send,
        bursts=bursts(),
        analytics_of=analytics_of,
        repeated_ends=later,
        repeated_events=later_bodies,
    )


def _end(event: Event) -> End:
    return event.conversation_id, event.queue_id
