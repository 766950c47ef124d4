"""The messages that arrive in the intake queue, in the order of their times."""

import heapq
import itertools
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from bench.world.events import Batches
from conversations.topics import CUSTOMER_END, QUEUE_TOPICS, TOPIC_PREFIX
from local.traffic.eventbridge import Event, partner_conversations
from local.traffic.subscription import OUR_QUEUES

_LEG_ENDS = ("acd.end", "user.end")
_TOPICS = {
    "touched": (*QUEUE_TOPICS, CUSTOMER_END),
    "last_queue": (*QUEUE_TOPICS, CUSTOMER_END),
    "queue_leg": _LEG_ENDS,
}
"""Keyed by end rule: the topics of the events that Genesys Cloud sends."""
_SOURCE = {
    "source": "aws.partner/genesys.com/cloud/7a1e6d3b-5c0f-4f9e-8d2a-6b4c3d2e1f00/queue-ends-dev",
    "account": "123456789012",
    "region": "eu-central-1",
}


@dataclass(slots=True)
class Arrivals:
    """Messages, and facts about the traffic that they come from.

    Attributes
    ----------
    ends
        How many ends the messages report, according to the reference implementation.
    partner_events
        How many events reach the partner event bus: also those that no rule passes on.
    """

    ends: int
    partner_events: int = 0
    _messages: list[tuple[int, int, str]] = field(default_factory=list)
    _numbers: Iterator[int] = field(default_factory=itertools.count)
    _now_ms: int = 0

    def add(self, bodies: Iterable[str], at_ms: int | None = None, delay_seconds: int = 0) -> None:
        """Add messages that arrive at a time, or a delay after the latest message taken."""
        arrival_ms = self._now_ms + 1000 * delay_seconds if at_ms is None else at_ms
        for body in bodies:
            heapq.heappush(self._messages, (arrival_ms, next(self._numbers), body))

    @property
    def bodies(self) -> list[str]:
        """The bodies of the messages that are left, in no particular order."""
        return [body for _, _, body in self._messages]

    def take(self, count: int) -> list[str]:
        """Return the bodies of up to `count` messages; none if no message is left."""
        taken = [heapq.heappop(self._messages) for _ in range(min(count, len(self._messages)))]
        if taken:
            self._now_ms = taken[-1][0]
        return [body for _, _, body in taken]


def subscription_arrivals(ends: int) -> Arrivals:
    """Return a message for each end. The ends are in two queues."""
    arrivals = Arrivals(ends)
    arrivals.add(record["body"] for record in Batches().make(ends)["Records"])
    return arrivals


def eventbridge_arrivals(rule: str, conversations: int) -> Arrivals:
    """Return the events that the rules on the partner event bus pass on for an end rule.

    A third of the conversations goes to our queues. Of the others, only `customer.end` arrives.
    """
    all_conversations = list(partner_conversations(1, conversations))
    sent = [
        event for one in all_conversations for event in one.events if _topic(event) in _TOPICS[rule]
    ]
    arrivals = Arrivals(sum(len(one.ends[rule]) for one in all_conversations), len(sent))
    for event in sent:
        body = event["detail"]["eventBody"]
        if _topic(event) == CUSTOMER_END or body.get("queueId") in OUR_QUEUES:
            arrivals.add([json.dumps({**event, **_SOURCE})], at_ms=body["eventTime"])
    return arrivals


def _topic(event: Event) -> str:
    topic: str = event["detail-type"]
    return topic.removeprefix(TOPIC_PREFIX)
