"""The specification of an integration of the type *Amazon EventBridge source*.

Genesys Cloud Resource Center: "About the Amazon EventBridge integration".
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

INTEGRATION_TYPE = "amazon-eventbridge-source"
Entity = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class AwsTarget:
    """Where an integration sends its events: an AWS account and region.

    The suffix is the last part of the partner event source's name.
    """

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
    """The specification of an integration, which sends the events of `topics` to `target`."""

    name: str
    notes: str
    target: AwsTarget
    topics: tuple[str, ...]

    def creation_body(self) -> dict[str, Any]:
        """Return the request body that creates the integration, without an AWS target yet."""
        return {"name": self.name, "integrationType": {"id": INTEGRATION_TYPE}}

    def configuration_body(self, version: int) -> dict[str, Any]:
        """Return the request body that replaces the given version of the configuration."""
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
        """Return a clause for each difference of a configuration; the notes do not count."""
        differences = []
        if (target := parse_target(configuration)) != self.target:
            differences.append(f"it feeds {target or 'nobody'}")
        topics = sorted(map(str, _parse_properties(configuration).get("eventFilter") or ()))
        if topics != sorted(self.topics):
            differences.append(f"its topics are {', '.join(topics) or 'none'}")
        return differences

    def matches(self, configuration: Entity) -> bool:
        """Return whether a configuration has no difference, including the notes."""
        return not self.differences(configuration) and configuration.get("notes") == self.notes


def parse_target(configuration: Entity) -> AwsTarget | None:
    """Return the AWS target in a configuration; None if there is none."""
    properties = _parse_properties(configuration)
    account_id, region, suffix = (
        str(properties.get(key) or "")
        for key in ("awsAccountId", "awsAccountRegion", "eventSourceSuffix")
    )
    return AwsTarget(account_id, region, suffix) if account_id else None


def _parse_properties(configuration: Entity) -> Mapping[str, Any]:
    properties = configuration.get("properties")
    return properties if isinstance(properties, dict) else {}
