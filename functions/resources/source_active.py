"""The condition `Custom::GenesysEventSourceActive`: a partner event source is active.

A source is PENDING until there is a bus of its name, so that only a resource made after the bus can
tell whether events will arrive. If it fails, the roll-back removes bus and integration.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from deadline import Deadline
from genesys.partner_source import wait_for
from resources.properties import checked

if TYPE_CHECKING:
    from mypy_boto3_events import EventBridgeClient

ACTIVE_SECONDS = 120.0


def once_active(
    properties: Mapping[str, Any], events: "EventBridgeClient", deadline: Deadline
) -> str:
    """Wait until the source is active, and return the id for CloudFormation.

    Raises
    ------
    InvalidProperties
        There is no source's name.
    SourceNotReady
        The source is not active in time.
    """
    name = checked(properties, ["EventSourceName"], [], {})["EventSourceName"]
    wait_for(
        events,
        name,
        ("ACTIVE",),
        deadline.within(ACTIVE_SECONDS),
        if_missing="Genesys Cloud or somebody in this account has deleted it. Destroy the stack "
        "and deploy it again",
    )
    return f"active/{name}"
