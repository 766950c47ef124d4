"""Made-up conversations as the EventBridge integration tells of them, event by event.

The same seed gives the same bytes; people and numbers are as fictitious as those of `traffic`.
"""

from __future__ import annotations

import json
import random
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from local.traffic.end_rules import RULES, QueueEnd, ends_by
from local.traffic.stories import STORIES
from local.traffic.subscription import FOREIGN_QUEUES, OUR_QUEUES, START, Malformed, changed
from local.traffic.telling import Event, Telling

__all__ = [
    "STORIES",
    "Conversation",
    "Event",
    "malformed_events",
    "partner_conversations",
    "shuffled",
]


@dataclass(frozen=True, slots=True)
class Conversation:
    """A conversation, from its beginning to its end.

    Attributes
    ----------
    story
        What happens in it: one of `STORIES`.
    events
        All that Genesys Cloud publishes of it, in order of time; `source`, `account` and `region`
        come with its delivery.
    ends
        For each end rule, the ends that it derives for our queues.
    """

    id: str
    story: str
    events: tuple[Event, ...]
    ends: Mapping[str, tuple[QueueEnd, ...]]


def partner_conversations(
    seed: int,
    count: int,
    queues: Sequence[str] = OUR_QUEUES,
    *,
    foreign: Sequence[str] = FOREIGN_QUEUES,
    own_share: float = 1 / 3,
    stories: Collection[str] = (),
    start: datetime = START,
) -> Iterator[Conversation]:
    """Yield `count` conversations.

    Parameters
    ----------
    queues, foreign
        Ids of our queues, and of those of others in the same org.
    own_share
        How often a queue is one of ours.
    stories
        Which of `STORIES` to tell; all, unless some are named.
    start
        When the first conversation begins; the next ones follow within seconds.
    """
    rng = random.Random(seed)
    chosen = {name: story for name, story in STORIES.items() if not stories or name in stories}
    weights = [weight for weight, _ in chosen.values()]
    for _ in range(count):
        name = rng.choices(list(chosen), weights)[0]
        told = Telling(rng, start, queues, foreign, own_share)
        chosen[name][1](told)
        events = tuple(told.events)
        ends = {rule: tuple(ends_by(rule, events, queues)) for rule in RULES}
        yield Conversation(told.id, name, events, ends)
        start += timedelta(milliseconds=rng.randint(50, 4_000))


def shuffled(
    conversations: Sequence[Conversation], seed: int, *, again: float = 0.1
) -> list[Event]:
    """Return all events of conversations in any order, a share of them twice."""
    rng = random.Random(seed)
    events = [event for one in conversations for event in one.events]
    events += [event for event in events if rng.random() < again]
    rng.shuffle(events)
    return events


def malformed_events(queue_id: str = OUR_QUEUES[0]) -> list[Malformed]:
    """Return a body for everything that can be wrong with one; apart from that they are sound.

    Empty bodies are missing: SQS takes none.
    """
    (conversation,) = partner_conversations(1, 1, [queue_id], own_share=1, stories=["abandoned"])
    event = next(e for e in conversation.events if e["detail-type"].endswith("acd.end"))
    sound, body = json.dumps(event), event["detail"]["eventBody"]

    def having(**fields: Any) -> str:
        return json.dumps(changed(event, **fields))

    def telling(**fields: Any) -> str:
        return having(detail={**event["detail"], "eventBody": changed(body, **fields)})

    return [
        Malformed("plain text", "customer.end", "not_json"),
        Malformed("cut off", sound[:-20], "not_json"),
        Malformed("a list", f"[{sound}]", "not_an_object"),
        Malformed("no detail-type", having(**{"detail-type": None}), "missing_event_type"),
        Malformed("numeric detail-type", having(**{"detail-type": 7}), "invalid_field"),
        Malformed("detail a list", having(detail=[]), "invalid_field"),
        Malformed("no event body", having(detail={}), "invalid_field"),
        Malformed("no conversation id", telling(conversationId=None), "missing_conversation_id"),
        Malformed("numeric conversation id", telling(conversationId=7), "invalid_field"),
        Malformed("numeric queue id", telling(queueId=7), "invalid_field"),
        Malformed("time in words", telling(eventTime="today"), "invalid_field"),
    ]
