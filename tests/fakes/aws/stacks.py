"""AWS CloudFormation in memory: the status of one stack."""

from collections import deque
from typing import Any

from botocore.exceptions import ClientError

STACK_NAME = "QueueEnds-dev"
GONE = "GONE"
"""The status of a stack that does not exist any more."""


class FakeStacks:
    """The stack `QueueEnds-dev`.

    Attributes
    ----------
    status
        The stack's status, or `GONE`.
    next_failures
        AWS error codes, or exceptions, of the next calls.
    failure
        The AWS error code of each call after those; None for success.
    call_count
        The number of calls so far.
    """

    def __init__(self) -> None:
        self.status = "CREATE_COMPLETE"
        self.next_failures: deque[str | Exception] = deque()
        self.failure: str | None = None
        self.call_count = 0

    def describe_stacks(self, *, StackName: str) -> dict[str, Any]:  # noqa: N803 - AWS's name
        self.call_count += 1
        failure = self.next_failures.popleft() if self.next_failures else self.failure
        if isinstance(failure, Exception):
            raise failure
        if failure:
            raise _client_error(failure, "refused")
        if StackName != STACK_NAME or self.status == GONE:
            raise _client_error("ValidationError", f"Stack with id {StackName} does not exist")
        return {"Stacks": [{"StackName": StackName, "StackStatus": self.status}]}


def _client_error(code: str, message: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, "DescribeStacks")
