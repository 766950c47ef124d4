"""An Amazon EventBridge source of Genesys Cloud as it should be, and whom it feeds.

Genesys Cloud Resource Center: "About the Amazon EventBridge integration".
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

SOURCE_TYPE = "amazon-eventbridge-source"
Entity = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class AwsTarget:
    """Whom an integration feeds: an AWS account's region, and the end of the source's name."""

    account_id: str
    region: str
    suffix: str

    def __str__(self) -> str:
        return (
            f"the AWS account {self.account_id} in {self.region or 'no region'} with the event "
            f"source suffix {self.suffix!r}"
        )


@dataclass(frozen=True, slots=True)
class IntegrationSpec:
    """An integration as it should be; `topics` are the events that it passes on."""

    name: str
    notes: str
    feed: AwsTarget
    topics: tuple[str, ...]

    def creation(self) -> dict[str, Any]:
        """Return the request body that makes it; it feeds nobody before it is configured."""
        return {"name": self.name, "integrationType": {"id": SOURCE_TYPE}}

    def configuration(self, version: int) -> dict[str, Any]:
        """Return the request body that configures it, in the place of a version."""
        return {
            "name": self.name,
            "version": version,
            "properties": {
                "awsAccountId": self.feed.account_id,
                "awsAccountRegion": self.feed.region,
                "eventSourceSuffix": self.feed.suffix,
                "eventFilter": list(self.topics),
            },
            "advanced": {},
            "notes": self.notes,
            "credentials": {},
        }

    def differences(self, configuration: Entity) -> list[str]:
        """Return what of a configuration is not as it should be, in words."""
        found = []
        if (feed := feed_of(configuration)) != self.feed:
            found.append(f"it feeds {feed or 'nobody'}")
        topics = sorted(map(str, _properties_of(configuration).get("eventFilter") or ()))
        if topics != sorted(self.topics):
            found.append(f"its topics are {', '.join(topics) or 'none'}")
        return found

    def is_configured(self, configuration: Entity) -> bool:
        """Return whether nothing of a configuration needs to be changed."""
        return not self.differences(configuration) and configuration.get("notes") == self.notes


def feed_of(configuration: Entity) -> AwsTarget | None:
    """Return whom a configuration feeds; None where it names nobody."""
    properties = _properties_of(configuration)
    account_id, region, suffix = (
        str(properties.get(key) or "")
        for key in ("awsAccountId", "awsAccountRegion", "eventSourceSuffix")
    )
    return AwsTarget(account_id, region, suffix) if account_id else None


def _properties_of(configuration: Entity) -> Mapping[str, Any]:
    properties = configuration.get("properties")
    return properties if isinstance(properties, dict) else {}
