"""Sends messages in groups that each fit into one call to SQS."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from aws_lambda_powertools import Logger

from aws_calls import CALL_ERRORS, call, describe
from deadline import Deadline

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

# Limits of SQS (see "Amazon SQS message quotas" in the AWS documentation): the entries of a call,
# and the bytes of a message, which are also those of all messages of a call together.
MAX_ENTRIES = 10
MAX_BYTES = 1_048_576

_Item = TypeVar("_Item")


def send_bodies(
    sqs: "SQSClient",
    queue_url: str,
    bodies: Sequence[str],
    deadline: Deadline,
    *,
    delay_seconds: int = 0,
    logger: Logger,
) -> list[bool]:
    """Send messages to a queue; return for each whether SQS has confirmed it.

    A message that was not confirmed may have been sent all the same.

    Parameters
    ----------
    bodies
        The bodies, in ASCII, each within SQS's limit.
    """
    sent_flags = [False] * len(bodies)
    for group in split_into_groups(range(len(bodies)), lambda position: len(bodies[position])):
        if deadline.passed():
            break
        entries = [
            {"MessageBody": bodies[position], "DelaySeconds": delay_seconds} for position in group
        ]
        try:
            error_codes = call_for_group(sqs.send_message_batch, queue_url, entries, deadline)
        except CALL_ERRORS as error:
            logger.warning("Messages not sent", error=describe(error, "SQS"), ends=len(group))
            continue
        for index, position in enumerate(group):
            sent_flags[position] = index not in error_codes
    return sent_flags


def call_for_group(
    operation: Callable[..., Any],
    queue_url: str,
    entries: Sequence[Mapping[str, Any]],
    deadline: Deadline,
) -> dict[int, str]:
    """Call SQS for some entries; return the refused entries' error codes, keyed by position."""
    numbered_entries = [{"Id": str(position), **entry} for position, entry in enumerate(entries)]
    response = call(deadline, operation, QueueUrl=queue_url, Entries=numbered_entries)
    return {int(refusal["Id"]): refusal["Code"] for refusal in response.get("Failed", [])}


def split_into_groups(
    items: Iterable[_Item], size_of: Callable[[_Item], int]
) -> Iterator[list[_Item]]:
    """Yield groups that each fit into one call. `size_of` returns an item's size in bytes."""
    group: list[_Item] = []
    group_size = 0
    for item in items:
        size = size_of(item)
        if group and (len(group) == MAX_ENTRIES or group_size + size > MAX_BYTES):
            yield group
            group, group_size = [], 0
        group.append(item)
        group_size += size
    if group:
        yield group
