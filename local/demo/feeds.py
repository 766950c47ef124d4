"""What the demo sends, and what should become of it: a class for each delivery."""

from __future__ import annotations

import json
import random
import textwrap
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from local.demo.account import Account, PartnerAccount
from local.genesys.stand_in import GenesysCloud
from local.receivers.receiver import End
from local.traffic.end_rules import PREFIX, ends_by
from local.traffic.eventbridge import (
    Conversation,
    malformed_events,
    partner_conversations,
    shuffled,
)
from local.traffic.subscription import FOREIGN, OURS, Event, conversations, malformed_bodies

# Of every so many conversations in our queues one is refused by the CRM at first, another one by
# the webhook's receiver, and the events of a third one are published again.
EVERY, AT_THE_CRM, AT_THE_WEBHOOK, AGAIN = 8, 0, 3, 5
CRM_REFUSALS, WEBHOOK_REFUSALS = 2, 1
# Events, or conversations, that are published at a time.
BURST = 40
# Events of each kind that is sent straight to the queue although it would be filtered out.
STRAYS = 3
OTHERS = ("reporting", "workforce-management")


@dataclass(frozen=True, slots=True)
class Refusals:
    """How often the ends of each conversation are refused before they are taken."""

    at_the_crm: Mapping[str, int]
    at_the_webhook: Mapping[str, int]

    @classmethod
    def of(cls, conversation_ids: Sequence[str]) -> Refusals:
        """Return those of conversations that end in our queues."""
        return cls(
            dict.fromkeys(conversation_ids[AT_THE_CRM::EVERY], CRM_REFUSALS),
            dict.fromkeys(conversation_ids[AT_THE_WEBHOOK::EVERY], WEBHOOK_REFUSALS),
        )

    def total(self, ends: Iterable[End]) -> int:
        """Return how often ends are refused altogether."""
        refused = Counter(self.at_the_crm) + Counter(self.at_the_webhook)
        return sum(refused[conversation_id] for conversation_id, _ in ends)


class Feed(Protocol):
    """Conversations of a delivery on their way to the stack, and what should become of them.

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
    published_at
        When all was published that makes up the ends of a conversation in a queue.
    late
        The ends of what is published again once they are done.
    """

    summary: str
    account: Account
    expected: Counter[End]
    refusals: Refusals
    straight: list[str]
    published_at: dict[End, float]

    def publish(self) -> Iterator[None]:
        """Publish everything, a burst at a time."""

    @property
    def late(self) -> set[End]: ...

    def publish_again(self) -> None:
        """Publish again what is published again late."""


class Delivery(Protocol):
    """One of the two ways in which events arrive.

    Attributes
    ----------
    settings, changed
        Settings to deploy with at first, and to change then.
    """

    settings: Mapping[str, Any]
    changed: Mapping[str, Any]

    def prepare(self, genesys: GenesysCloud) -> None:
        """Make the org one that has this delivery, with what others in it have."""

    def made(self, genesys: GenesysCloud, name: str) -> tuple[str, str]:
        """Return the id of what the stack made in the org, and a description."""

    def names(self, genesys: GenesysCloud) -> list[str]:
        """Return the names of all of that kind in the org."""

    def feed(self, genesys: GenesysCloud, seed: int, count: int) -> Feed:
        """Return made-up conversations to send."""


class Subscription:
    """Delivery by the event subscription."""

    settings: Mapping[str, Any] = {"delivery": "subscription", "queue_ids": OURS}
    changed: Mapping[str, Any] = {"queue_ids": [OURS[0], FOREIGN[0]]}

    def prepare(self, genesys: GenesysCloud) -> None:
        """See `Delivery`."""
        for name in OTHERS:
            genesys.subscriptions.seed(name)

    def made(self, genesys: GenesysCloud, name: str) -> tuple[str, str]:
        """See `Delivery`."""
        (ours, *_) = genesys.subscriptions.named(name)
        title = f"subscription {ours['id']} is {ours['status']}, its filter:"
        return ours["id"], "\n".join([title, *textwrap.wrap(ours["attributeFilter"], 70)])

    def names(self, genesys: GenesysCloud) -> list[str]:
        """See `Delivery`."""
        return [one["name"] for one in genesys.subscriptions.values()]

    def feed(self, genesys: GenesysCloud, seed: int, count: int) -> SubscriptionFeed:
        """See `Delivery`."""
        return SubscriptionFeed(genesys, list(conversations(seed, count)), count)


