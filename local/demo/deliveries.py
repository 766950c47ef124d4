"""What the demo needs to know about each delivery: settings, resources and events."""

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

OTHER_NAMES = ["reporting", "workforce-management"]
"""The names of subscriptions or integrations in the org that do not belong to the stack."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """A delivery in the demo.

    Attributes
    ----------
    settings, changed_settings
        The settings of the first deploy, and those that the second deploy changes.
    entities
        Returns an org's subscriptions or integrations.
    describe
        Returns lines that describe a subscription or an integration.
    feed
        Returns a feed of made-up conversations. Its arguments are an org, a seed and the number of
        conversations.
    """

    settings: Mapping[str, Any]
    changed_settings: Mapping[str, Any]
    entities: Callable[[GenesysCloud], Subscriptions | Integrations]
    describe: Callable[[Entity], list[str]]
    feed: Callable[[GenesysCloud, int, int], Feed]

    def prepare(self, genesys: GenesysCloud) -> None:
        """Set an org up for this delivery, with subscriptions or integrations of other stacks."""
        genesys.has_subscription_api = self.entities(genesys) is genesys.subscriptions
        for name in OTHER_NAMES:
            self.entities(genesys).seed(name)

    def describe_deployed(self, genesys: GenesysCloud, name: str) -> tuple[str, str]:
        """Return the id and a description of the stack's subscription or integration."""
        (entity, *_) = self.entities(genesys).find_by_name(name)
        return entity["id"], "\n".join(self.describe(entity))

    def names(self, genesys: GenesysCloud) -> list[str]:
        """Return the names of all subscriptions or integrations in the org."""
        return sorted(entity["name"] for entity in self.entities(genesys).values())


def _describe_subscription(subscription: Entity) -> list[str]:
    title = f"subscription {subscription['id']} is {subscription['status']}, its filter:"
    return [title, *textwrap.wrap(subscription["attributeFilter"], 70)]


def _describe_integration(integration: Entity) -> list[str]:
    topics = integration["config"]["current"]["properties"]["eventFilter"]
    names = ", ".join(topic.removeprefix(TOPIC_PREFIX) for topic in topics)
    state = integration["reportedState"]["code"].lower()
    title = f"integration {integration['id']} is {state}, its topics:"
    return [title, *textwrap.wrap(f"{TOPIC_PREFIX} + {names}", 70)]


DELIVERIES: Mapping[str, Delivery] = {
    "subscription": Delivery(
        settings={"delivery": "subscription", "queue_ids": OUR_QUEUES},
        changed_settings={"queue_ids": [OUR_QUEUES[0], FOREIGN_QUEUES[0]]},
        entities=lambda genesys: genesys.subscriptions,
        describe=_describe_subscription,
        feed=lambda genesys, seed, count: subscription_feed(genesys.publish_all, seed, count),
    ),
    "eventbridge": Delivery(
        settings={"delivery": "eventbridge", "end_rule": "touched", "queue_ids": OUR_QUEUES},
        changed_settings={"end_rule": "queue_leg", "queue_ids": [OUR_QUEUES[0], FOREIGN_QUEUES[0]]},
        entities=lambda genesys: genesys.integrations,
        describe=_describe_integration,
        feed=lambda genesys, seed, count: eventbridge_feed(
            genesys.publish_partner_events, seed, count
        ),
    ),
}
