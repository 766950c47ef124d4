"""The specification of an integration of the type *Amazon EventBridge Source*.

See "About the Amazon EventBridge integration" in the Genesys Cloud Resource Center.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

INTEGRATION_TYPE = "amazon-eventbridge-source"
Entity = Mapping[str, Any]
"""A JSON object in a response: an integration, or an integration's configuration."""


@dataclass(frozen=True, slots=True)
class AwsTarget:
    """The AWS account and region that an integration sends its events to.

    `suffix` is the last part of the partner event source's name.
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
    """The specification of an integration that sends the events of `topics` to `target`."""

    name: str
    notes: str
    target: AwsTarget
    topics: tuple[str, ...]

    def creation_body(self) -> dict[str, Any]:
        """Return the request body that creates the integration, at first without an AWS target."""
        return {"name": self.name, "integrationType": {"id": INTEGRATION_TYPE}}

    def configuration_body(self, version: int) -> dict[str, Any]:
        """Return the request body that replaces version `version` of the configuration."""
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
        """Return how a configuration differs from this specification in its target and topics.

        Each difference is a clause for a message, such as `it feeds nobody`. The notes are not
        compared, because they do not affect which events are sent.
        """
        differences = []
        if (target := parse_target(configuration)) != self.target:
            differences.append(f"it feeds {target or 'nobody'}")
        topics = sorted(map(str, _parse_properties(configuration).get("eventFilter") or ()))
        if topics != sorted(self.topics):
            differences.append(f"its topics are {', '.join(topics) or 'none'}")
        return differences

    def matches(self, configuration: Entity) -> bool:
        """Return whether a configuration's target, topics and notes are as specified."""
        return not self.differences(configuration) and configuration.get("notes") == self.notes


def parse_target(configuration: Entity) -> AwsTarget | None:
    """Return the AWS target in a configuration, or None if there is no target."""
    properties = _parse_properties(configuration)
    account_id, region, suffix = (
        str(properties.get(key) or "")
        for key in ("awsAccountId", "awsAccountRegion", "eventSourceSuffix")
    )
    return AwsTarget(account_id, region, suffix) if account_id else None


def _parse_properties(configuration: Entity) -> Mapping[str, Any]:
    properties = configuration.get("properties")
    return properties if isinstance(properties, dict) else {}
