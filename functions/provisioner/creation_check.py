"""Checks that the stack still waits for the resource that a request is about to create.

If another resource fails, or if somebody deletes the stack, CloudFormation does not wait for a
request that is still running. It sends a Delete, with a physical id that it has invented. The
Delete finds nothing if the running request has not created the resource yet, for example because
Genesys Cloud has asked it to wait. Nobody would own a resource that appeared after that.

So the provisioner asks for the stack's status right before each attempt at the creation, right
after the creation, and once more when Genesys Cloud's lists show the resource. If the stack does
not wait any more, it creates nothing, or removes what it has created. A Delete that comes after the
last question finds the resource.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from deadline import Deadline
from genesys.errors import CreationUnwanted
from provisioner.request import Request
from resources.stack_status import StackStatusUnknown, read_stack_status, stack_name

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient

# The statuses in which CloudFormation sends requests that may create a resource, and waits for them
# (see "CloudFormation internals" in the documentation of the AWS CDK's source code).
_WAITING: tuple[str, ...] = ("CREATE_IN_PROGRESS", "UPDATE_IN_PROGRESS", "IMPORT_IN_PROGRESS")
# In this status, CloudFormation sends Updates that restore the old properties. Such an Update must
# create the resource if somebody has deleted it. But CloudFormation does not wait any more for an
# Update that it has sent before the roll-back.
_ROLLING_BACK = "UPDATE_ROLLBACK_IN_PROGRESS"
# The longest time for reading the status when an Update begins.
_FIRST_READ_SECONDS = 5.0


def make_creation_check(
    request: Request, cloudformation: "CloudFormationClient", deadline: Deadline
) -> Callable[[], None]:
    """Return a function that raises `CreationUnwanted` if the stack does not wait for the request.

    It raises the error also if CloudFormation does not report the stack's status.
    """
    stack, noun = request.stack_id, request.resource.noun
    role_may_be_new = True
    restores = request.kind == "Update" and _is_rolling_back(cloudformation, stack, deadline)
    waiting = (_ROLLING_BACK,) if restores else _WAITING

    def check() -> None:
        nonlocal role_may_be_new
        try:
            status = read_stack_status(
                cloudformation, stack, deadline, role_may_be_new=role_may_be_new
            )
        except StackStatusUnknown as error:
            raise CreationUnwanted(
                f"{error} So nobody knows whether the stack still waits for the {noun}, and no "
                f"new {noun} may stay in Genesys Cloud. {_advise(error)}"
            ) from error
        # If AWS denies access from now on, the role has been deleted.
        role_may_be_new = False
        if status not in waiting:
            raise CreationUnwanted(
                f"The stack {stack_name(stack)} is in the state {status} and does not wait for the "
                f"{noun} any more. So no new {noun} may stay in Genesys Cloud."
            )

    return check


def _is_rolling_back(
    cloudformation: "CloudFormationClient", stack: str, deadline: Deadline
) -> bool:
    """Return whether the stack is rolling an update back; False if that is unknown."""
    try:
        status = read_stack_status(cloudformation, stack, deadline.within(_FIRST_READ_SECONDS))
    except StackStatusUnknown:
        # Only an Update that creates a resource needs the status. It asks again.
        return False
    return status == _ROLLING_BACK


def _advise(error: StackStatusUnknown) -> str:
    if error.access_refused:
        return (
            "Let the provisioner's role use cloudformation:DescribeStacks: look for a permissions "
            "boundary or a service control policy that denies it. Then deploy again."
        )
    return "Deploy again."
