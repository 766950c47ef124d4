"""AWS CloudFormation in memory: the status of one stack."""

from collections import deque
from collections.abc import Callable
from typing import Any

from botocore.exceptions import ClientError

STACK_NAME = "QueueEnds-dev"
STACK_ID = f"arn:aws:cloudformation:eu-west-1:111122223333:stack/{STACK_NAME}/9f"
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
        self._actions: dict[int, Callable[[], object]] = {}

    def before_call(self, number: int, action: Callable[[], object]) -> None:
        """Call `action` once, immediately before the call with this number from now, from 1 on."""
        self._actions[self.call_count + number] = action

    def describe_stacks(self, *, StackName: str) -> dict[str, Any]:  # noqa: N803 - AWS's name
        self.call_count += 1
        self._actions.pop(self.call_count, lambda: None)()
        failure = self.next_failures.popleft() if self.next_failures else self.failure
        if isinstance(failure, Exception):
            raise failure
        if failure:
            raise _client_error(failure, "refused")
        if StackName == STACK_ID and self.status == GONE:
            # AWS remembers a deleted stack's id for 90 days.
            return {"Stacks": [{"StackName": STACK_NAME, "StackStatus": "DELETE_COMPLETE"}]}
        if StackName not in (STACK_NAME, STACK_ID) or self.status == GONE:
            raise _client_error("ValidationError", f"Stack with id {StackName} does not exist")
        return {"Stacks": [{"StackName": STACK_NAME, "StackStatus": self.status}]}


def _client_error(code: str, message: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, "DescribeStacks")
