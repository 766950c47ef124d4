"""Receipt to services that take many entries a call: grouped to fit, each told of its own fate."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionClosedError,
    ConnectTimeoutError,
    EndpointConnectionError,
    ParamValidationError,
)

from aws_calls import code_of, limits, may_pass
from conversations.end import ConversationEnd
from deadline import Deadline, interrupted_after
from destinations.destination import CALL_LIMIT, Receipt

# For the clients: what is repeated, and for how long, is decided here alone.
CLIENT_LIMITS = limits(read_timeout=3)
# A call can be refused in these ways because of one of its entries.
_ABOUT_AN_ENTRY = {
    "InvalidArgumentException",
    "RequestEntityTooLargeException",
    "SerializationException",
    "ValidationError",
    "ValidationException",
}


@dataclass(frozen=True, slots=True)
class BatchLimits:
    """What a service takes.

    Attributes
    ----------
    entries
        How many of them in a call.
    call_bytes, entry_bytes
        Of all entries of a call together, and of each.
    overhead
        Bytes of an entry that count besides the end's JSON.
    """

    entries: int
    call_bytes: int
    entry_bytes: int
    overhead: int


@dataclass(frozen=True, slots=True)
class _Entry:
    position: int
    content: Any
    size: int


def deliver(
    ends: Sequence[ConversationEnd],
    deadline: Deadline,
    *,
    limits: BatchLimits,
    entry: Callable[[ConversationEnd, bytes], Any],
    call: Callable[[list[Any]], list[str]],
) -> Iterator[Receipt]:
    """Deliver ends in as few calls as they fit into, and yield what became of them after each.

    An end that is too large is sent without `raw`; one that is too large even so is refused.

    Parameters
    ----------
    entry
        Returns the entry for an end and its JSON.
    call
        Sends entries and returns a code for each, an empty one where it arrived.
    """
    group: list[_Entry] = []
    size = 0
    for position, end in enumerate(ends):
        if deadline.passed():
            return
        body, json_size = _fitting_json(end, limits.entry_bytes - limits.overhead)
        if body is None:
            yield Receipt(position, "refused", _too_large(json_size, limits))
            continue
        due = _Entry(position, entry(end, body), json_size + limits.overhead)
        if len(group) == limits.entries or size + due.size > limits.call_bytes:
            yield from _send(group, call, deadline)
            group, size = [], 0
        group.append(due)
        size += due.size
    yield from _send(group, call, deadline)


def _fitting_json(end: ConversationEnd, limit: int) -> tuple[bytes | None, int]:
    """Return an end's JSON, without `raw` if need be, and its size; None if it cannot fit."""
    size = 0
    for raw in (True, False):
        try:
            body = end.as_json(raw=raw)
        except RecursionError:  # read with just enough stack, and written with a little less
            continue
        size = len(body)
        if size <= limit:
            return body, size
    return None, size


def _too_large(json_size: int, limits: BatchLimits) -> str:
    if not json_size:
        return "nested too deeply to be written as JSON"
    size = json_size + limits.overhead
    return f"too large: {size} bytes without `raw`, and at most {limits.entry_bytes} are taken"


def _send(
    group: Sequence[_Entry], call: Callable[[list[Any]], list[str]], deadline: Deadline
) -> Iterator[Receipt]:
    if not group or deadline.passed():
        return
    try:
        codes = _called(group, call, deadline)
    except (ClientError, BotoCoreError, TimeoutError) as error:
        if len(group) > 1 and _is_about_an_entry(error):
            # One that is not taken must not keep the others from arriving.
            middle = len(group) // 2
            yield from _send(group[:middle], call, deadline)
            yield from _send(group[middle:], call, deadline)
            return
        codes = [code_of(error)] * len(group)
    if len(codes) != len(group):
        codes = ["an answer for each was expected"] * len(group)
    for due, code in zip(group, codes, strict=True):
        yield Receipt(due.position, "failed" if code else "arrived", code)


def _called(
    group: Sequence[_Entry], call: Callable[[list[Any]], list[str]], deadline: Deadline
) -> list[str]:
    """Return the call's codes; it is repeated a little if the service may only have a bad moment.

    A call without an answer in time is not: it has taken long enough, and may have arrived.
    """
    contents = [due.content for due in group]
    failure: Exception
    for _ in deadline.tries(0.1, growth=4, most=3, jittered=True):
        try:
            with interrupted_after(min(CALL_LIMIT, deadline.left())):
                return call(contents)
        except (ClientError, BotoCoreError) as error:
            if not _is_soon_over(error):
                raise
            failure = error
    raise failure


def _is_soon_over(error: ClientError | BotoCoreError) -> bool:
    if isinstance(error, ClientError):
        return may_pass(error)
    # The last is what a connection that idled for too long comes to.
    return isinstance(error, EndpointConnectionError | ConnectTimeoutError | ConnectionClosedError)


def _is_about_an_entry(error: ClientError | BotoCoreError | TimeoutError) -> bool:
    return isinstance(error, ParamValidationError) or code_of(error) in _ABOUT_AN_ENTRY