class EventBridge:
    """Delivery by the Amazon EventBridge integration, in an org that has nothing else."""

    settings: Mapping[str, Any] = {
        "delivery": "eventbridge",
        "end_rule": "touched",
        "queue_ids": OURS,
    }
    changed: Mapping[str, Any] = {"end_rule": "queue_leg", "queue_ids": [OURS[0], FOREIGN[0]]}

    def prepare(self, genesys: GenesysCloud) -> None:
        """See `Delivery`."""
        genesys.has_subscription_api = False
        genesys.integrations.state_seconds = 1
        for name in OTHERS:
            genesys.integrations.seed(name)

    def made(self, genesys: GenesysCloud, name: str) -> tuple[str, str]:
        """See `Delivery`."""
        (ours, *_) = genesys.integrations.named(name)
        properties = ours["config"]["current"]["properties"]
        topics = [topic.removeprefix(PREFIX) for topic in properties["eventFilter"]]
        state = ours["reportedState"]["code"].lower()
        title = f"integration {ours['id']} is {state}, its topics:"
        lines = textwrap.wrap(f"{PREFIX} + {', '.join(topics)}", 70)
        return ours["id"], "\n".join([title, *lines])

    def names(self, genesys: GenesysCloud) -> list[str]:
        """See `Delivery`."""
        return [one["name"] for one in genesys.integrations.values()]

    def feed(self, genesys: GenesysCloud, seed: int, count: int) -> EventBridgeFeed:
        """See `Delivery`."""
        now = datetime.now(UTC)
        told = [_just_over(seed * 1_000_000 + number, now) for number in range(count)]
        return EventBridgeFeed(genesys, told, str(self.settings["end_rule"]), seed)


DELIVERIES: Mapping[str, Callable[[], Delivery]] = {
    "subscription": Subscription,
    "eventbridge": EventBridge,
}


class SubscriptionFeed:
    """Ends as the event subscription sends them; see `Feed`."""

    def __init__(self, genesys: GenesysCloud, events: Sequence[Event], count: int) -> None:
        self._genesys, self._events = genesys, events
        ours = [e for e in events if e.kind != "other_type" and e.queue_id in OURS]
        foreign = [e for e in events if e.kind != "other_type" and e.queue_id in FOREIGN]
        other_types = [e for e in events if e.kind == "other_type"]
        strays = foreign[:STRAYS] + other_types[:STRAYS]
        poison = malformed_bodies()
        ids = list(dict.fromkeys(event.conversation_id for event in ours))
        again = set(ids[AGAIN::EVERY])
        repeats = [_end(event) for event in ours if event.conversation_id in again]
        # Some while the first one may still be in the queue, the others when they are done.
        self._at_once, self.late = set(repeats[::2]), set(repeats[1::2])
        self._later: list[Event] = []

        self.summary = (
            f"{len(events)} events of {count} conversations in six queues, two of them ours"
        )
        self.expected = Counter(_end(event) for event in ours)
        self.refusals = Refusals.of(ids)
        self.straight = [one.body for one in poison] + [json.dumps(e.body) for e in strays]
        self.published_at: dict[End, float] = {}
        self.account = Account(
            published=len(events) + len(repeats),
            repeated=len(repeats),
            straight=len(self.straight),
            expected=Counter(f"rejected.{one.reason}" for one in poison)
            + Counter(
                {
                    "processed": len(ours),
                    "ended": len(ours),
                    "duplicate": len(repeats),
                    "failed.destination": self.refusals.total(self.expected),
                    "ignored.other_queue": len(foreign[:STRAYS]),
                    "ignored.other_event_type": len(other_types[:STRAYS]),
                }
            ),
        )

    def publish(self) -> Iterator[None]:
        """See `Feed`."""
        for start in range(0, len(self._events), BURST):
            burst = [e.at(datetime.now(UTC)) for e in self._events[start : start + BURST]]
            moment = time.time()
            self.published_at |= {_end(event): moment for event in burst}
            ends = [event for event in burst if event.kind != "other_type"]
            self._give(burst + [event for event in ends if _end(event) in self._at_once])
            self._later += [event for event in ends if _end(event) in self.late]
            yield

    def publish_again(self) -> None:
        """See `Feed`."""
        self._give(self._later)

    def _give(self, events: Sequence[Event]) -> None:
        receivers = self._genesys.publish_all([event.body for event in events])
        self.account.filtered += sum(not ids for ids in receivers)


