"""What in Genesys Cloud, and of its event source in AWS, is not as it was deployed: in words.

Nothing is changed here.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from genesys.integration_spec import IntegrationSpec
from genesys.integrations import Integrations
from genesys.partner_source import Unknown, source_name, state_of
from genesys.subscriptions import Subscriptions, SubscriptionSpec, destination_of

if TYPE_CHECKING:
    from mypy_boto3_events import EventBridgeClient


@dataclass(frozen=True, slots=True)
class Found:
    """What a look found: the ids of what is ours, and sentences on what differs."""

    ids: tuple[str, ...] = ()
    differences: tuple[str, ...] = ()

    def cleaned(self, clean: Callable[[str], str]) -> "Found":
        """Return it with each of its texts, which others may have written, made fit to be shown."""
        return Found(tuple(map(clean, self.ids)), tuple(map(clean, self.differences)))


def of_subscription(subscriptions: Subscriptions, wanted: SubscriptionSpec) -> Found:
    """Find what is wrong with our subscription, and who else has its name."""
    named = subscriptions.named(wanted.name)
    ours = [entity for entity in named if destination_of(entity) == wanted.queue_arn]
    found = _of_number("subscription", wanted.name, len(ours))
    for entity in ours:
        found += [
            f"Of the subscription {entity.get('id')}, {difference}."
            for difference in wanted.differences(entity)
        ]
    for entity in named:
        if entity not in ours:
            elsewhere = destination_of(entity) or "a destination that is no SQS queue"
            found.append(
                f"The subscription {entity.get('id')} has our name and sends to {elsewhere}."
            )
    return Found(tuple(str(entity.get("id")) for entity in ours), tuple(found))


def of_event_source(
    integrations: Integrations, events: "EventBridgeClient", wanted: IntegrationSpec
) -> Found:
    """Find what is wrong with our integration or its event source, and who else has its name.

    Raises
    ------
    Unknown
        AWS could not be asked for the event source, and all else is right.
    """
    named = [one for one in integrations.named(wanted.name) if not one.is_going]
    ours = [one for one in named if one.feed == wanted.feed]
    found = _of_number("integration", wanted.name, len(ours))
    for one in ours:
        if not one.is_on:
            found.append(f"The integration {one.integration_id} is switched off, or not active.")
        found += [
            f"Of the integration {one.integration_id}: {difference}."
            for difference in wanted.differences(one.configuration)
        ]
    for one in named:
        if one not in ours:
            feed = one.feed or "nobody"
            found.append(f"The integration {one.integration_id} has our name and feeds {feed}.")
    source = source_name(integrations.organization_id(), wanted.feed.suffix)
    try:
        found += _of_source(events, source)
    except Unknown:
        # What is wrong for certain is told, whatever else is not known.
        if not found:
            raise
    return Found(tuple(one.integration_id for one in ours), tuple(found))


def _of_number(noun: str, name: str, number: int) -> list[str]:
    match number:
        case 0:
            return [f"There is no {noun} {name!r} of ours: no ends arrive."]
        case 1:
            return []
    return [f"There are {number} {noun}s {name!r} of ours: events come that often."]


def _of_source(events: "EventBridgeClient", name: str) -> list[str]:
    state = state_of(events, name)
    match state:
        case "ACTIVE":
            return []
        case "PENDING":
            return [f"The partner event source {name} has no event bus: no events arrive."]
        case "DELETED" | "ResourceNotFoundException":
            return [f"The partner event source {name} was deleted: no events arrive."]
        case "AccessDeniedException":
            return [
                f"AWS does not let the watchdog see the partner event source {name}: its role "
                "needs events:DescribeEventSource for it."
            ]
    raise Unknown(f"AWS did not say how the partner event source is ({state}).")
