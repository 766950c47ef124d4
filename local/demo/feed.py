"""Conversations on their way to the stack, and what should become of them."""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from local.demo.account import Account
from local.receivers.receiver import End

Body = Mapping[str, Any]
"""An event as Genesys Cloud publishes it."""
Send = Callable[[Sequence[Body]], list[list[str]]]
"""Has Genesys Cloud publish events; returns for each who got it."""
# Of every so many conversations in our queues one is refused by the CRM at first, another one by
# the webhook's receiver, and the events of a third one are published again.
EVERY, AT_THE_CRM, AT_THE_WEBHOOK, AGAIN = 8, 0, 3, 5
CRM_REFUSALS, WEBHOOK_REFUSALS = 2, 1
# Events, or conversations, that are published at a time.
BURST = 40
# Events of each kind that is sent straight to the queue although it would be filtered out.
STRAYS = 3


@dataclass(frozen=True, slots=True)
class Refusals:
    """How often the ends of each conversation are refused before they are taken."""

    at_the_crm: Mapping[str, int]
    at_the_webhook: Mapping[str, int]

    @classmethod
    def of(cls, conversation_ids: Sequence[str]) -> "Refusals":
        """Return those of conversations that end in our queues."""
        return cls(
            dict.fromkeys(conversation_ids[AT_THE_CRM::EVERY], CRM_REFUSALS),
            dict.fromkeys(conversation_ids[AT_THE_WEBHOOK::EVERY], WEBHOOK_REFUSALS),
        )

    def total(self, ends: Iterable[End]) -> int:
        """Return how often ends are refused altogether."""
        refused = Counter(self.at_the_crm) + Counter(self.at_the_webhook)
        return sum(refused[conversation_id] for conversation_id, _ in ends)


@dataclass(slots=True)
class Feed:
    """What there is to send, and what should become of it.

    Attributes
    ----------
    summary
        What there is to send.
    account
        What should become of it.
    expected
        How many ends each conversation has in each queue.
    refusals
        What is to be refused at first.
    straight
        Bodies of messages to be sent to the intake queue past Genesys Cloud.
    bursts
        Events to be published at a time, and the ends that they complete.
    late
        The ends of the events that are published again once these are done.
    again
        These events, as far as they have been published.
    published_at
        When all was published that makes up the ends of a conversation in a queue.
    """

    summary: str
    account: Account
    expected: Counter[End]
    refusals: Refusals
    straight: Sequence[str]
    send: Send
    bursts: Iterator[tuple[Sequence[Body], Iterable[End]]]
    late: set[End]
    again: Sequence[Body]
    published_at: dict[End, float] = field(default_factory=dict)

    def publish(self) -> Iterator[None]:
        """Publish everything, a burst at a time."""
        for events, completed in self.bursts:
            self.published_at |= dict.fromkeys(completed, time.time())
            self._give(events)
            yield

    def publish_again(self) -> None:
        """Publish again what is published again late."""
        self._give(self.again)

    def _give(self, events: Sequence[Body]) -> None:
        self.account.filtered += sum(not receivers for receivers in self.send(events))
