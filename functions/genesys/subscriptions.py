"""Event subscriptions: the specification of one, and the requests that make it so.

The API is that of the tutorial *Filter EventBridge Events for Specific Queue Conversation Ends
in Genesys Cloud*, completed to a REST resource; not every org has it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from deadline import Deadline
from genesys.client import GenesysClient
from genesys.creation import create_once, id_in
from genesys.errors import GenesysError, NotActive

PATH = "/api/v2/events/subscriptions"
SCOPES = "event:subscribe:read event:subscribe:write"
ACTIVE = "active"
Entity = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class SubscriptionSpec:
    """The specification of a subscription; `queue_arn` is the SQS queue that it sends to."""

    name: str
    description: str
    event_types: tuple[str, ...]
    attribute_filter: str
    queue_arn: str
    region: str

    def body(self) -> dict[str, Any]:
        """Return the request body that makes or replaces it."""
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
        """Return a clause for each field of an entity that differs from this."""
        seen = {
            "status": entity.get("status"),
            "attributeFilter": entity.get("attributeFilter"),
            "eventTypes": sorted(map(str, entity.get("eventTypes") or ())),
            "destination": destination_of(entity),
        }
        specified = {
            "status": ACTIVE,
            "attributeFilter": self.attribute_filter,
            "eventTypes": sorted(self.event_types),
            "destination": self.queue_arn,
        }
        return [
            "{} is {} instead of {}".format(key, *_excerpts(repr(seen[key]), repr(specified[key])))
            for key in specified
            if seen[key] != specified[key]
        ]


def _excerpts(one: str, other: str) -> tuple[str, str]:
    """Return two texts cut to 80 characters, long ones from shortly before they differ."""
    pairs = enumerate(zip(one, other, strict=False))
    alike = next((at for at, (a, b) in pairs if a != b), min(len(one), len(other)))
    if max(len(one), len(other)) <= 80 or alike <= 20:
        return one[:80], other[:80]
    part = slice(alike - 20, alike + 60)
    return f"…{one[part]}", f"…{other[part]}"


def destination_of(entity: Entity) -> str | None:
    """Return the ARN of the SQS queue that a subscription sends to; None for other destinations."""
    match entity.get("destination"):
        case {"awsSqs": {"arn": str(arn)}}:
            return arn
    return None


class Subscriptions:
    """The event subscriptions of an org."""

    def __init__(self, client: GenesysClient) -> None:
        self._client = client
        self.deadline = client.deadline

    def named(self, name: str) -> list[Entity]:
        """Return the subscriptions of that name; names need not be unique."""
        return [entity for entity in self._client.pages(PATH) if entity.get("name") == name]

    def sending_to(self, queue_arn: str, name: str) -> list[str]:
        """Return the ids of the subscriptions of that name which send to that queue."""
        return [entity["id"] for entity in self.named(name) if destination_of(entity) == queue_arn]

    def create(self, spec: SubscriptionSpec) -> str:
        """Make a subscription and return its id.

        A request that may have been carried out is repeated only after looking whether it was;
        should there be more than one in the end, the others are removed.
        """
        return create_once(
            lambda: id_in(self._client.request("POST", PATH, body=spec.body()), "POST", PATH, 201),
            lambda: self.sending_to(spec.queue_arn, spec.name),
            self.remove,
            self.deadline,
        )

    def replace(self, subscription_id: str, spec: SubscriptionSpec) -> None:
        """Change a subscription to what is specified."""
        self._client.request("PUT", f"{PATH}/{subscription_id}", body=spec.body())

    def remove(self, subscription_id: str) -> None:
        """Delete a subscription; one that is gone already is as good."""
        try:
            self._client.request("DELETE", f"{PATH}/{subscription_id}")
        except GenesysError as error:
            if error.status != 404:
                raise

    def wait_until_right(
        self, subscription_id: str, spec: SubscriptionSpec, limit: Deadline
    ) -> None:
        """Read a subscription back until it is active and as specified.

        Raises
        ------
        NotActive
            If it is not by the deadline; the text names the differences.
        """
        for _ in limit.attempts(0.25, max_pause_seconds=5):
            try:
                entity = self._client.request("GET", f"{PATH}/{subscription_id}")
                differences = spec.differences(entity)
            except GenesysError as error:
                if error.status != 404:
                    raise
                differences = ["it cannot be found"]
            if not differences:
                return
        raise NotActive(self._client.clean("; ".join(differences)))
