"""Sends ends to AWS services that accept several entries in a call and report on each entry."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ParamValidationError

from aws_calls import CALL_ERRORS, CallError, client_config, code_of
from conversations.end import ConversationEnd
from deadline import Deadline
from destinations.destination import CALL_SECONDS, Receipt

CLIENT_CONFIG = client_config(read_timeout_seconds=3)
# If a call fails with one of these codes, a single entry may be at fault, so the entries are sent
# again in two halves. With every other code, halving would only waste calls.
_ENTRY_ERROR_CODES = {
    "InvalidArgumentException",
    "RequestEntityTooLargeException",
    "SerializationException",
    "ValidationError",
    "ValidationException",
}

Sender = Callable[[list[Any], Deadline], list[str]]
"""Sends entries in one call; returns each entry's error code, empty if the entry arrived."""


@dataclass(frozen=True, slots=True)
class CallLimits:
    """A service's limits for a call.

    Attributes
    ----------
    max_entries
        The maximum number of entries in a call.
    max_call_bytes
        The maximum size of all entries of a call together.
    max_entry_bytes
        The maximum size of one entry.
    overhead_bytes
        The bytes that the service counts for an entry in addition to the end's JSON.
    """

    max_entries: int
    max_call_bytes: int
    max_entry_bytes: int
    overhead_bytes: int


class _EndRefused(Exception):
    """An end cannot be sent; the exception's text is the receipt's detail."""


@dataclass(frozen=True, slots=True)
class _Entry:
    """An end as the service gets it.

    Attributes
    ----------
    position
        The end's index among the ends to send.
    content
        The entry in the service's own format.
    counted_bytes
        The entry's size as the service counts it.
    """

    position: int
    content: Any
    counted_bytes: int


def send_in_groups(
    ends: Sequence[ConversationEnd],
    deadline: Deadline,
    *,
    limits: CallLimits,
    make_entry: Callable[[ConversationEnd, bytes], Any],
    send: Sender,
) -> Iterator[Receipt]:
    """Send ends in as few calls as the limits allow; yield each call's receipts after the call.

    The entries of one call are a group. An end that is too large, or nested too deeply to be
    encoded, is sent without `raw`. If that is not enough, the end is refused.

    Parameters
    ----------
    make_entry
        Takes an end and its JSON, and returns the entry for the service.
    """
    group: list[_Entry] = []
    group_bytes = 0
    for position, end in enumerate(ends):
        if deadline.passed():
            # Neither the group nor the remaining ends are sent, so none of them gets a receipt.
            return
        try:
            end_json = _encode(end, limits)
        except _EndRefused as refusal:
            yield Receipt(position, "refused", str(refusal))
            continue
        entry = _Entry(
            position,
            content=make_entry(end, end_json),
            counted_bytes=len(end_json) + limits.overhead_bytes,
        )
        is_group_full = (
            len(group) == limits.max_entries
            or group_bytes + entry.counted_bytes > limits.max_call_bytes
        )
        if is_group_full:
            yield from _send_group(group, send, deadline)
            group, group_bytes = [], 0
        group.append(entry)
        group_bytes += entry.counted_bytes
    yield from _send_group(group, send, deadline)


def _encode(end: ConversationEnd, limits: CallLimits) -> bytes:
    """Return an end's JSON. Leave `raw` out only if that is necessary.

    Raises
    ------
    _EndRefused
        If the end is too large, or nested too deeply to be encoded, even without `raw`.
    """
    detail = ""  # Each attempt sets this, but only the one without `raw` is reported.
    for include_raw in (True, False):
        try:
            end_json = end.as_json(include_raw=include_raw)
        except RecursionError:  # Encoding needs more stack than decoding, which succeeded.
            detail = "nested too deeply to be written as JSON"
            continue
        size = len(end_json) + limits.overhead_bytes
        if size <= limits.max_entry_bytes:
            return end_json
        detail = f"too large: {size} bytes without `raw`; the limit is {limits.max_entry_bytes}"
    raise _EndRefused(detail)


def _send_group(group: Sequence[_Entry], send: Sender, deadline: Deadline) -> Iterator[Receipt]:
    """Send a group, and yield a receipt for each entry that is sent before the deadline."""
    if not group or deadline.passed():
        return
    try:
        details = send([entry.content for entry in group], deadline.within(CALL_SECONDS))
    except CALL_ERRORS as error:
        if len(group) > 1 and _may_concern_one_entry(error):
            # One invalid entry must not stop the other entries.
            middle = len(group) // 2
            yield from _send_group(group[:middle], send, deadline)
            yield from _send_group(group[middle:], send, deadline)
            return
        details = [code_of(error)] * len(group)
    if len(details) != len(group):
        details = ["the response does not report on each entry"] * len(group)
    for entry, detail in zip(group, details, strict=True):
        yield Receipt(entry.position, "failed" if detail else "arrived", detail)


def _may_concern_one_entry(error: CallError) -> bool:
    # botocore raises `ParamValidationError` if an entry is invalid, and sends nothing.
    return isinstance(error, ParamValidationError) or code_of(error) in _ENTRY_ERROR_CODES
