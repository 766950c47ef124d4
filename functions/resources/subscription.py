"""The delivery by a Genesys Cloud subscription, which sends to the stack's SQS queue."""

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

from genesys.client import GenesysClient
from genesys.errors import GenesysError, NameTaken
from genesys.subscriptions import (
    PATH,
    SCOPES,
    Entity,
    Subscriptions,
    SubscriptionSpec,
    destination_of,
)
from resources.resource import Comparison, Resource, number_differences
from resources.undo import searches, undone_on_failure

if TYPE_CHECKING:
    from mypy_boto3_events import EventBridgeClient

ACTIVATION_SECONDS = 60.0


class SubscriptionResource(Resource):
    """Our subscription: it bears our name and sends to our SQS queue."""

    noun = "subscription"
    texts = ("Description", "AttributeFilter", "QueueArn", "Region")
    lists = ("EventTypes",)
    scope = SCOPES

    def __init__(self, properties: Mapping[str, Any]) -> None:
        super().__init__(properties)
        self.spec = SubscriptionSpec(
            name=self.name,
            description=properties["Description"],
            event_types=tuple(properties["EventTypes"]),
            attribute_filter=properties["AttributeFilter"],
            queue_arn=properties["QueueArn"],
            region=properties["Region"],
        )

    def ensure(
        self,
        genesys: GenesysClient,
        events: "EventBridgeClient",
        *,
        former: Mapping[str, Any] | None,
        cleanup: GenesysClient,
    ) -> dict[str, str]:
        subscriptions = Subscriptions(genesys)
        queue_arns = {self.spec.queue_arn, *_queue_arn_in(former or {})}
        found = self._find(subscriptions, queue_arns)
        if found:
            return self._adapt(subscriptions, found)
        with undone_on_failure(PATH, lambda: self.remove(cleanup, creation_under_way=True)):
            return self._make(subscriptions, queue_arns)

    def remove(self, genesys: GenesysClient, *, creation_under_way: bool) -> None:
        subscriptions = Subscriptions(genesys)
        for _ in searches(genesys.deadline, creation_under_way=creation_under_way):
            for subscription_id in subscriptions.sending_to(self.spec.queue_arn, self.name):
                subscriptions.remove(subscription_id)

    def compare(self, genesys: GenesysClient, events: "EventBridgeClient") -> Comparison:
        named = Subscriptions(genesys).named(self.name)
        ours = [entity for entity in named if destination_of(entity) == self.spec.queue_arn]
        differences = number_differences(self.noun, self.name, len(ours))
        for entity in ours:
            differences += [
                f"Of the subscription {entity.get('id')}, {difference}."
                for difference in self.spec.differences(entity)
            ]
        for entity in named:
            if entity not in ours:
                elsewhere = destination_of(entity) or "a destination that is no SQS queue"
                differences.append(
                    f"The subscription {entity.get('id')} has our name and sends to {elsewhere}."
                )
        return Comparison(tuple(str(entity.get("id")) for entity in ours), tuple(differences))

    def hint(self, error: GenesysError) -> str | None:
        match error.status:
            case 400:
                return "Genesys Cloud refused the subscription; check the setting attribute_filter."
            case 403:
                return (
                    "The OAuth client may not do this: give it the scopes "
                    f"{' and '.join(SCOPES.split())}, and its role the permission for event "
                    "subscriptions."
                )
            case 404 if error.path == PATH:
                return 'This org has no event subscription API: use `delivery = "eventbridge"`.'
            case 409:
                return (
                    "Genesys Cloud says that the subscription exists already, but does not show it "
                    "to this OAuth client. Deploy under another stage name."
                )
        return None

    def _find(self, subscriptions: Subscriptions, queue_arns: Collection[str]) -> list[Entity]:
        """Return the subscriptions that are ours; normally one or none."""
        named = subscriptions.named(self.name)
        for entity in named:
            if destination_of(entity) not in queue_arns:
                raise NameTaken(
                    f"The subscription {self.name!r} (id {entity.get('id')}) exists already and "
                    f"sends to {destination_of(entity) or 'a destination that is no SQS queue'}, "
                    "which is not this stack's queue. It was left as it is. Deploy under another "
                    "stage name, or remove that subscription."
                )
        return named

    def _adapt(self, subscriptions: Subscriptions, found: list[Entity]) -> dict[str, str]:
        """Make the one that differs least right, and remove the others."""
        kept, *duplicates = sorted(found, key=lambda entity: len(self.spec.differences(entity)))
        differs = self.spec.differences(kept) or kept.get("description") != self.spec.description
        if differs:
            subscriptions.replace(kept["id"], self.spec)
        for duplicate in duplicates:
            subscriptions.remove(duplicate["id"])
        return self._once_right(subscriptions, kept["id"])

    def _make(self, subscriptions: Subscriptions, queue_arns: Collection[str]) -> dict[str, str]:
        try:
            made = subscriptions.create(self.spec)
        except GenesysError as error:
            # There is one of that name: from another run or a lost try of ours, or somebody else's.
            found = self._await(subscriptions, queue_arns) if error.status == 409 else []
            if not found:
                raise
            return self._adapt(subscriptions, found)
        return self._once_right(subscriptions, made)

    def _await(self, subscriptions: Subscriptions, queue_arns: Collection[str]) -> list[Entity]:
        """Return the subscriptions that are ours once lists show one; none if they do not soon."""
        for _ in searches(subscriptions.deadline, creation_under_way=True):
            if found := self._find(subscriptions, queue_arns):
                return found
        return []

    def _once_right(self, subscriptions: Subscriptions, subscription_id: str) -> dict[str, str]:
        limit = subscriptions.deadline.within(ACTIVATION_SECONDS)
        subscriptions.wait_until_right(subscription_id, self.spec, limit)
        return {"SubscriptionId": subscription_id}


def _queue_arn_in(properties: Mapping[str, Any]) -> set[str]:
    """Return the queue that a subscription with these unchecked properties sends to, if any."""
    queue_arn = properties.get("QueueArn")
    return {queue_arn} if isinstance(queue_arn, str) and queue_arn else set()
