"""The partner event source in AWS that Genesys Cloud makes for an integration, and its state."""

from collections.abc import Collection
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from aws_calls import client_config, code_of
from deadline import Deadline

if TYPE_CHECKING:
    from mypy_boto3_events import EventBridgeClient

CLIENT_LIMITS = client_config(read_timeout=5)
# A role that was made a moment ago may not have reached all of AWS yet.
NEW_ROLE_SECONDS = 20.0


class Unknown(Exception):
    """AWS could not be asked how a partner event source is."""


class NotThere(Exception):
    """A partner event source that AWS does not show as it should be; the text says what to do."""


def source_name(organization_id: str, suffix: str) -> str:
    """Return the name of the partner event source, which its event bus must have too."""
    return f"aws.partner/genesys.com/cloud/{organization_id}/{suffix}"


def state_of(events: "EventBridgeClient", name: str) -> str:
    """Return a source's state, or the code of the error that came instead."""
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
        What to tell the user if AWS knows no such source.

    Raises
    ------
    NotThere
        If it does not by the deadline.
    """
    new_role = limit.within(NEW_ROLE_SECONDS)
    for pause in limit.tries(1, longest=5):
        seen = state_of(events, name)
        if seen in states:
            return
        if seen == "AccessDeniedException" and pause >= new_role.left():
            break
    raise NotThere(f"{_what_was_seen(seen, name, if_missing)}.")


def _what_was_seen(seen: str, name: str, if_missing: str) -> str:
    match seen:
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
    return f"AWS could not be asked for the partner event source {name} ({seen}). Deploy again"
