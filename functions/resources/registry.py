"""Which class a custom resource's type stands for: the only place that knows the deliveries."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from deadline import Deadline
from resources.integration import IntegrationResource
from resources.properties import InvalidProperties
from resources.resource import Resource
from resources.source_active import once_active
from resources.subscription import SubscriptionResource

if TYPE_CHECKING:
    from mypy_boto3_events import EventBridgeClient

RESOURCES: dict[str, type[Resource]] = {
    "Custom::GenesysSubscription": SubscriptionResource,
    "Custom::GenesysEventSource": IntegrationResource,
}
Condition = Callable[[Mapping[str, Any], "EventBridgeClient", Deadline], str]
"""Waits until AWS is ready, and returns the resource's id for CloudFormation."""
CONDITIONS: dict[str, Condition] = {"Custom::GenesysEventSourceActive": once_active}
"""Types that make nothing, and so hold up the stack's other resources only."""


def parse(resource_type: str, properties: Mapping[str, Any]) -> Resource:
    """Return the resource of a type with these properties.

    Raises
    ------
    InvalidProperties
        The type is unknown, or properties are missing or wrong.
    """
    if resource_type not in RESOURCES:
        raise InvalidProperties(
            f"ResourceType {resource_type!r} is none of {', '.join(RESOURCES)}."
        )
    return RESOURCES[resource_type].parse(properties)
