"""The parts of the contract tests that differ by delivery."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from local.genesys.entities import Entities
from local.genesys.stand_in import GenesysCloud
from tests.fakes.aws.cloudformation import EVENT_SOURCE, NAME, PROPERTIES, SUBSCRIPTION
from tests.fakes.aws.partner_events import NEVER

BAD_FILTER = "queueId = ("
BAD_TOPIC = "v2.no.such.topic"
NEW_TOPICS = ["v2.detail.events.conversation.{id}.user.end"]
FOREIGN_ARN = "arn:aws:sqs:eu-west-1:999988887777:somebody-elses"
FOREIGN_ACCOUNT = "999988887777"


class Delivery(ABC):
    """A delivery and its resources in one org, the stand-in for Genesys Cloud.

    Attributes
    ----------
    noun
        The word for the resource in messages to the user.
    id_key
        The key of the resource's id in a response's data.
    change_operation
        The operation that changes a resource in place.
    changed_properties, refused_properties
        Properties for an Update, and properties that Genesys Cloud refuses.
    foreign_destination
        The destination of a resource that `seed_foreign` creates, as messages name it.
    operations_before_creation
        The operations of a Create before the creation of the resource.
    operations_after_creation
        The different operations of a Create after the creation of the resource.
    """

    resource_type: ClassVar[str]
    noun: ClassVar[str]
    id_key: ClassVar[str]
    change_operation: ClassVar[str]
    changed_properties: ClassVar[Mapping[str, Any]]
    refused_properties: ClassVar[Mapping[str, Any]]
    foreign_destination: ClassVar[str]
    operations_before_creation: ClassVar[list[str]]
    operations_after_creation: ClassVar[list[str]]

    def __init__(self, genesys: GenesysCloud) -> None:
        self.genesys = genesys

    @property
    @abstractmethod
    def entities(self) -> Entities:
        """All resources of this delivery in the org, by id."""

    @abstractmethod
    def visible_state(self, entity: dict[str, Any]) -> object:
        """Return the fields of an entity that depend on the template, and its activation."""

    @abstractmethod
    def expected_state(self, properties: Mapping[str, Any]) -> object:
        """Return the `visible_state` of an active resource with these properties."""

    @abstractmethod
    def seed(self, **changes: Any) -> str:
        """Create an active resource with changed properties in the org, and return its id."""

    @abstractmethod
    def seed_foreign(self) -> str:
        """Create a foreign resource with our name in the org, and return its id."""

    @abstractmethod
    def spoil(self, entity: dict[str, Any]) -> None:
        """Change an entity so that it sends no ends."""

    @abstractmethod
    def delay_activation(self, seconds: float) -> None:
        """Make each activation of a resource take this long."""

    @abstractmethod
    def set_activation(
        self, *, succeeds: bool, meanwhile: Callable[[], object] = lambda: None
    ) -> None:
        """Decide whether new and changed resources become active; if not, call `meanwhile`."""

    def visible_states(self) -> list[object]:
        """Return the visible state of each resource."""
        return [self.visible_state(entity) for entity in self.entities.values()]


class SubscriptionDelivery(Delivery):
    """The delivery by a subscription."""

    resource_type = SUBSCRIPTION
    noun = "subscription"
    id_key = "SubscriptionId"
    change_operation = "replace"
    changed_properties: ClassVar = {"AttributeFilter": "queueId = 'Q2'"}
    refused_properties: ClassVar = {"AttributeFilter": BAD_FILTER}
    foreign_destination = FOREIGN_ARN
    operations_before_creation: ClassVar = ["login", "list"]
    operations_after_creation: ClassVar = ["read"]

    @property
    def entities(self) -> Entities:
        return self.genesys.subscriptions

    def visible_state(self, entity: dict[str, Any]) -> object:
        keys = ("description", "eventTypes", "attributeFilter", "destination", "status")
        return [entity[key] for key in keys]

    def expected_state(self, properties: Mapping[str, Any]) -> object:
        destination = _queue_destination(properties)
        fields = [properties[key] for key in ("Description", "EventTypes", "AttributeFilter")]
        return [*fields, destination, "active"]

    def seed(self, **changes: Any) -> str:
        properties = PROPERTIES[SUBSCRIPTION] | changes
        return self.genesys.subscriptions.seed(
            properties["Name"],
            destination=_queue_destination(properties),
            description=properties["Description"],
            eventTypes=properties["EventTypes"],
            attributeFilter=properties["AttributeFilter"],
        )

    def seed_foreign(self) -> str:
        return self.genesys.subscriptions.seed(NAME, FOREIGN_ARN)

    def spoil(self, entity: dict[str, Any]) -> None:
        entity |= {"status": "paused", "attributeFilter": "true"}

    def delay_activation(self, seconds: float) -> None:
        self.genesys.subscriptions.activation_seconds = seconds

    def set_activation(
        self, *, succeeds: bool, meanwhile: Callable[[], object] = lambda: None
    ) -> None:
        self.genesys.subscriptions.activation_reads = 1 if succeeds else NEVER
        if not succeeds:
            self.genesys.before("read", meanwhile)


class EventBridgeDelivery(Delivery):
    """The delivery by an integration with Amazon EventBridge."""

    resource_type = EVENT_SOURCE
    noun = "integration"
    id_key = "IntegrationId"
    change_operation = "configure"
    changed_properties: ClassVar = {"Topics": NEW_TOPICS}
    refused_properties: ClassVar = {"Topics": [BAD_TOPIC]}
    foreign_destination = FOREIGN_ACCOUNT
    operations_before_creation: ClassVar = ["login", "organization", "list"]
    operations_after_creation: ClassVar = [
        "annotate",
        "configuration",
        "configure",
        "switch",
        "read",
    ]

    @property
    def entities(self) -> Entities:
        return self.genesys.integrations

    def visible_state(self, entity: dict[str, Any]) -> object:
        configuration = entity["config"]["current"]
        states = entity["intendedState"], entity["reportedState"]["code"]
        return [configuration["notes"], configuration["properties"], *states]

    def expected_state(self, properties: Mapping[str, Any]) -> object:
        return [properties["Notes"], _integration_properties(properties), "ENABLED", "ACTIVE"]

    def seed(self, **changes: Any) -> str:
        properties = PROPERTIES[EVENT_SOURCE] | changes
        integration_id = self.genesys.integrations.seed(
            properties["Name"], _integration_properties(properties)
        )
        self.genesys.integrations.configuration(integration_id)["notes"] = properties["Notes"]
        self.genesys.integrations.on_source_created(properties["Suffix"])
        return integration_id

    def seed_foreign(self) -> str:
        return self.seed(AccountId=FOREIGN_ACCOUNT)

    def spoil(self, entity: dict[str, Any]) -> None:
        entity["config"]["current"]["properties"]["eventFilter"] = ["v2.other"]
        entity |= {"intendedState": "DISABLED", "reportedState": {"code": "INACTIVE"}}

    def delay_activation(self, seconds: float) -> None:
        self.genesys.integrations.state_seconds = seconds

    def set_activation(
        self, *, succeeds: bool, meanwhile: Callable[[], object] = lambda: None
    ) -> None:
        self.genesys.integrations.error = "" if succeeds else "No such account."
        if not succeeds:
            self.genesys.before("switch", meanwhile)


def _queue_destination(properties: Mapping[str, Any]) -> dict[str, Any]:
    queue = {"arn": properties["QueueArn"], "region": properties["Region"]}
    return {"type": "aws_sqs", "awsSqs": queue}


def _integration_properties(properties: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "awsAccountId": properties["AccountId"],
        "awsAccountRegion": properties["Region"],
        "eventSourceSuffix": properties["Suffix"],
        "eventFilter": properties["Topics"],
    }


DELIVERIES: tuple[type[Delivery], ...] = (SubscriptionDelivery, EventBridgeDelivery)
OUR_PROPERTIES = _integration_properties(PROPERTIES[EVENT_SOURCE])
"""The configured properties of our integration."""
