"""The specification of an event subscription, and the requests for subscriptions.

The tutorial *Filter EventBridge Events for Specific Queue Conversation Ends in Genesys Cloud* shows
some of these requests; the others are assumed to follow REST conventions. Not every org
has this API.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from deadline import Deadline
from genesys.client import GenesysClient
from genesys.creation import create_once
from genesys.errors import GenesysError, NotAsSpecified
from genesys.shapes import JSON_OBJECT, Created, check_id, describe_mismatch, entity_path
from outside_text import one_line

PATH = "/api/v2/events/subscriptions"
SCOPES = "event:subscribe:read event:subscribe:write"
ACTIVE = "active"
Entity = Mapping[str, Any]
"""A subscription as a JSON object in a response."""


class _Content(msgspec.Struct, rename="camel"):
    """The fields that decide which events a subscription sends; null counts as absent."""

    status: str | None = None
    attribute_filter: str | None = None
    event_types: list[str] | None = None


@dataclass(frozen=True, slots=True)
class SubscriptionSpec:
    """The specification of a subscription that sends events to the SQS queue `queue_arn`."""

    name: str
    description: str
    event_types: tuple[str, ...]
    attribute_filter: str
    queue_arn: str
    region: str

    def body(self) -> dict[str, Any]:
        """Return the request body that creates or replaces the subscription."""
        return {
            "name": self.name,
            "description": self.description,
            "eventTypes": list(self.event_types),
            "attributeFilter": self.attribute_filter,
            "destination": {
                "type": "aws_sqs",
                "awsSqs": {"arn": self.queue_arn, "region": self.region},
            },
            "status": ACTIVE,
        }

    def differences(self, entity: Entity) -> list[str]:
        """Return a description of each difference, such as `status is 'x' instead of 'active'`.

        The name and description are not compared, because they do not affect which events are sent.
        """
        try:
            content = msgspec.convert(entity, _Content)
        except msgspec.ValidationError as error:
            return [f"it has another form: {describe_mismatch(error)}"]
        actual = {
            "status": content.status,
            "attributeFilter": content.attribute_filter,
            "eventTypes": sorted(content.event_types or ()),
            "destination": parse_queue_arn(entity),
        }
        expected = {
            "status": ACTIVE,
            "attributeFilter": self.attribute_filter,
            "eventTypes": sorted(self.event_types),
            "destination": self.queue_arn,
        }
        return [
            "{} is {} instead of {}".format(
                key, *_excerpt_pair(repr(actual[key]), repr(expected[key]))
            )
            for key in expected
            if actual[key] != expected[key]
        ]


def _excerpt_pair(a: str, b: str) -> tuple[str, str]:
    """Return up to 80 characters of each string, around the first difference."""
    character_pairs = enumerate(zip(a, b, strict=False))
    first_difference = next(
        (index for index, (x, y) in character_pairs if x != y), min(len(a), len(b))
    )
    if max(len(a), len(b)) <= 80 or first_difference <= 20:
        return a[:80], b[:80]
    excerpt = slice(first_difference - 20, first_difference + 60)
    return f"…{a[excerpt]}", f"…{b[excerpt]}"


def parse_queue_arn(entity: Entity) -> str | None:
    """Return the ARN of the SQS queue that a subscription sends to, if any."""
    match entity.get("destination"):
        case {"awsSqs": {"arn": str(arn)}}:
            return arn
    return None


def describe_destination(entity: Entity) -> str:
    """Return where a subscription sends its events, for a message to the user."""
    arn = one_line(parse_queue_arn(entity) or "")
    match arn.split(":"):
        case ["arn", _, "sqs", region, account_id, _]:
            return f"{arn} (AWS account {account_id}, region {region})"
    return arn or "a destination that is no SQS queue"


def id_of(entity: Entity) -> str:
    """Return the id of a subscription in a list; raise `GenesysError` if it has none."""
    return check_id(entity.get("id"), "GET", PATH)


class Subscriptions:
    """An org's event subscriptions."""

    def __init__(self, client: GenesysClient) -> None:
        self._client = client
        self.deadline = client.deadline

    def find_by_name(self, name: str) -> list[Entity]:
        """Return the subscriptions with this name; names need not be unique."""
        return [
            entity for entity in self._client.iterate_entities(PATH) if entity.get("name") == name
        ]

    def find_ids(self, queue_arn: str, name: str) -> list[str]:
        """Return the ids of the subscriptions with this name that send to this SQS queue."""
        return [
            id_of(entity)
            for entity in self.find_by_name(name)
            if parse_queue_arn(entity) == queue_arn
        ]

    def create(self, spec: SubscriptionSpec) -> str:
        """Create a subscription exactly once, and return its id."""
        return create_once(
            post=lambda: self._post(spec),
            find_created=lambda: self.find_ids(spec.queue_arn, spec.name),
            remove_duplicate=self.remove,
            deadline=self.deadline,
        )

    def _post(self, spec: SubscriptionSpec) -> str:
        created: Created = self._client.request("POST", PATH, body=spec.body(), shape=Created)
        return check_id(created.id, "POST", PATH, status=201)

    def replace(self, subscription_id: str, spec: SubscriptionSpec) -> None:
        """Overwrite a subscription with its specification."""
        self._client.request("PUT", entity_path(PATH, subscription_id), body=spec.body())

    def remove(self, subscription_id: str) -> None:
        """Delete a subscription; do nothing if it was deleted already."""
        try:
            self._client.request("DELETE", entity_path(PATH, subscription_id))
        except GenesysError as error:
            if error.status != 404:
                raise

    def wait_until_matches(
        self, subscription_id: str, spec: SubscriptionSpec, deadline: Deadline
    ) -> None:
        """Read a subscription until it is as specified.

        Raises
        ------
        NotAsSpecified
            The subscription still differs at the deadline. The message lists the differences.
        """
        for _ in deadline.attempts(first_pause_seconds=0.25, max_pause_seconds=5):
            try:
                path = entity_path(PATH, subscription_id)
                entity: Entity = self._client.request("GET", path, shape=JSON_OBJECT)
                differences = spec.differences(entity)
            except GenesysError as error:
                if error.status != 404:
                    raise
                # Genesys Cloud may show a new subscription late.
                differences = ["it cannot be found"]
            if not differences:
                return
        raise NotAsSpecified(self._client.sanitize("; ".join(differences)))
