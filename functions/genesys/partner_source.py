"""The partner event source that an integration has in AWS, and its state."""

from collections.abc import Collection
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from aws_calls import client_config, code_of
from deadline import Deadline
from genesys.errors import Explained

if TYPE_CHECKING:
    from mypy_boto3_events import EventBridgeClient

CLIENT_LIMITS = client_config(read_timeout_seconds=5)
# A role that was made a moment ago may not have reached all of AWS yet.
NEW_ROLE_SECONDS = 20.0


class SourceStateUnknown(Explained):
    """AWS did not tell the state of a partner event source, for a reason that may pass."""


class SourceNotReady(Explained):
    """A partner event source that AWS does not show in the state that is needed."""


def source_name(organization_id: str, suffix: str) -> str:
    """Return the name of the partner event source, which its event bus must have too."""
    return f"aws.partner/genesys.com/cloud/{organization_id}/{suffix}"


def state_of(events: "EventBridgeClient", name: str) -> str:
    """Return a source's state, or the code of the error if AWS refuses to tell it."""
    try:
        return str(events.describe_event_source(Name=name).get("State", "without a state"))
    except (ClientError, BotoCoreError) as error:
        return code_of(error)


def wait_for(
    events: "EventBridgeClient",
    name: str,
    states: Collection[str],
    limit: Deadline,
    *,
    if_missing: str,
) -> None:
    """Wait until AWS shows a partner event source in one of some states.

    A source is PENDING until there is an event bus of its name, ACTIVE from then on, and DELETED
    once the partner has deleted it (Amazon EventBridge API Reference, "DescribeEventSource").

    Parameters
    ----------
    if_missing
        The reason and the remedy, if AWS knows no such source.

    Raises
    ------
    SourceNotReady
        If it does not by the deadline.
    """
    new_role = limit.within(NEW_ROLE_SECONDS)
    for pause in limit.attempts(1, max_pause_seconds=5):
        state = state_of(events, name)
        if state in states:
            return
        if state == "AccessDeniedException" and pause >= new_role.left():
            break
    raise SourceNotReady(f"{_explanation(state, name, if_missing)}.")


def _explanation(state: str, name: str, if_missing: str) -> str:
    match state:
        case "PENDING":
            return (
                f"The partner event source {name} stays PENDING although its event bus is there. "
                "Deploy again; if it stays so, ask Genesys Cloud's support"
            )
        case "DELETED":
            return (
                f"Genesys Cloud has deleted the partner event source {name}, so that nothing "
                "arrives any more. Destroy the stack and deploy it again"
            )
        case "ResourceNotFoundException":
            return f"AWS does not show the partner event source {name}: {if_missing}"
        case "AccessDeniedException":
            return (
                f"AWS does not let the function look at the partner event source {name}: its role "
                "needs events:DescribeEventSource for it"
            )
    return f"AWS could not be asked for the partner event source {name} ({state}). Deploy again"


def difference_of(events: "EventBridgeClient", name: str) -> list[str]:
    """Return a sentence if no events arrive through a source, or AWS forbids looking at it.

    Raises
    ------
    SourceStateUnknown
        AWS did not tell the state.
    """
    state = state_of(events, name)
    match state:
        case "ACTIVE":
            return []
        case "PENDING":
            return [f"The partner event source {name} has no event bus: no events arrive."]
        case "DELETED" | "ResourceNotFoundException":
            return [f"The partner event source {name} was deleted: no events arrive."]
        case "AccessDeniedException":
            return [
                f"AWS does not let the watchdog see the partner event source {name}: its role "
                "needs events:DescribeEventSource for it."
            ]
    raise SourceStateUnknown(f"AWS did not say how the partner event source is ({state}).")
