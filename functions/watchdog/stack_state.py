"""The state of our own stack, which decides whether the watchdog may change Genesys Cloud.

A deploy and the watchdog must not change the same resource at the same time. Nothing locks the
resource for both, so the watchdog gives way:

- It heals only if the stack is settled, that is, if CloudFormation is not working on it and its
  resources are those of its template. Only then are the properties that the watchdog knows the ones
  that the resource should have. A stack that failed halfway needs its operator first.
- A deploy may begin after that check. Then the deploy, or the watchdog's next run, has the last
  word: the next run knows the new properties. So a deploy needs no clean-up.
- A destroy may begin after that check, and look for the resource before the watchdog has created
  it. So the watchdog reads the state again after it has made changes, and after Genesys Cloud's
  lists show the resource. If the stack is being deleted, the watchdog removes the resource. If the
  stack is not, a later destroy finds the resource.
"""

from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from aws_calls import (
    CALL_ERRORS,
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
# `UPDATE_COMPLETE_CLEANUP_IN_PROGRESS` is missing, because CloudFormation still deletes replaced
# resources. `UPDATE_FAILED` and `UPDATE_ROLLBACK_FAILED` are missing, because some resources have
# the properties of one template, and some of the other.
_SETTLED = (
    "CREATE_COMPLETE",
    "UPDATE_COMPLETE",
    "UPDATE_ROLLBACK_COMPLETE",
    "IMPORT_COMPLETE",
    "IMPORT_ROLLBACK_COMPLETE",
)
_GONE = "DELETE_COMPLETE"
# A destroy also deletes the role of this function. AWS then refuses the role's requests.
_REFUSED = ("AccessDenied", "AccessDeniedException", "InvalidClientTokenId")
# The longest time for reading the status, with retries.
_READ_SECONDS = 15.0


class StackStatusUnknown(UserFacingError):
    """CloudFormation did not report the stack's status.

    Attributes
    ----------
    access_refused
        Whether AWS refused the request, so that retries are useless.
    """

    def __init__(self, stack_name: str, error: CallError) -> None:
        super().__init__(
            f"CloudFormation did not report the status of the stack {stack_name} "
            f"({describe(error, 'CloudFormation')})."
        )
        self.access_refused = code_of(error) in _REFUSED


def is_settled(status: str) -> bool:
    """Return whether CloudFormation has finished, and the resources are those of the template."""
    return status in _SETTLED


def is_being_deleted(status: str) -> bool:
    """Return whether a stack is being deleted, or gone, or could not be deleted completely."""
    return status.startswith("DELETE_")


def read_stack_status(
    cloudformation: "CloudFormationClient", stack_name: str, deadline: Deadline
) -> str:
    """Return a stack's status, such as `UPDATE_COMPLETE`; `DELETE_COMPLETE` if it does not exist.

    Raises
    ------
    StackStatusUnknown
        CloudFormation did not report the status.
    """
    last_error: CallError
    limit = deadline.within(_READ_SECONDS)
    for _ in limit.attempts(first_pause_seconds=1):
        try:
            response = call_once(limit, cloudformation.describe_stacks, StackName=stack_name)
            return str(response["Stacks"][0]["StackStatus"])
        except CALL_ERRORS as error:
            if _says_missing(error):
                return _GONE
            last_error = error
            if not is_transient(error):
                break
    raise StackStatusUnknown(stack_name, last_error) from last_error


def _says_missing(error: CallError) -> bool:
    # CloudFormation has no error code of its own for a missing stack.
    return (
        isinstance(error, ClientError)
        and code_of(error) == "ValidationError"
        and "does not exist" in str(error)
    )
