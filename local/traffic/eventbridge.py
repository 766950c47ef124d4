"""Made-up conversations as the partner events of the EventBridge integration.

The same seed gives the same bytes. People and numbers are fictitious.
"""

from __future__ import annotations

import functools
import json
import random
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from conversations.topics import CUSTOMER_END, TOPIC_PREFIX
from local.traffic.builder import ConversationBuilder, Event
from local.traffic.end_rules import RULES, derive_ends
from local.traffic.recorded_ends import FIVE_MINUTES, QueueEnd
from local.traffic.stories import STORIES
from local.traffic.subscription import FOREIGN_QUEUES, OUR_QUEUES, START, Malformed, with_fields

__all__ = [
    "STORIES",
    "Conversation",
    "Event",
    "malformed_events",
    "partner_conversations",
    "shuffled",
]


@dataclass(frozen=True)
class Conversation:
    """A complete conversation.

    Attributes
    ----------
    story
        The name of the conversation's story in `STORIES`.
    events
        The partner events, sorted by time. They lack `source`, `account` and `region`, which the
        sender adds.
    queue_ids
        The ids of our queues.
    """

    id: str
    story: str
    events: tuple[Event, ...]
    queue_ids: Sequence[str]

    @functools.cached_property
    def ends(self) -> Mapping[str, Sequence[QueueEnd]]:
        """The ends in our queues if the events arrive in order of time, keyed by end rule."""
        in_order = [[event] for event in self.events]
        return {rule: derive_ends(rule, in_order, self.queue_ids) for rule in RULES}


def partner_conversations(
    seed: int,
    count: int,
    queues: Sequence[str] = OUR_QUEUES,
    *,
    foreign: Sequence[str] = FOREIGN_QUEUES,
    own_share: float = 1 / 3,
    stories: Collection[str] = (),
    any_order: bool = False,
    rules: Collection[str] = RULES,
    start: datetime = START,
) -> Iterator[Conversation]:
    """Yield `count` conversations.

    Parameters
    ----------
    queues, foreign
        The ids of our queues, and of foreign queues in the same org.
    own_share
        The probability that a conversation goes to one of our queues.
    stories
        The names of the stories to use; empty for all stories.
    any_order
        Whether to leave out conversations whose number of ends depends on the order of arrival.
    rules
        The end rules for which `any_order` holds.
    start
        The start of the first conversation. Each next one starts within four seconds.
    """
    rng = random.Random(seed)
    chosen = {name: story for name, story in STORIES.items() if not stories or name in stories}
    weights = [weight for weight, _ in chosen.values()]
    yielded = 0
    while yielded < count:
        name = rng.choices(list(chosen), weights)[0]
        builder = ConversationBuilder(rng, start, queues, foreign, own_share)
        chosen[name][1](builder)
        events = tuple(builder.events)
        if not any_order or all(_hold_in_any_order(rule, events, queues) for rule in rules):
            yield Conversation(builder.id, name, events, queues)
            yielded += 1
        start += timedelta(milliseconds=rng.randint(50, 4_000))


def _hold_in_any_order(rule: str, events: Sequence[Event], queues: Sequence[str]) -> bool:
    """Return whether each queue has the same number of ends in every order of arrival.

    The most ends come if each event that can complete one arrives when no other such event is
    known. They must fall into groups that are one end in any order, as many as there are ends if
    all events arrive together.
    """
    enders = ("acd.end", "user.end") if rule == "queue_leg" else (CUSTOMER_END,)
    completing = [e for e in events if e["detail-type"].removeprefix(TOPIC_PREFIX) in enders]
    others = [event for event in events if event not in completing]
    most = {end for one in completing for end in derive_ends(rule, [[*others, one]], queues)}
    near = {
        end: frozenset(
            other
            for other in most
            if other.queue_id == end.queue_id and abs(other.at_ms - end.at_ms) <= FIVE_MINUTES
        )
        for end in most
    }
    groups = Counter(min(group).queue_id for group in {*near.values()})
    together = Counter(end.queue_id for end in derive_ends(rule, [events], queues))
    return groups == together and all(
        near[other] == near[end] for end in most for other in near[end]
    )


def shuffled(
    conversations: Sequence[Conversation], seed: int, *, repeated_share: float = 0.1
) -> list[Event]:
    """Return all events of some conversations in random order, and some of the events twice.

    `repeated_share` is the probability that an event comes twice.
    """
    rng = random.Random(seed)
    events = [event for one in conversations for event in one.events]
    events += [event for event in events if rng.random() < repeated_share]
    rng.shuffle(events)
    return events


def malformed_events(queue_id: str = OUR_QUEUES[0]) -> list[Malformed]:
    """Return malformed bodies with one error each.

    Every error has an example, except the empty body, which SQS does not take.
    """
    (conversation,) = partner_conversations(1, 1, [queue_id], own_share=1, stories=["abandoned"])
    event = next(e for e in conversation.events if e["detail-type"].endswith("acd.end"))
    sound, body = json.dumps(event), event["detail"]["eventBody"]

    def event_with(**fields: Any) -> str:
        return json.dumps(with_fields(event, **fields))

    def body_with(**fields: Any) -> str:
        return event_with(detail={**event["detail"], "eventBody": with_fields(body, **fields)})

    return [
        Malformed("plain text", "customer.end", "not_json"),
        Malformed("cut off", sound[:-20], "not_json"),
        Malformed("a list", f"[{sound}]", "not_an_object"),
        Malformed("no detail-type", event_with(**{"detail-type": None}), "missing_event_type"),
        Malformed("numeric detail-type", event_with(**{"detail-type": 7}), "invalid_field"),
        Malformed("detail a list", event_with(detail=[]), "invalid_field"),
        Malformed("no event body", event_with(detail={}), "invalid_field"),
        Malformed("no conversation id", body_with(conversationId=None), "missing_conversation_id"),
        Malformed("numeric conversation id", body_with(conversationId=7), "invalid_field"),
        Malformed("numeric queue id", body_with(queueId=7), "invalid_field"),
        Malformed("time in words", body_with(eventTime="today"), "invalid_field"),
    ]
