"""Reads the status of our own stack from CloudFormation."""

from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from aws_calls import (
    CALL_ERRORS,
    NEW_ROLE_SECONDS,
    CallError,
    call_once,
    client_config,
    code_of,
    describe,
    is_transient,
)
from deadline import Deadline
from genesys.errors import UserFacingError

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient

CLOUDFORMATION_CONFIG = client_config(read_timeout_seconds=5)
_GONE = "DELETE_COMPLETE"
_DENIED = ("AccessDenied", "AccessDeniedException")
# A destroy also deletes the role of this function. AWS then refuses the role's requests.
_REFUSED = (*_DENIED, "InvalidClientTokenId")
# The longest time for reading the status, with retries. In a large account, many programs may share
# the few requests that CloudFormation allows.
_READ_SECONDS = 30.0


class StackStatusUnknown(UserFacingError):
    """CloudFormation did not report the stack's status.

    Attributes
    ----------
    access_refused
        Whether AWS refused the request, so that retries are useless.
    """

    def __init__(self, stack: str, error: CallError) -> None:
        super().__init__(
            f"CloudFormation did not report the status of the stack {stack_name(stack)} "
            f"({describe(error, 'CloudFormation')})."
        )
        self.access_refused = code_of(error) in _REFUSED


def stack_name(stack: str) -> str:
    """Return the name in a stack's id, which is an ARN; a name is returned as it is."""
    return stack.split("/")[1] if stack.startswith("arn:") and "/" in stack else stack


def read_stack_status(
    cloudformation: "CloudFormationClient",
    stack: str,
    deadline: Deadline,
    *,
    role_may_be_new: bool = False,
) -> str:
    """Return a stack's status, such as `UPDATE_COMPLETE`; `DELETE_COMPLETE` if it does not exist.

    Parameters
    ----------
    stack
        The stack's name or id. Only an id tells a deleted stack from a new one of the same name.
    role_may_be_new
        Whether to retry if AWS denies access, as it does until a new role's permissions take
        effect.

    Raises
    ------
    StackStatusUnknown
        CloudFormation did not report the status.
    """
    last_error: CallError
    limit = deadline.within(_READ_SECONDS)
    role_limit = deadline.within(NEW_ROLE_SECONDS)
    for _ in limit.attempts(first_pause_seconds=1, max_pause_seconds=4, jittered=True):
        try:
            response = call_once(limit, cloudformation.describe_stacks, StackName=stack)
            return str(response["Stacks"][0]["StackStatus"])
        except CALL_ERRORS as error:
            if _says_missing(error):
                return _GONE
            last_error = error
            is_denied = code_of(error) in _DENIED
            may_be_late = role_may_be_new and is_denied and not role_limit.passed()
            if not (is_transient(error) or may_be_late):
                break
    raise StackStatusUnknown(stack, last_error) from last_error


def _says_missing(error: CallError) -> bool:
    # CloudFormation has no error code of its own for a missing stack.
    return (
        isinstance(error, ClientError)
        and code_of(error) == "ValidationError"
        and "does not exist" in str(error)
    )
