"""The resource of the delivery `subscription`: a subscription that sends to the intake queue."""

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

from genesys.client import GenesysClient
from genesys.errors import GenesysError, NameTaken
from genesys.shapes import show_id
from genesys.subscriptions import PATH as SUBSCRIPTIONS_PATH
from genesys.subscriptions import (
    SCOPES,
    Entity,
    Subscriptions,
    SubscriptionSpec,
    describe_destination,
    id_of,
    parse_queue_arn,
)
from resources.resource import Comparison, Resource, check_exactly_one, left_as_it_is
from resources.undo import search_attempts, undo_on_failure, wait_for_listing

if TYPE_CHECKING:
    from mypy_boto3_events import EventBridgeClient

# The longest wait until the subscription is active.
ACTIVATION_SECONDS = 60.0


class SubscriptionResource(Resource):
    """A subscription with our name is ours if it sends to our intake queue.

    During an Update that replaces the intake queue, a subscription with our name is also ours if it
    still sends to the previous intake queue.
    """

    noun = "subscription"
    string_keys = ("Description", "AttributeFilter", "QueueArn", "Region")
    list_keys = ("EventTypes",)
    scopes = SCOPES

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
        eventbridge: "EventBridgeClient",
        *,
        old_properties: Mapping[str, Any] | None,
        cleanup_client: GenesysClient,
    ) -> dict[str, str]:
        subscriptions = Subscriptions(genesys)
        queue_arns = {self.spec.queue_arn, *_queue_arns_in(old_properties or {})}
        ours = self._find_ours(subscriptions, queue_arns)
        if ours:
            kept_id = self._reconcile(subscriptions, ours)
            return self._wait_until_active(subscriptions, kept_id)
        created_ids: list[str] = []
        with undo_on_failure(
            lambda: self._remove_created(cleanup_client, created_ids),
            # If Genesys Cloud refused the POST to this path, there is nothing to undo.
            creation_path=SUBSCRIPTIONS_PATH,
        ):
            created_ids.append(self._create(subscriptions, queue_arns))
            genesys.check_creation()
            attributes = self._wait_until_active(subscriptions, created_ids[0])
            wait_for_listing(
                genesys.deadline,
                lambda: created_ids[0] in subscriptions.find_ids(self.spec.queue_arn, self.name),
            )
            genesys.check_creation()
            return attributes

    def remove(self, genesys: GenesysClient, *, resource_may_yet_appear: bool) -> None:
        subscriptions = Subscriptions(genesys)
        for _ in search_attempts(genesys.deadline, resource_may_yet_appear=resource_may_yet_appear):
            for subscription_id in subscriptions.find_ids(self.spec.queue_arn, self.name):
                subscriptions.remove(subscription_id)

    def compare(self, genesys: GenesysClient, eventbridge: "EventBridgeClient") -> Comparison:
        namesakes = Subscriptions(genesys).find_by_name(self.name)
        ours = [entity for entity in namesakes if parse_queue_arn(entity) == self.spec.queue_arn]
        differences = check_exactly_one(self.noun, self.name, len(ours))
        for entity in ours:
            differences += [
                f"The subscription {show_id(entity)} differs: {difference}."
                for difference in self.spec.differences(entity)
            ]
        for entity in namesakes:
            if entity not in ours:
                differences.append(
                    f"The subscription {show_id(entity)} has our name and sends to "
                    f"{describe_destination(entity)}."
                )
        return Comparison(tuple(map(show_id, ours)), tuple(differences))

    def hint(self, error: GenesysError) -> str | None:
        match error.status:
            case 400:
                return "Genesys Cloud refused the subscription; check the setting attribute_filter."
            case 403:
                return (
                    "The OAuth client may not do this: give it the scopes "
                    f"{' and '.join(SCOPES.split())}, and give its role the permission for event "
                    "subscriptions."
                )
            case 404 if error.path == SUBSCRIPTIONS_PATH:
                return 'This org has no event subscription API: use `delivery = "eventbridge"`.'
            case 409:
                return (
                    "Genesys Cloud says that the subscription exists already, but does not show it "
                    "to this OAuth client. Deploy under another stage name."
                )
        return None

    def _find_ours(self, subscriptions: Subscriptions, queue_arns: Collection[str]) -> list[Entity]:
        """Return our subscriptions, normally one or none; raise `NameTaken` if our name is taken.

        A subscription with our name is ours if it sends to one of `queue_arns`.
        """
        namesakes = subscriptions.find_by_name(self.name)
        for entity in namesakes:
            if parse_queue_arn(entity) not in queue_arns:
                raise NameTaken(
                    f"The subscription {self.name!r} (id {show_id(entity)}) exists already and "
                    f"sends to {describe_destination(entity)}, which is not this stack's queue. "
                    f"{left_as_it_is(self.noun)}"
                )
        return namesakes

    def _reconcile(self, subscriptions: Subscriptions, ours: list[Entity]) -> str:
        """Keep the subscription that differs least, and return its id. Remove the others.

        Change the kept subscription if necessary.
        """
        kept, *duplicates = sorted(ours, key=lambda entity: len(self.spec.differences(entity)))
        # `differences` ignores the description, which does not affect the events that arrive.
        description_differs = kept.get("description") != self.spec.description
        if description_differs or self.spec.differences(kept):
            subscriptions.replace(id_of(kept), self.spec)
        for duplicate in duplicates:
            subscriptions.remove(id_of(duplicate))
        return id_of(kept)

    def _create(self, subscriptions: Subscriptions, queue_arns: Collection[str]) -> str:
        """Create our subscription and return its id."""
        try:
            return subscriptions.create(self.spec)
        except GenesysError as error:
            exists_already = error.status == 409
            if not exists_already:
                raise
            # An earlier request may have created our subscription, and lists may not show it yet.
            ours = self._wait_for_listing(subscriptions, queue_arns)
            if not ours:
                raise
            return self._reconcile(subscriptions, ours)

    def _remove_created(self, genesys: GenesysClient, created_ids: Collection[str]) -> None:
        # Lists may not show a new subscription yet.
        for subscription_id in created_ids:
            Subscriptions(genesys).remove(subscription_id)
        # Even after an error, Genesys Cloud may yet carry out the POST.
        self.remove(genesys, resource_may_yet_appear=True)

    def _wait_for_listing(
        self, subscriptions: Subscriptions, queue_arns: Collection[str]
    ) -> list[Entity]:
        """Return our subscriptions as soon as one is listed; an empty list if none appears."""
        for _ in search_attempts(subscriptions.deadline, resource_may_yet_appear=True):
            if ours := self._find_ours(subscriptions, queue_arns):
                return ours
        return []

    def _wait_until_active(
        self, subscriptions: Subscriptions, subscription_id: str
    ) -> dict[str, str]:
        """Wait until a subscription is active and as specified.

        Return the attributes that the template can read.
        """
        limit = subscriptions.deadline.within(ACTIVATION_SECONDS)
        subscriptions.wait_until_matches(subscription_id, self.spec, limit)
        return {"SubscriptionId": subscription_id}


def _queue_arns_in(properties: Mapping[str, Any]) -> set[str]:
    """Return a set with the queue ARN of unvalidated properties, or an empty set if it has none."""
    queue_arn = properties.get("QueueArn")
    return {queue_arn} if isinstance(queue_arn, str) and queue_arn else set()
