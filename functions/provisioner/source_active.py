"""The custom resource `Custom::GenesysEventSourceActive`: a partner event source with its bus.

A source is PENDING until the bus of its name is there, so that only a resource made after the bus
can tell whether events will arrive; if not, the roll-back removes bus and integration. It makes
nothing itself.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from deadline import Deadline
from genesys.partner_source import wait_for
from provisioner.answer import Answer
from provisioner.request import RequestError

if TYPE_CHECKING:
    from mypy_boto3_events import EventBridgeClient

RESOURCE_TYPE = "Custom::GenesysEventSourceActive"
ACTIVE_SECONDS = 120.0


def once_active(
    event: Mapping[str, Any], events: "EventBridgeClient", deadline: Deadline
) -> Answer:
    """Answer a request once the source is active; a Delete, at once.

    Raises
    ------
    RequestError
        The request has no source's name.
    NotThere
        The source is not active in time.
    """
    kind = event.get("RequestType")
    if kind == "Delete":
        return Answer("SUCCESS", str(event.get("PhysicalResourceId")))
    name = (event.get("ResourceProperties") or {}).get("EventSourceName")
    if kind not in ("Create", "Update") or not isinstance(name, str) or not name:
        raise RequestError(f"RequestType {kind!r} with EventSourceName {name!r} is no request.")
    wait_for(
        events,
        name,
        ("ACTIVE",),
        deadline.within(ACTIVE_SECONDS),
        if_missing="Genesys Cloud or somebody in this account has deleted it. Destroy the stack "
        "and deploy it again",
    )
    return Answer("SUCCESS", f"active/{name}")
