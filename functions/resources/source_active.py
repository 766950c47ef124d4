"""The custom resource `Custom::GenesysEventSourceActive` waits for an active partner event source.

A partner event source is PENDING until it has a partner event bus. Therefore CloudFormation creates
this custom resource after the bus. If the partner event source does not become active, the custom
resource fails, and CloudFormation's roll-back removes the new bus and the new integration.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from deadline import Deadline
from genesys.partner_source import wait_for_state
from resources.properties import validate

if TYPE_CHECKING:
    from mypy_boto3_events import EventBridgeClient

# The longest wait until the partner event source is active.
ACTIVATION_SECONDS = 120.0


def wait_until_partner_source_active(
    properties: Mapping[str, Any], eventbridge: "EventBridgeClient", deadline: Deadline
) -> str:
    """Wait until a partner event source is active; return the custom resource's physical id.

    Raises
    ------
    InvalidProperties
        The partner event source's name is missing or not a string.
    SourceNotReady
        The partner event source did not become active in time.
    """
    validate(properties, string_keys=["EventSourceName"], list_keys=[], property_checks={})
    name = properties["EventSourceName"]
    wait_for_state(
        eventbridge,
        name,
        ("ACTIVE",),
        deadline.within(ACTIVATION_SECONDS),
        explanation_if_missing="Genesys Cloud or somebody in this account has deleted it. Destroy "
        "the stack and deploy it again",
    )
    return f"active/{name}"
