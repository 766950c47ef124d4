"""The specification of an integration of the type *Amazon EventBridge source*.

Genesys Cloud Resource Center: "About the Amazon EventBridge integration".
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

SOURCE_TYPE = "amazon-eventbridge-source"
Entity = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class AwsTarget:
    """The AWS account and region that get an integration's events, and the source's suffix."""

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
    """The specification of an integration; `topics` are the events that it passes on."""

    name: str
    notes: str
    target: AwsTarget
    topics: tuple[str, ...]

    def creation_body(self) -> dict[str, Any]:
        """Return the request body that makes it, without an AWS target yet."""
        return {"name": self.name, "integrationType": {"id": SOURCE_TYPE}}

    def configuration_body(self, version: int) -> dict[str, Any]:
        """Return the request body that replaces a version of its configuration."""
        return {
            "name": self.name,
            "version": version,
            "properties": {
                "awsAccountId": self.target.account_id,
                "awsAccountRegion": self.target.region,
                "eventSourceSuffix": self.target.suffix,
                "eventFilter": list(self.topics),
            },
            "advanced": {},
            "notes": self.notes,
            "credentials": {},
        }

    def differences(self, configuration: Entity) -> list[str]:
        """Return a clause for each difference of a configuration; its notes do not count."""
        differences = []
        if (target := target_of(configuration)) != self.target:
            differences.append(f"it feeds {target or 'nobody'}")
        topics = sorted(map(str, _properties_of(configuration).get("eventFilter") or ()))
        if topics != sorted(self.topics):
            differences.append(f"its topics are {', '.join(topics) or 'none'}")
        return differences

    def is_configured(self, configuration: Entity) -> bool:
        """Return whether nothing of a configuration needs to be changed."""
        return not self.differences(configuration) and configuration.get("notes") == self.notes


def target_of(configuration: Entity) -> AwsTarget | None:
    """Return the AWS target in a configuration, None where there is none."""
    properties = _properties_of(configuration)
    account_id, region, suffix = (
        str(properties.get(key) or "")
        for key in ("awsAccountId", "awsAccountRegion", "eventSourceSuffix")
    )
    return AwsTarget(account_id, region, suffix) if account_id else None


def _properties_of(configuration: Entity) -> Mapping[str, Any]:
    properties = configuration.get("properties")
    return properties if isinstance(properties, dict) else {}