class EventBridgeFeed:
    """Events as the integration sends them, in any order, some of them twice; see `Feed`."""

    def __init__(
        self, genesys: GenesysCloud, told: Sequence[Conversation], rule: str, seed: int
    ) -> None:
        self._genesys, self._told, self._rule = genesys, told, rule
        ours = [one for one in told if one.ends[rule]]
        self._again = ours[AGAIN::EVERY]
        self._bursts = _bursts(told, seed)
        repeats = [event for one in self._again for event in one.events]
        poison, (foreign, others) = malformed_events(), _strays(told)

        published = [event for burst in self._bursts for event in burst] + repeats
        self.summary = (
            f"{len({event['id'] for event in published})} events of {len(told)} conversations in"
            " six queues, two of them ours"
        )
        self.expected = Counter((one.id, end.queue_id) for one in ours for end in one.ends[rule])
        self.refusals = Refusals.of([one.id for one in ours])
        self.straight = [one.body for one in poison] + [json.dumps(e) for e in foreign + others]
        self.published_at: dict[End, float] = {}
        self.late = {end for end in self.expected if end[0] in {one.id for one in self._again}}
        self.account = PartnerAccount(
            published=len(published),
            repeated=len(published) - len({event["id"] for event in published}),
            straight=len(self.straight),
            expected=Counter(f"rejected.{one.reason}" for one in poison)
            + Counter(
                {
                    "ended": self.expected.total(),
                    "conversations": len(ours),
                    "failed.destination": self.refusals.total(self.expected),
                    "ignored.other_queue": len(foreign),
                    "ignored.other_event_type": len(others),
                }
            ),
        )

    def publish(self) -> Iterator[None]:
        """See `Feed`."""
        so_far: defaultdict[str, list[Mapping[str, Any]]] = defaultdict(list)
        fired: Counter[End] = Counter()
        for burst in self._bursts:
            moment = time.time()
            for event in burst:
                so_far[_conversation_of(event)].append(event)
            for conversation_id in {_conversation_of(event) for event in burst}:
                ends = Counter(
                    (conversation_id, end.queue_id)
                    for end in ends_by(self._rule, so_far[conversation_id], OURS)
                )
                self.published_at |= {end: moment for end in ends if ends[end] > fired[end]}
                fired |= ends
            self._give(burst)
            yield

    def publish_again(self) -> None:
        """See `Feed`."""
        self._give([event for one in self._again for event in one.events])

    def _give(self, events: Sequence[Mapping[str, Any]]) -> None:
        rules = self._genesys.publish_partner_events(events)
        self.account.filtered += sum(not names for names in rules)


def _just_over(seed: int, now: datetime) -> Conversation:
    """Return a conversation whose last event is of now, however long it took."""
    (told,) = partner_conversations(seed, 1, start=now)
    last = max(event["detail"]["eventBody"]["eventTime"] for event in told.events)
    took = timedelta(milliseconds=last) - timedelta(seconds=now.timestamp())
    (again,) = partner_conversations(seed, 1, start=now - took)
    return again


def _end(event: Event) -> End:
    return event.conversation_id, event.queue_id


def _conversation_of(event: Mapping[str, Any]) -> str:
    conversation_id: str = event["detail"]["eventBody"]["conversationId"]
    return conversation_id


def _bursts(told: Sequence[Conversation], seed: int) -> list[list[dict[str, Any]]]:
    """Return all events, some of them twice, a burst for so many conversations; some come late."""
    rng = random.Random(seed)
    bursts: list[list[dict[str, Any]]] = [[]]
    for start in range(0, len(told), BURST):
        bursts.append([])
        for event in shuffled(told[start : start + BURST], seed + start):
            bursts[-1 if rng.random() < 0.1 else -2].append(event)
    return bursts


def _strays(told: Sequence[Conversation]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return events that are filtered out: of queues of others, and of topics not asked for."""
    events = [event for one in told for event in one.events]
    foreign = [e for e in events if e["detail"]["eventBody"].get("queueId") in FOREIGN]
    others = [e for e in events if e["detail-type"].endswith("customer.start")]
    return foreign[:STRAYS], others[:STRAYS]
