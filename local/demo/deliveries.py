"""The two ways in which events arrive: what the stack makes in the org for each, what is sent."""

import textwrap
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from conversations.topics import TOPIC_PREFIX
from local.demo.eventbridge import eventbridge_feed
from local.demo.feed import Feed
from local.demo.subscription import subscription_feed
from local.genesys.entities import Entity
from local.genesys.integrations import Integrations
from local.genesys.stand_in import GenesysCloud
from local.genesys.subscriptions import Subscriptions
from local.traffic.subscription import FOREIGN_QUEUES, OUR_QUEUES

OTHERS = ["reporting", "workforce-management"]
"""Who else has a subscription, or an integration, in the org."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """A way in which events arrive.

    Attributes
    ----------
    settings, changed
        Settings to deploy with at first, and to change then.
    held
        Returns what an org has of the kind that the stack makes.
    described
        Returns what one of these does, in lines.
    feed
        Returns made-up conversations to send, by a seed and their number.
    """

    settings: Mapping[str, Any]
    changed: Mapping[str, Any]
    held: Callable[[GenesysCloud], Subscriptions | Integrations]
    described: Callable[[Entity], list[str]]
    feed: Callable[[GenesysCloud, int, int], Feed]

    def prepare(self, genesys: GenesysCloud) -> None:
        """Make the org one that has this delivery, with what others in it have."""
        genesys.has_subscription_api = self.held(genesys) is genesys.subscriptions
        for name in OTHERS:
            self.held(genesys).seed(name)

    def made(self, genesys: GenesysCloud, name: str) -> tuple[str, str]:
        """Return the id of what the stack made in the org, and a description."""
        (ours, *_) = self.held(genesys).named(name)
        return ours["id"], "\n".join(self.described(ours))

    def names(self, genesys: GenesysCloud) -> list[str]:
        """Return the names of all of that kind in the org."""
        return sorted(one["name"] for one in self.held(genesys).values())


def _filter_of(subscription: Entity) -> list[str]:
    title = f"subscription {subscription['id']} is {subscription['status']}, its filter:"
    return [title, *textwrap.wrap(subscription["attributeFilter"], 70)]


def _topics_of(integration: Entity) -> list[str]:
    topics = integration["config"]["current"]["properties"]["eventFilter"]
    names = ", ".join(topic.removeprefix(TOPIC_PREFIX) for topic in topics)
    state = integration["reportedState"]["code"].lower()
    title = f"integration {integration['id']} is {state}, its topics:"
    return [title, *textwrap.wrap(f"{TOPIC_PREFIX} + {names}", 70)]


DELIVERIES: Mapping[str, Delivery] = {
    "subscription": Delivery(
        settings={"delivery": "subscription", "queue_ids": OUR_QUEUES},
        changed={"queue_ids": [OUR_QUEUES[0], FOREIGN_QUEUES[0]]},
        held=lambda genesys: genesys.subscriptions,
        described=_filter_of,
        feed=lambda genesys, seed, count: subscription_feed(genesys.publish_all, seed, count),
    ),
    "eventbridge": Delivery(
        settings={"delivery": "eventbridge", "end_rule": "touched", "queue_ids": OUR_QUEUES},
        changed={"end_rule": "queue_leg", "queue_ids": [OUR_QUEUES[0], FOREIGN_QUEUES[0]]},
        held=lambda genesys: genesys.integrations,
        described=_topics_of,
        feed=lambda genesys, *of: eventbridge_feed(genesys.publish_partner_events, *of),
    ),
}
