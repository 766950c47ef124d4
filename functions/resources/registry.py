"""Maps each custom resource type to its class or function."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from deadline import Deadline
from resources.integration import IntegrationResource
from resources.properties import InvalidProperties
from resources.queue_names import QueueNames
from resources.resource import Resource
from resources.source_active import wait_until_partner_source_active
from resources.subscription import SubscriptionResource

if TYPE_CHECKING:
    from mypy_boto3_events import EventBridgeClient

RESOURCES: dict[str, type[Resource]] = {
    "Custom::GenesysSubscription": SubscriptionResource,
    "Custom::GenesysEventSource": IntegrationResource,
}
"""The resource classes, keyed by custom resource type."""

WaitFunction = Callable[[Mapping[str, Any], "EventBridgeClient", Deadline], str]
"""Waits for a state in AWS, such as an active partner event source.

Returns the physical id for CloudFormation.
"""

WAIT_FUNCTIONS: dict[str, WaitFunction] = {
    "Custom::GenesysEventSourceActive": wait_until_partner_source_active,
}
"""For the custom resources that create nothing and only wait, keyed by custom resource type."""

LOOKUPS: dict[str, type[QueueNames]] = {"Custom::GenesysQueueNames": QueueNames}
"""For the custom resources that only look something up, keyed by custom resource type."""


def parse_resource(resource_type: str, properties: Mapping[str, Any]) -> Resource:
    """Return the resource for a custom resource type, with these properties.

    Raises
    ------
    InvalidProperties
        The type is unknown, or properties are missing or invalid.
    """
    if resource_type not in RESOURCES:
        raise InvalidProperties(
            f"ResourceType {resource_type!r} is none of {', '.join(RESOURCES)}."
        )
    return RESOURCES[resource_type].parse(properties)
