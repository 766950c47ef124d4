"""The state of an integration's partner event source in AWS."""

from collections.abc import Collection
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from aws_calls import NEW_ROLE_SECONDS, client_config, describe
from deadline import Deadline
from genesys.errors import UserFacingError

if TYPE_CHECKING:
    from mypy_boto3_events import EventBridgeClient

EVENTBRIDGE_CONFIG = client_config(read_timeout_seconds=5)
ACCESS_DENIED = "AccessDeniedException"
# The state, or the error code, of a partner event source that Genesys Cloud has deleted.
GONE = ("DELETED", "ResourceNotFoundException")


class SourceStateUnknown(UserFacingError):
    """AWS did not report a partner event source's state; a later request may succeed."""


class SourceNotReady(UserFacingError):
    """A partner event source did not reach the expected state in time."""


def source_name(organization_id: str, suffix: str) -> str:
    """Return a partner event source's name, which is also the name of its bus."""
    return f"aws.partner/genesys.com/cloud/{organization_id}/{suffix}"


def read_state_or_error_code(eventbridge: "EventBridgeClient", name: str) -> str:
    """Return a partner event source's state, or the error code if the request fails."""
    try:
        return str(eventbridge.describe_event_source(Name=name).get("State", "no state"))
    except (ClientError, BotoCoreError) as error:
        return describe(error, "EventBridge")


def wait_for_state(
    eventbridge: "EventBridgeClient",
    name: str,
    expected_states: Collection[str],
    deadline: Deadline,
    *,
    explanation_if_missing: str,
    explanation_if_pending: str = "stays PENDING although its event bus exists. Deploy again; if "
    "it is still PENDING then, ask Genesys Cloud's support",
) -> None:
    """Wait until a partner event source is in one of the expected states.

    A partner event source is PENDING until an event bus with its name exists, then ACTIVE, and
    DELETED after Genesys Cloud has deleted it (see "DescribeEventSource" in the Amazon EventBridge
    API Reference).

    Parameters
    ----------
    explanation_if_missing, explanation_if_pending
        The reason and remedy in the error message if the partner event source does not exist, or
        stays PENDING.

    Raises
    ------
    SourceNotReady
        The partner event source is in none of the expected states at the deadline, or AWS still
        denies access when the IAM role is no longer new.
    """
    new_role_deadline = deadline.within(NEW_ROLE_SECONDS)
    for next_pause_seconds in deadline.attempts(first_pause_seconds=1, max_pause_seconds=5):
        state_or_code = read_state_or_error_code(eventbridge, name)
        if state_or_code in expected_states:
            return
        role_is_new_at_next_attempt = next_pause_seconds < new_role_deadline.left()
        if state_or_code == ACCESS_DENIED and not role_is_new_at_next_attempt:
            break
    if state_or_code == "PENDING":
        raise SourceNotReady(f"The partner event source {name} {explanation_if_pending}.")
    raise SourceNotReady(_explain_state(state_or_code, name, explanation_if_missing))


def _explain_state(state_or_code: str, name: str, explanation_if_missing: str) -> str:
    match state_or_code:
        case "DELETED":
            return (
                f"Genesys Cloud has deleted the partner event source {name}, so no events "
                "arrive any more. Destroy the stack and deploy it again."
            )
        case "ResourceNotFoundException":
            return f"AWS does not show the partner event source {name}: {explanation_if_missing}."
        case "AccessDeniedException":
            return (
                f"AWS does not let the function look at the partner event source {name}: its role "
                "needs events:DescribeEventSource for it."
            )
    return (
        f"AWS could not be asked for the partner event source {name} ({state_or_code}). "
        "Deploy again."
    )


def source_differences(state_or_code: str, name: str) -> list[str]:
    """Return an empty list if a partner event source is active; else a list with one sentence.

    Parameters
    ----------
    state_or_code
        The result of `read_state_or_error_code`.

    Raises
    ------
    SourceStateUnknown
        AWS did not report the state.
    """
    if state_or_code in GONE:
        return [f"The partner event source {name} was deleted: no events arrive."]
    match state_or_code:
        case "ACTIVE":
            return []
        case "PENDING":
            return [f"The partner event source {name} has no event bus: no events arrive."]
        case "AccessDeniedException":
            return [
                f"AWS does not let the watchdog see the partner event source {name}: its role "
                "needs events:DescribeEventSource for it."
            ]
    raise SourceStateUnknown(
        f"AWS did not report the state of the partner event source ({state_or_code})."
    )
