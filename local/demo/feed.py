"""A feed of events for the stack, and the outcomes that these events should have."""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from local.demo.report import RunReport
from local.receivers.receiver import End

Body = Mapping[str, Any]
"""An event in the form in which Genesys Cloud publishes it."""
Send = Callable[[Sequence[Body]], list[list[str]]]
"""Publishes events in Genesys Cloud, and returns a list of receivers for each event."""
CYCLE, REFUSED_BY_CRM, REFUSED_BY_WEBHOOK, REPEATED = 8, 0, 3, 5
"""The length of a cycle of conversations in our queues, and the positions in it of the one that the
CRM refuses, the one that the webhook refuses, and the one that is published again."""
CRM_REFUSALS, WEBHOOK_REFUSALS = 2, 1
BURST = 40
"""The number of subscription events, or of conversations with partner events, in a burst."""
UNWANTED = 3
"""How many events of each unwanted kind are sent directly to the intake queue."""


@dataclass(frozen=True, slots=True)
class Refusals:
    """How often each receiver refuses the ends of a conversation before it accepts them.

    Both attributes are keyed by conversation id.
    """

    by_crm: Mapping[str, int]
    by_webhook: Mapping[str, int]

    @classmethod
    def for_conversations(cls, conversation_ids: Sequence[str]) -> "Refusals":
        """Return which of these conversations, all with ends in our queues, are refused."""
        return cls(
            dict.fromkeys(conversation_ids[REFUSED_BY_CRM::CYCLE], CRM_REFUSALS),
            dict.fromkeys(conversation_ids[REFUSED_BY_WEBHOOK::CYCLE], WEBHOOK_REFUSALS),
        )

    def total(self, ends: Iterable[End]) -> int:
        """Return how many refusals these ends meet in all."""
        refused = Counter(self.by_crm) + Counter(self.by_webhook)
        return sum(refused[conversation_id] for conversation_id, _ in ends)


@dataclass(slots=True)
class Feed:
    """A feed of events and the report on it.

    Attributes
    ----------
    summary
        One line that describes the feed.
    expected
        The expected number of ends, keyed by conversation and queue.
    direct_messages
        Message bodies that are sent directly to the intake queue, without Genesys Cloud.
    bursts
        For each burst, the events that are published together and the ends that they complete.
    analytics_of
        Returns the conversation of an event as analytics have it.
    repeated_ends, repeated_events
        Ends that must be done before their events are published again, and these events. The
        list of events may grow until all bursts are published.
    published_at
        Keyed by end: when the event that completes the end was published.
    before_publishing
        Called with events just before they are published.
    """

    summary: str
    report: RunReport
    expected: Counter[End]
    refusals: Refusals
    direct_messages: Sequence[str]
    send: Send
    bursts: Iterator[tuple[Sequence[Body], Iterable[End]]]
    analytics_of: Callable[[Body], Mapping[str, Any]]
    repeated_ends: set[End]
    repeated_events: Sequence[Body]
    published_at: dict[End, float] = field(default_factory=dict)
    before_publishing: Callable[[Sequence[Body]], object] = lambda _: None

    def publish(self) -> Iterator[None]:
        """Publish all events; yield after each burst."""
        for events, completed in self.bursts:
            self.published_at |= dict.fromkeys(completed, time.time())
            self._publish(events)
            yield

    def publish_repeats(self) -> None:
        """Publish the repeated events again."""
        self._publish(self.repeated_events)

    def _publish(self, events: Sequence[Body]) -> None:
        self.before_publishing(events)
        self.report.filtered += sum(not receivers for receivers in self.send(events))


def conversation_id_of(event: Body) -> str:
    """Return the id of an event's conversation, in either delivery."""
    fields = event["attributes"] if "attributes" in event else event["detail"]["eventBody"]
    conversation_id: str = fields["conversationId"]
    return conversation_id
