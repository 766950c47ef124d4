"""A feed of events for the stack, with the outcomes that they should have."""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from local.demo.report import RunReport
from local.receivers.receiver import End

Body = Mapping[str, Any]
"""An event as Genesys Cloud publishes it."""
Send = Callable[[Sequence[Body]], list[list[str]]]
"""Publishes events in Genesys Cloud; returns each event's receivers."""
CYCLE, REFUSED_BY_CRM, REFUSED_BY_WEBHOOK, REPEATED = 8, 0, 3, 5
"""The length of a cycle of conversations in our queues, and the positions in it that the CRM
refuses, that the webhook refuses and that are published again."""
CRM_REFUSALS, WEBHOOK_REFUSALS = 2, 1
BURST = 40
"""Subscription events, or conversations of partner events, that are published together."""
UNWANTED = 3
"""Events of each filtered kind that are sent straight to the intake queue."""


@dataclass(frozen=True, slots=True)
class Refusals:
    """How often each conversation's ends are refused before they are accepted."""

    by_crm: Mapping[str, int]
    by_webhook: Mapping[str, int]

    @classmethod
    def of(cls, conversation_ids: Sequence[str]) -> "Refusals":
        """Return the refusals for conversations that end in our queues."""
        return cls(
            dict.fromkeys(conversation_ids[REFUSED_BY_CRM::CYCLE], CRM_REFUSALS),
            dict.fromkeys(conversation_ids[REFUSED_BY_WEBHOOK::CYCLE], WEBHOOK_REFUSALS),
        )

    def total(self, ends: Iterable[End]) -> int:
        """Return the number of refusals for some ends."""
        refused = Counter(self.by_crm) + Counter(self.by_webhook)
        return sum(refused[conversation_id] for conversation_id, _ in ends)


@dataclass(slots=True)
class Feed:
    """A feed of events and its account.

    Attributes
    ----------
    summary
        The feed in a line.
    expected
        The number of ends by conversation and queue.
    straight
        Bodies that are sent to the intake queue without Genesys Cloud.
    bursts
        Events that are published together, and the ends that they complete.
    repeated_ends, repeated_events
        Ends whose events are published again after they are done, and those events so far.
    published_at
        When the last event was published that completes the ends of a conversation in a queue.
    """

    summary: str
    report: RunReport
    expected: Counter[End]
    refusals: Refusals
    straight: Sequence[str]
    send: Send
    bursts: Iterator[tuple[Sequence[Body], Iterable[End]]]
    repeated_ends: set[End]
    repeated_events: Sequence[Body]
    published_at: dict[End, float] = field(default_factory=dict)

    def publish(self) -> Iterator[None]:
        """Publish all events, a burst at a time."""
        for events, completed in self.bursts:
            self.published_at |= dict.fromkeys(completed, time.time())
            self._publish(events)
            yield

    def publish_repeats(self) -> None:
        """Publish the repeated events again."""
        self._publish(self.repeated_events)

    def _publish(self, events: Sequence[Body]) -> None:
        self.report.filtered += sum(not receivers for receivers in self.send(events))
