"""The specification of an *Amazon EventBridge Source* integration, and the parsing of responses.

See "About the Amazon EventBridge integration" in the Genesys Cloud Resource Center.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from outside_text import one_line

INTEGRATION_TYPE = "amazon-eventbridge-source"
# Every integration of Queue Ends has notes that begin with these words and the stack's name.
_NOTES_START = "Conversation events for the AWS stack "
# From these words on, the notes name the stack's account and region. Versions before December 2026
# left them out.
_NOTES_ON_ACCOUNT = " (account "
Entity = Mapping[str, Any]
"""A JSON object in a response: an integration, or an integration's configuration."""


class ConfigurationFields(msgspec.Struct):
    """The fields of a configuration without which nobody can tell whose an integration is."""

    version: int | None = None
    properties: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class AwsTarget:
    """The AWS account and region that an integration sends its events to.

    `suffix` is the last part of the partner event source's name.
    """

    account_id: str
    region: str
    suffix: str

    def __str__(self) -> str:
        return one_line(
            f"the AWS account {self.account_id} in {self.region or 'no region'} with the event "
            f"source suffix {self.suffix!r}"
        )


@dataclass(frozen=True, slots=True)
class IntegrationSpec:
    """The specification of an integration that sends the events of `topics` to `target`.

    `notes` say for people, and for other stacks, which stack the integration belongs to.
    """

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

    def owns(self, target: AwsTarget | None, notes: str) -> bool:
        """Return whether an integration with our name is ours, by its target and its notes.

        An integration has no target yet if its creation was interrupted. Then it is ours unless
        its notes are those of another stack. A person may have added something to the notes.
        """
        if target:
            return target == self.target
        notes_without_account, _, _ = self.notes.partition(_NOTES_ON_ACCOUNT)
        names_us = notes.startswith(self.notes) or notes == notes_without_account
        return names_us or not notes.startswith(_NOTES_START)

    def differences(self, configuration: Entity) -> list[str]:
        """Return how a configuration differs from this specification in its target and topics.

        Each difference is a clause for a message, such as `it feeds nobody`. The notes are not
        compared, because they do not affect which events are sent.
        """
        differences = []
        if (target := parse_target(configuration)) != self.target:
            differences.append(f"it feeds {target or 'nobody'}")
        try:
            topics = msgspec.convert(
                _parse_properties(configuration).get("eventFilter") or [], list[str]
            )
        except msgspec.ValidationError:
            return [*differences, "its topics are no list of texts"]
        if sorted(topics) != sorted(self.topics):
            differences.append(f"its topics are {', '.join(sorted(topics)) or 'none'}")
        return differences

    def matches(self, configuration: Entity) -> bool:
        """Return whether a configuration's target, topics and notes are as specified."""
        return not self.differences(configuration) and configuration.get("notes") == self.notes


def make_notes(stack_name: str, account_id: str, region: str) -> str:
    """Return the notes of a stack's integration."""
    return f"{_NOTES_START}{stack_name}{_NOTES_ON_ACCOUNT}{account_id}, region {region})"


def describe_owner(target: AwsTarget | None, notes: str) -> str:
    """Return what an integration says of the stack that it belongs to, as a predicate."""
    if target:
        return f"feeds {target}"
    return f'feeds nobody yet, and has the notes "{notes}"' if notes else "feeds nobody yet"


def parse_target(configuration: Entity) -> AwsTarget | None:
    """Return the AWS target in a configuration, or None if there is no target."""
    properties = _parse_properties(configuration)
    account_id, region, suffix = (
        str(properties.get(key) or "")
        for key in ("awsAccountId", "awsAccountRegion", "eventSourceSuffix")
    )
    return AwsTarget(account_id, region, suffix) if account_id else None


def parse_type(entity: Entity) -> object:
    """Return the id of an integration's type."""
    match entity.get("integrationType"):
        case {"id": type_id}:
            return type_id
    return None


def parse_state(entity: Entity) -> object:
    """Return the state that an integration reports, which may differ from the intended state."""
    match entity.get("reportedState"):
        case {"code": code}:
            return code
    return None


def parse_state_detail(entity: Entity) -> str:
    """Return Genesys Cloud's explanation of the state, in parentheses; empty if there is none."""
    match entity.get("reportedState"):
        case {"detail": dict() as detail}:
            keys = ("message", "messageWithParams", "localizableMessageCode")
            explanation = next((detail[key] for key in keys if detail.get(key)), "")
            return f" ({explanation})" if explanation else ""
    return ""


def _parse_properties(configuration: Entity) -> Mapping[str, Any]:
    properties = configuration.get("properties")
    return properties if isinstance(properties, dict) else {}
