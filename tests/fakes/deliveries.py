"""The deliveries as the stand-in for Genesys Cloud shows them: what a contract test cannot know."""

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
    """A delivery whose things are in one org.

    Attributes
    ----------
    noun
        What the user reads of its things.
    id_key
        The key of a thing's id in an answer's data.
    changing
        The request that changes a thing in place.
    change, refused
        Properties to update to, and some that Genesys Cloud refuses.
    foreign
        What names the destination of `seed_foreign`.
    before_creation
        The requests of a Create until the one that makes the thing.
    """

    resource_type: ClassVar[str]
    noun: ClassVar[str]
    id_key: ClassVar[str]
    changing: ClassVar[str]
    change: ClassVar[Mapping[str, Any]]
    refused: ClassVar[Mapping[str, Any]]
    foreign: ClassVar[str]
    before_creation: ClassVar[list[str]]

    def __init__(self, genesys: GenesysCloud) -> None:
        self.genesys = genesys

    @property
    @abstractmethod
    def entities(self) -> Entities:
        """All that there are in the org."""

    @abstractmethod
    def shown(self, entity: dict[str, Any]) -> object:
        """Return all of an entity that properties of the template decide, and its state."""

    @abstractmethod
    def specified(self, properties: Mapping[str, Any]) -> object:
        """Return what is shown of an active one with these properties."""

    @abstractmethod
    def seed(self, **changes: Any) -> str:
        """Put an active one in by hand, with changed properties, and return its id."""

    @abstractmethod
    def seed_foreign(self) -> str:
        """Put in somebody else's, of our name, and return its id."""

    @abstractmethod
    def spoil(self, entity: dict[str, Any]) -> None:
        """Change one by hand, so that no ends arrive by it."""

    @abstractmethod
    def starts(self, *, well: bool, meanwhile: Callable[[], object] = lambda: None) -> None:
        """Decide whether new and changed ones become active; else, do something meanwhile."""

    def seen(self) -> list[object]:
        """Return what is shown of all that there are."""
        return [self.shown(entity) for entity in self.entities.values()]


class ViaSubscription(Delivery):
    """Ends arrive by a subscription."""

    resource_type = SUBSCRIPTION
    noun = "subscription"
    id_key = "SubscriptionId"
    changing = "replace"
    change: ClassVar = {"AttributeFilter": "queueId = 'Q2'"}
    refused: ClassVar = {"AttributeFilter": BAD_FILTER}
    foreign = FOREIGN_ARN
    before_creation: ClassVar = ["login", "list"]

    @property
    def entities(self) -> Entities:
        return self.genesys.subscriptions

    def shown(self, entity: dict[str, Any]) -> object:
        keys = ("description", "eventTypes", "attributeFilter", "destination", "status")
        return [entity[key] for key in keys]

    def specified(self, properties: Mapping[str, Any]) -> object:
        sqs = {"arn": properties["QueueArn"], "region": properties["Region"]}
        destination = {"type": "aws_sqs", "awsSqs": sqs}
        fields = [properties[key] for key in ("Description", "EventTypes", "AttributeFilter")]
        return [*fields, destination, "active"]

    def seed(self, **changes: Any) -> str:
        asked = PROPERTIES[SUBSCRIPTION] | changes
        return self.genesys.subscriptions.seed(
            asked["Name"],
            asked["QueueArn"],
            description=asked["Description"],
            eventTypes=asked["EventTypes"],
            attributeFilter=asked["AttributeFilter"],
        )

    def seed_foreign(self) -> str:
        return self.genesys.subscriptions.seed(NAME, FOREIGN_ARN)

    def spoil(self, entity: dict[str, Any]) -> None:
        entity |= {"status": "paused", "attributeFilter": "true"}

    def starts(self, *, well: bool, meanwhile: Callable[[], object] = lambda: None) -> None:
        self.genesys.subscriptions.activation_reads = 1 if well else NEVER
        if not well:
            self.genesys.before("read", meanwhile)


class ViaIntegration(Delivery):
    """Ends arrive by an integration with Amazon EventBridge."""

    resource_type = EVENT_SOURCE
    noun = "integration"
    id_key = "IntegrationId"
    changing = "configure"
    change: ClassVar = {"Topics": NEW_TOPICS}
    refused: ClassVar = {"Topics": [BAD_TOPIC]}
    foreign = FOREIGN_ACCOUNT
    before_creation: ClassVar = ["login", "organization", "list"]

    @property
    def entities(self) -> Entities:
        return self.genesys.integrations

    def shown(self, entity: dict[str, Any]) -> object:
        configuration = entity["config"]["current"]
        states = entity["intendedState"], entity["reportedState"]["code"]
        return [configuration["notes"], configuration["properties"], *states]

    def specified(self, properties: Mapping[str, Any]) -> object:
        return [properties["Notes"], _configured(properties), "ENABLED", "ACTIVE"]

    def seed(self, **changes: Any) -> str:
        asked = PROPERTIES[EVENT_SOURCE] | changes
        seeded = self.genesys.integrations.seed(asked["Name"], _configured(asked))
        self.genesys.integrations.configuration(seeded)["notes"] = asked["Notes"]
        self.genesys.integrations.source_made(asked["Suffix"])
        return seeded

    def seed_foreign(self) -> str:
        return self.seed(AccountId=FOREIGN_ACCOUNT)

    def spoil(self, entity: dict[str, Any]) -> None:
        entity["config"]["current"]["properties"]["eventFilter"] = ["v2.other"]
        entity |= {"intendedState": "DISABLED", "reportedState": {"code": "INACTIVE"}}

    def starts(self, *, well: bool, meanwhile: Callable[[], object] = lambda: None) -> None:
        self.genesys.integrations.error = "" if well else "No such account."
        if not well:
            self.genesys.before("switch", meanwhile)


def _configured(properties: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "awsAccountId": properties["AccountId"],
        "awsAccountRegion": properties["Region"],
        "eventSourceSuffix": properties["Suffix"],
        "eventFilter": properties["Topics"],
    }


DELIVERIES: tuple[type[Delivery], ...] = (ViaSubscription, ViaIntegration)
OURS = _configured(PROPERTIES[EVENT_SOURCE])
"""The properties of our integration."""
