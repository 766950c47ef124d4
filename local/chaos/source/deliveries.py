"""What a chaos run needs to know about each delivery: settings, traffic and what may happen."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from local.chaos.plan import Plan
from local.chaos.source.traffic import RULE, Traffic, partner_traffic, subscription_traffic
from local.genesys.entities import Entity
from local.genesys.integrations import Integrations
from local.genesys.stand_in import GenesysCloud
from local.genesys.subscriptions import Subscriptions


@dataclass(frozen=True, slots=True)
class Delivery:
    """A delivery in a chaos run.

    Attributes
    ----------
    settings
        The settings of the stack.
    traffic
        Returns the traffic of a plan.
    entities
        Returns an org's subscriptions or integrations.
    publish
        Publishes events in an org, and returns a list of receivers for each event.
    disabled
        The fields of a subscription or an integration that somebody has switched off.
    """

    settings: Mapping[str, Any]
    traffic: Callable[[Plan], Traffic]
    entities: Callable[[GenesysCloud], Subscriptions | Integrations]
    publish: Callable[[GenesysCloud, Sequence[Mapping[str, Any]]], Iterable[object]]
    disabled: Mapping[str, Any]


class Source:
    """The stack's subscription or integration in an org."""

    def __init__(self, genesys: GenesysCloud, delivery: Delivery, stage: str) -> None:
        self._genesys, self._delivery = genesys, delivery
        self._name = f"queue-ends-{stage}"

    def publish(self, events: Sequence[Mapping[str, Any]]) -> None:
        """Publish events in the org."""
        self._delivery.publish(self._genesys, events)

    def strike(self, kind: str) -> None:
        """Delete or disable the subscription or integration; it then sends nothing."""
        entities = self._delivery.entities(self._genesys)
        for one in self._found():
            if kind == "deleted":
                del entities[one["id"]]
            else:
                one.update(self._delivery.disabled)
                entities.active.pop(one["id"])

    @property
    def is_sending(self) -> bool:
        """Whether the subscription or integration sends events."""
        active = self._delivery.entities(self._genesys).active
        return any(one["id"] in active for one in self._found())

    def _found(self) -> list[Entity]:
        return self._delivery.entities(self._genesys).find_by_name(self._name)


DELIVERIES: Mapping[str, Delivery] = {
    "subscription": Delivery(
        settings={"delivery": "subscription"},
        traffic=subscription_traffic,
        entities=lambda genesys: genesys.subscriptions,
        publish=lambda genesys, events: genesys.publish_all(events),
        disabled={"status": "inactive"},
    ),
    "eventbridge": Delivery(
        settings={"delivery": "eventbridge", "end_rule": RULE},
        traffic=partner_traffic,
        entities=lambda genesys: genesys.integrations,
        publish=lambda genesys, events: genesys.publish_partner_events(events),
        disabled={"intendedState": "DISABLED", "reportedState": {"code": "INACTIVE"}},
    ),
}
